#include "engine/http/reader.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "base/ids.h"
#include "base/text.h"
#include "connectors/connector.h"
#include "engine/http/byte_range.h"
#include "engine/http/content_fields.h"
#include "engine/http/cursor.h"
#include "engine/http/entity_tag.h"
#include "engine/http/json.h"

namespace mailhaul::http {
namespace {

// Rows read from the store at once.
constexpr size_t kRowsPerRead = 250;

Answer Failed(const Status& failure) { return {.response = ResponseFor(failure), .mailbox = ""}; }

// Which list a cursor of messages belongs to: all of the query but limit and cursor.
std::string MessagesScope(const Call& call) {
  std::vector<std::string_view> parts = {"messages", call.tenant};
  const std::map<std::string_view, std::string_view> sorted(call.query.begin(), call.query.end());
  for (const auto& [name, value] : sorted) {
    if (name != "limit" && name != "cursor") {
      parts.push_back(name);
      parts.push_back(value);
    }
  }
  return CursorScope(parts);
}

bool CutText(std::string* text) {
  if (text->size() <= kBodyTextBytesMax) {
    return false;
  }
  text->resize(Utf8Prefix(*text, kBodyTextBytesMax).size());
  return true;
}

std::string HashText(const store::Sha256& hash) {
  return HexEncode(std::string(hash.begin(), hash.end()));
}

// Whether a label's folder shows a message that it does not hold: labels are tags, those of the
// system by the folder's role, but for two that are flags.
bool CarriesLabel(const store::StoredMessage& message, std::string_view folder,
                  std::string_view role) {
  if (role == ToString(FolderRole::kFlagged)) {
    return (message.shown_flags() & kFlagFlagged) != 0;
  }
  if (role == ToString(FolderRole::kDrafts)) {
    return (message.shown_flags() & kFlagDraft) != 0;
  }
  const std::string_view tag = role.empty() ? folder : role;
  const std::vector<std::string>& tags = message.shown_tags();
  return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

// Rows of the text index are not narrowed as those of the store are.
bool InQuery(const store::MessageQuery& query, const store::StoredMessage& message) {
  return (!query.mailbox || *query.mailbox == message.mailbox) &&
         (!query.folder || *query.folder == message.shown_folder()) &&
         (!query.after || *query.after <= message.internal_date) &&
         (!query.before || message.internal_date < *query.before);
}

}  // namespace

Response ResponseFor(const Status& failure) {
  return failure.code() == Code::kNotFound ? NotFoundResponse() : FailureResponse(failure);
}

Response NotFoundResponse() {
  return Problem(404, "not_found", "this tenant has nothing of this id");
}

struct Reader::Found {
  store::StoredMessage message;
  std::string mailbox;
};

// A page of messages being filled.
struct Reader::Page {
  ListWriter items;
  std::optional<MessagePosition> next;  // Absent: the list has ended.
};

// Names of the mailboxes and folders that messages lie in, read once per request.
class Reader::Places final {
 public:
  explicit Places(const store::MailStore& store) : store_(store) {}

  Result<MessagePlace> Of(const store::StoredMessage& message) {
    MH_ASSIGN_OR_RETURN(const Names* names, NamesOf(message.mailbox));
    const auto folder = names->folders.find(message.shown_folder());
    if (folder == names->folders.end()) {
      return Status(Code::kCorrupt, "a message lies in a folder that is not recorded");
    }
    return MessagePlace{.mailbox = names->mailbox, .folder = folder->second};
  }
  // Whether the folder of this name holds or shows the message, which lies at `place`.
  Result<bool> Shows(const std::string& folder, const store::StoredMessage& message,
                     const MessagePlace& place) {
    if (place.folder == folder) {
      return true;
    }
    MH_ASSIGN_OR_RETURN(const Names* names, NamesOf(message.mailbox));
    const auto label = names->label_roles.find(folder);
    return label != names->label_roles.end() && names->labelled == message.shown_folder() &&
           CarriesLabel(message, folder, label->second);
  }

 private:
  struct Names {
    std::string mailbox;
    std::map<store::FolderId, std::string> folders;
    std::map<std::string, std::string> label_roles;  // By name, of folders that are labels.
    std::optional<store::FolderId> labelled;         // Whose messages these show.
  };

  Result<const Names*> NamesOf(MailboxId id) {
    const auto known = names_.find(id);
    if (known != names_.end()) {
      return &known->second;
    }
    MH_ASSIGN_OR_RETURN(const store::MailboxRecord mailbox, store_.GetMailbox(id));
    MH_ASSIGN_OR_RETURN(const std::vector<store::FolderRecord> folders, store_.ListFolders(id));
    Names names;
    names.mailbox = mailbox.name;
    for (const store::FolderRecord& folder : folders) {
      names.folders.emplace(folder.id, folder.name);
      if (folder.is_label && folder.listed) {
        names.label_roles.emplace(folder.name, folder.role);
      } else if (folder.role == ToString(FolderRole::kAll)) {
        names.labelled = folder.id;
      }
    }
    return &names_.emplace(id, std::move(names)).first->second;
  }

  const store::MailStore& store_;
  std::map<MailboxId, Names> names_;
};

Result<store::MailboxRecord> Reader::ReadMailbox(const Call& call, const std::string& name) const {
  const std::optional<TenantId> tenant = store_.FindTenant(call.tenant);
  const std::optional<MailboxId> id =
      tenant.has_value() ? store_.FindMailbox(*tenant, name) : std::nullopt;
  if (!id.has_value()) {
    // Configured, but not onboarded yet: there is nothing of it.
    store::MailboxRecord empty;
    empty.name = name;
    return empty;
  }
  return store_.GetMailbox(*id);
}

Answer Reader::Mailboxes(const Call& call, const std::vector<MailboxRow>& rows,
                         const std::optional<std::string>& next_cursor) const {
  ListWriter items;
  for (const MailboxRow& row : rows) {
    const Result<store::MailboxRecord> record = ReadMailbox(call, row.name);
    if (!record.ok()) {
      return Failed(record.status());
    }
    items.Add(MailboxJson(*record, row.live));
  }
  return {.response = JsonResponse(items.Finish(next_cursor)), .mailbox = ""};
}

Answer Reader::Mailbox(const Call& call, const MailboxRow& row) const {
  const Result<store::MailboxRecord> record = ReadMailbox(call, row.name);
  if (!record.ok()) {
    return Failed(record.status());
  }
  return {.response = JsonResponse(MailboxJson(*record, row.live)), .mailbox = row.name};
}

Answer Reader::Folders(const Call& call) const {
  const Result<store::MailboxRecord> record = ReadMailbox(call, call.name);
  if (!record.ok()) {
    return Failed(record.status());
  }
  ListWriter items;
  if (record->id != MailboxId{}) {
    const Result<std::vector<store::FolderRecord>> folders = store_.ListFolders(record->id);
    if (!folders.ok()) {
      return Failed(folders.status());
    }
    for (const store::FolderRecord& folder : *folders) {
      if (folder.listed || folder.messages > 0) {
        items.Add(FolderJson(folder));
      }
    }
  }
  return {.response = JsonResponse(items.Finish(std::nullopt)), .mailbox = call.name};
}

Result<store::MessageQuery> Reader::MakeQuery(const MessageFilter& filter, TenantId tenant,
                                              bool* empty) const {
  store::MessageQuery query;
  query.tenant = tenant;
  query.after = filter.after;
  query.before = filter.before;
  // Of both the store takes one; rows are asked for the other. What the text index finds, for all.
  if (filter.text.empty()) {
    query.thread = filter.thread;
    if (!filter.thread.has_value() && !filter.tag.empty()) {
      query.tag = filter.tag;
    }
  }
  *empty = false;
  if (!filter.mailbox.has_value()) {
    return query;
  }
  query.mailbox = store_.FindMailbox(tenant, *filter.mailbox);
  if (!query.mailbox.has_value()) {
    return Status(Code::kNotFound, "no such mailbox");
  }
  if (!filter.folder.has_value()) {
    return query;
  }
  MH_ASSIGN_OR_RETURN(const std::vector<store::FolderRecord> folders,
                      store_.ListFolders(*query.mailbox));
  const auto folder = std::find_if(
      folders.begin(), folders.end(),
      [&filter](const store::FolderRecord& each) { return each.name == *filter.folder; });
  // A folder that the source does not have (yet) is empty, not an error.
  *empty = folder == folders.end();
  if (!*empty && !folder->is_label) {
    query.folder = folder->id;
  }
  return query;
}

Result<store::MessagePage> Reader::ReadRows(const MessageFilter& filter,
                                            const store::MessageQuery& query) const {
  return filter.text.empty() ? store_.ListMessages(query) : ReadTextRows(filter, query);
}

Status Reader::FillPage(const MessageFilter& filter, store::MessageQuery query, Page* page) const {
  Places places(store_);
  const bool looks_at_folders = filter.folder.has_value() && !query.folder.has_value();
  size_t scanned = 0;
  while (true) {
    const size_t wanted = filter.LooksAtRows() || looks_at_folders
                              ? kRowsScannedMax - scanned
                              : filter.limit - page->items.items();
    query.limit = std::min(wanted, kRowsPerRead);
    query.skip_max = kRowsScannedMax - scanned;
    MH_ASSIGN_OR_RETURN(const store::MessagePage rows, ReadRows(filter, query));
    scanned += rows.skipped;
    for (size_t i = 0; i < rows.items.size(); ++i) {
      const store::StoredMessage& message = rows.items[i];
      const MessagePosition position{.date = message.internal_date, .id = message.id};
      ++scanned;
      if (InQuery(query, message) && filter.Matches(message)) {
        MH_ASSIGN_OR_RETURN(const MessagePlace place, places.Of(message));
        bool shown = true;
        if (looks_at_folders) {
          MH_ASSIGN_OR_RETURN(shown, places.Shows(*filter.folder, message, place));
        }
        if (shown) {
          page->items.Add(MessageJson(message, place));
        }
      }
      const bool full = page->items.items() >= filter.limit || page->items.bytes() >= kPageBytesMax;
      const bool last = i + 1 == rows.items.size() && !rows.more;
      if (full && !last) {
        page->next = position;
      }
      if (full || last) {
        return Status::Ok();
      }
    }
    if (!rows.more) {
      return Status::Ok();
    }
    query.cursor_date = rows.next_date;
    query.cursor_id = rows.next_id;
    if (scanned >= kRowsScannedMax) {
      page->next = MessagePosition{.date = rows.next_date, .id = rows.next_id};
      return Status::Ok();
    }
  }
}

Answer Reader::Messages(const Call& call) const {
  Parsed<MessageFilter> parsed = ParseMessageFilter(call);
  if (std::holds_alternative<Response>(parsed)) {
    return {.response = std::move(std::get<Response>(parsed)), .mailbox = ""};
  }
  const MessageFilter& filter = std::get<MessageFilter>(parsed);
  if (!filter.text.empty() && text_ == nullptr) {
    return {.response = Problem(400, "not_supported", "there is no full text index here"),
            .mailbox = ""};
  }
  const std::string scope = MessagesScope(call);
  std::optional<MessagePosition> start;
  if (!filter.cursor.empty()) {
    const Result<std::string> bytes = DecodeCursor(scope, filter.cursor);
    const Result<MessagePosition> position =
        bytes.ok() ? DecodePosition(*bytes) : Result<MessagePosition>(bytes.status());
    if (!position.ok()) {
      return {.response = Problem(400, "bad_cursor", position.status().message()), .mailbox = ""};
    }
    start = *position;
  }
  const std::optional<TenantId> tenant = store_.FindTenant(call.tenant);
  bool empty = true;
  Result<store::MessageQuery> query =
      tenant.has_value()           ? MakeQuery(filter, *tenant, &empty)
      : filter.mailbox.has_value() ? Result<store::MessageQuery>(Status(Code::kNotFound, "none"))
                                   : Result<store::MessageQuery>(store::MessageQuery{});
  if (!query.ok()) {
    return Failed(query.status());
  }
  Page page;
  std::optional<WallTime> indexed_to;
  if (!empty) {
    if (start.has_value()) {
      query->cursor_date = start->date;
      query->cursor_id = start->id;
    }
    // Before the search: what is indexed meanwhile may or may not be found.
    if (!filter.text.empty()) {
      indexed_to = text_->IndexedTo(*tenant);
    }
    const Status filled = FillPage(filter, *query, &page);
    if (!filter.text.empty() && filled.code() == Code::kInvalidArgument) {
      return {.response = Problem(400, "invalid_parameter", filled.message()), .mailbox = ""};
    }
    if (!filled.ok()) {
      return Failed(filled);
    }
  }
  std::optional<std::string> next_cursor;
  if (page.next.has_value()) {
    next_cursor = EncodeCursor(scope, EncodePosition(*page.next));
  }
  if (!filter.text.empty()) {
    page.items.SetIndexedTo(indexed_to);
  }
  return {.response = JsonResponse(page.items.Finish(next_cursor)),
          .mailbox = filter.mailbox.value_or("")};
}

Result<store::StoredMessage> Reader::FindMessage(const Call& call) const {
  MH_ASSIGN_OR_RETURN(Found found, Find(call));
  return std::move(found.message);
}

Result<Reader::Found> Reader::Find(const Call& call) const {
  const std::optional<TenantId> tenant = store_.FindTenant(call.tenant);
  const Result<uint64_t> id = ParseId(call.name);
  // One spelling per id: FormatId() writes lower case.
  if (!tenant.has_value() || !id.ok() || FormatId(*id) != call.name) {
    return Status(Code::kNotFound, "no such message");
  }
  MH_ASSIGN_OR_RETURN(store::StoredMessage message, store_.GetMessage(MessageId{*id}));
  MH_ASSIGN_OR_RETURN(store::MailboxRecord mailbox, store_.GetMailbox(message.mailbox));
  if (mailbox.tenant != *tenant) {
    return Status(Code::kNotFound, "no such message");
  }
  return Found{.message = std::move(message), .mailbox = std::move(mailbox.name)};
}

Answer Reader::Message(const Call& call) const {
  const Result<store::StoredMessage> message = FindMessage(call);
  return message.ok() ? ShowMessage(call, *message) : Failed(message.status());
}

Answer Reader::ShowMessage(const Call& call, const store::StoredMessage& message) const {
  const Result<MessagePlace> place = Places(store_).Of(message);
  if (!place.ok()) {
    return Failed(place.status());
  }
  Answer answer{.response = {}, .mailbox = place->mailbox};
  if (IsUnchanged(call, message.version, &answer.response)) {
    answer.response.headers.push_back({.name = "Vary", .value = "Accept-Encoding"});
    return answer;
  }
  BodyDecoder::Text body;
  // What could not be parsed when it came is not parsed again at every read.
  if (!message.quarantined && message.content.unparsed_reason.empty()) {
    const Result<std::unique_ptr<ByteSource>> raw = store_.OpenRaw(message);
    if (!raw.ok()) {
      return Failed(raw.status());
    }
    body = decoder_.Decode(**raw);
  }
  const bool text_cut = CutText(&body.text);
  const bool html_cut = CutText(&body.html);
  Response json = JsonResponse(MessageWithBodyJson(message, *place, body, text_cut || html_cut));
  json.headers = std::move(answer.response.headers);
  answer.response = std::move(json);
  return answer;
}

Answer Reader::Raw(const Call& call) const {
  const Result<Found> found = Find(call);
  if (!found.ok()) {
    return Failed(found.status());
  }
  Answer answer{.response = {}, .mailbox = found->mailbox};
  Response& response = answer.response;
  if (IsUnchanged(call, HashText(found->message.sha256), &response)) {
    return answer;
  }
  if (!found->message.has_body()) {
    return {.response = Problem(409, "not_stored", found->message.content.unparsed_reason),
            .mailbox = found->mailbox};
  }
  // A part alone is good only if the whole is, which is sent from its beginning to its end.
  Result<std::unique_ptr<ByteSource>> raw = call.range.has_value()
                                                ? store_.OpenRaw(found->message)
                                                : store_.OpenRawInOrder(found->message);
  if (!raw.ok()) {
    return Failed(raw.status());
  }
  response.content_type = "message/rfc822";
  response.headers.push_back(
      {.name = "Content-Disposition", .value = "attachment; filename=\"" + call.name + ".eml\""});
  response.source = std::move(raw).value();
  ApplyRange(call, EntityTag(HashText(found->message.sha256)), &response);
  return answer;
}

Answer Reader::Attachment(const Call& call) const {
  const Result<Found> found = Find(call);
  if (!found.ok()) {
    return Failed(found.status());
  }
  const std::vector<store::Attachment>& attachments = found->message.content.attachments;
  size_t n = 0;
  const char* const end = call.part.data() + call.part.size();
  const auto [parsed, error] = std::from_chars(call.part.data(), end, n);
  if (error != std::errc() || parsed != end || n < 1 || n > attachments.size()) {
    return {.response = NotFoundResponse(), .mailbox = found->mailbox};
  }
  Answer answer{.response = {}, .mailbox = found->mailbox};
  Response& response = answer.response;
  const std::string version = HashText(found->message.sha256) + "-" + std::to_string(n);
  if (IsUnchanged(call, version, &response)) {
    return answer;
  }
  const Result<std::unique_ptr<ByteSource>> raw = store_.OpenRaw(found->message);
  if (!raw.ok()) {
    return Failed(raw.status());
  }
  Result<std::string> bytes = decoder_.DecodeAttachment(**raw, n);
  if (!bytes.ok()) {
    return Failed(bytes.status());
  }
  const store::Attachment& attachment = attachments[n - 1];
  response.content_type = SafeContentType(attachment.content_type);
  response.headers.push_back(
      {.name = "Content-Disposition", .value = AttachmentDisposition(attachment.filename)});
  // Should a browser show it all the same, it runs and loads nothing.
  response.headers.push_back(
      {.name = "Content-Security-Policy", .value = "sandbox; default-src 'none'"});
  response.body = std::move(bytes).value();
  ApplyRange(call, EntityTag(version), &response);
  return answer;
}

Answer Reader::Fetch(const Call& call) const {
  const Result<Found> found = Find(call);
  if (!found.ok()) {
    return Failed(found.status());
  }
  Answer answer{.response = {}, .mailbox = found->mailbox};
  if (found->message.has_body()) {
    answer.response = Problem(409, "already_stored", "the message is here; see its /raw");
  } else if (found->message.gone) {
    answer.response = Problem(409, "gone", "the source no longer has the message");
  } else {
    answer.response = JsonResponse(StatusJson("requested"));
    answer.response.status = 202;
    answer.wanted = found->message.id;
  }
  return answer;
}

}  // namespace mailhaul::http
