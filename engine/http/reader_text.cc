#include <algorithm>
#include <utility>

#include "engine/http/reader.h"

namespace mailhaul::http {
namespace {

// What the index finds but the store no longer has: it will be told of soon. More in a row than
// this and the index is too far behind to answer.
constexpr size_t kGoneMax = kRowsScannedMax;

}  // namespace

Result<store::MessagePage> Reader::ReadTextRows(const MessageFilter& filter,
                                                const store::MessageQuery& query) const {
  TextQuery wanted;
  wanted.tenant = query.tenant;
  wanted.mailbox = query.mailbox;
  wanted.text = filter.text;
  wanted.after = query.after;
  wanted.before = query.before;
  wanted.limit = query.limit;
  if (query.cursor_date.has_value()) {
    wanted.behind = MessagePosition{.date = *query.cursor_date, .id = query.cursor_id};
  }
  store::MessagePage page;
  for (size_t gone = 0; gone <= kGoneMax;) {
    MH_ASSIGN_OR_RETURN(const TextHits hits, text_->Find(wanted));
    for (const MessagePosition& hit : hits.items) {
      Result<store::StoredMessage> message = store_.GetMessage(hit.id);
      if (message.ok()) {
        // Whatever lies in the file of an index: a token sees its own tenant only.
        MH_ASSIGN_OR_RETURN(const store::MailboxRecord mailbox,
                            store_.GetMailbox(message->mailbox));
        if (mailbox.tenant == query.tenant) {
          page.items.push_back(std::move(message).value());
          continue;
        }
      } else if (message.status().code() != Code::kNotFound) {
        return message.status();
      }
      ++gone;
    }
    page.more = hits.more;
    if (!page.items.empty() || !hits.more || hits.items.empty()) {
      page.more = hits.more && !page.items.empty();
      if (page.more) {
        page.next_date = page.items.back().internal_date;
        page.next_id = page.items.back().id;
      }
      return page;
    }
    wanted.behind = hits.items.back();
  }
  return Status(Code::kBusy, "the full text index has many messages that are no longer stored");
}

}  // namespace mailhaul::http
