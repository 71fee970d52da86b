// Answers from the store. Runs on the read pool: every function may block on disk. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/http/gate.h"
#include "engine/http/message_filter.h"
#include "engine/http/response.h"
#include "engine/http/service.h"
#include "engine/http/text_search.h"
#include "store/mail_store.h"

namespace mailhaul::http {

// Rows looked at for one page of a filtered list; then the page ends with a next_cursor.
inline constexpr size_t kRowsScannedMax = 10'000;
// A page also ends after so much JSON.
inline constexpr size_t kPageBytesMax = 4 * 1024 * 1024;
// The longest `state` of changes that is taken back: of a tenant with some 150,000 mailboxes.
inline constexpr size_t kStateBytesMax = 4 * 1024;
// `text` and `html` of one message are cut here, each.
inline constexpr size_t kBodyTextBytesMax = 4 * 1024 * 1024;

struct Answer {
  Response response;
  std::string mailbox;  // That the call named, itself or by a message: becomes active. "" for none.
  std::optional<MessageId> wanted{};  // Its body is to be fetched from the source.
};

// A configured mailbox with what the loop knows of it.
struct MailboxRow {
  std::string name;
  MailboxLive live;
};

// What an event stream sends next.
struct EventPage {
  std::optional<Response> failure;  // Instead of all else.
  std::string text;
  store::ChangePosition position;  // Behind it.
  bool more = false;
};

class Reader final {
 public:
  // `text` may be null: then lists cannot be asked for by their text.
  Reader(const store::MailStore& store, const BodyDecoder& decoder, TextSearch* text)
      : store_(store), decoder_(decoder), text_(text) {}

  // `rows` are the page; `next_cursor` is the list's.
  Answer Mailboxes(const Call& call, const std::vector<MailboxRow>& rows,
                   const std::optional<std::string>& next_cursor) const;
  Answer Mailbox(const Call& call, const MailboxRow& row) const;
  Answer Folders(const Call& call) const;
  Answer Messages(const Call& call) const;
  Answer Message(const Call& call) const;
  // The same of one that was read already.
  Answer ShowMessage(const Call& call, const store::StoredMessage& message) const;
  Answer Raw(const Call& call) const;
  // One part as it was before it was encoded for mail.
  Answer Attachment(const Call& call) const;
  // 202 for a message without its bytes; 409 when they are here, or gone from the source.
  Answer Fetch(const Call& call) const;
  Answer Changes(const Call& call) const;
  // The same as server-sent events, from `from` on or, at first, from where the call says.
  EventPage Events(const Call& call, const std::optional<store::ChangePosition>& from) const;

  // A message of the call's tenant; kNotFound for all others, whoever's they are.
  Result<store::StoredMessage> FindMessage(const Call& call) const;

 private:
  struct ChangeRows;
  struct Found;
  struct Page;
  class Places;

  // With the name of its mailbox.
  Result<Found> Find(const Call& call) const;
  // From `from`, or from where the call says.
  std::variant<ChangeRows, Response> ReadChanges(
      const Call& call, const std::optional<store::ChangePosition>& from) const;
  Result<store::ChangePosition> Since(const Call& call, TenantId tenant) const;
  Result<store::MailboxRecord> ReadMailbox(const Call& call, const std::string& name) const;
  // Without `folder` where that is a label, which each row answers for itself. `empty`: it selects
  // nothing.
  Result<store::MessageQuery> MakeQuery(const MessageFilter& filter, TenantId tenant,
                                        bool* empty) const;
  // The next rows of the list: of the text index, or of the store alone.
  Result<store::MessagePage> ReadRows(const MessageFilter& filter,
                                      const store::MessageQuery& query) const;
  Result<store::MessagePage> ReadTextRows(const MessageFilter& filter,
                                          const store::MessageQuery& query) const;
  Status FillPage(const MessageFilter& filter, store::MessageQuery query, Page* page) const;

  const store::MailStore& store_;
  const BodyDecoder& decoder_;
  TextSearch* const text_;
};

// The answer to a call that failed so.
Response ResponseFor(const Status& failure);
// The one answer for what does not exist and for what belongs to another tenant.
Response NotFoundResponse();

}  // namespace mailhaul::http
