#include "engine/http/submissions.h"

#include <boost/json.hpp>
#include <utility>

#include "base/ids.h"
#include "base/text.h"
#include "base/units.h"
#include "engine/http/cursor.h"
#include "engine/http/draft_json.h"
#include "engine/http/json.h"
#include "engine/http/reader.h"
#include "store/sha256.h"

namespace mailhaul::http {
namespace {

namespace json = boost::json;
using store::Submission;

constexpr std::string_view kRawType = "message/rfc822";
constexpr std::string_view kJsonType = "application/json";
constexpr size_t kStoredIdBytes = 16;

// Without parameters, in lower case.
std::string MediaType(const Call& call) {
  const std::string text = call.content_type.value_or(std::string(kJsonType));
  std::string type = AsciiLowered(text.substr(0, text.find(';')));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) {
    type.pop_back();
  }
  return type;
}

Response Refusal(const Status& status) {
  switch (status.code()) {
    case Code::kInvalidArgument:
      return Problem(422, "invalid_submission", status.message());
    case Code::kServerRefused:
      return Problem(422, "cannot_send", status.message());
    case Code::kNotFound:
      return NotFoundResponse();
    case Code::kAlreadyExists:
      return Problem(422, "idempotency_key_reused",
                     "this Idempotency-Key was used for another request");
    case Code::kConflict:
      return Problem(409, "wrong_state", status.message());
    default:
      return FailureResponse(status);
  }
}

Result<DraftRequest> ReadRequest(const Call& call) {
  const bool is_json = MediaType(call) == kJsonType;
  for (const auto& [name, value] : call.query) {
    if (is_json || (name != "mailbox" && name != "send_at")) {
      return Status(Code::kInvalidArgument,
                    name + (is_json ? ": belongs into the body" : ": is for lists only"));
    }
  }
  if (is_json) {
    return ParseDraft(call.body);
  }
  DraftRequest request;
  const std::string* const mailbox = call.Parameter("mailbox");
  const std::string* const send_at = call.Parameter("send_at");
  if (mailbox == nullptr || mailbox->empty()) {
    return Status(Code::kInvalidArgument, "mailbox: name it as ?mailbox=");
  }
  request.draft.mailbox = *mailbox;
  request.draft.raw = call.body;
  request.send_at = send_at == nullptr ? "" : *send_at;
  return request;
}

// What must be the same for a repetition to be one.
store::Sha256 FingerprintOf(const Call& call) {
  std::string text = MediaType(call) + "\n";
  for (const auto& [name, value] : call.query) {
    text += name + "=" + std::to_string(value.size()) + ":" + value + "\n";
  }
  text += '\n';
  store::Sha256Hasher hasher;
  hasher.Update(text);
  hasher.Update(call.body);  // Not joined: it may be large.
  return hasher.Finish();
}

json::string Text(std::string_view text) {
  const std::string valid = ToValidUtf8(text);
  return json::string(json::string_view(valid.data(), valid.size()));
}

json::value TimeOrNull(WallTime time) {
  return time == WallTime{} ? json::value(nullptr) : json::value(Text(FormatRfc3339(time)));
}

std::string_view NameOf(store::SubmissionRecipient::State state) {
  using State = store::SubmissionRecipient::State;
  switch (state) {
    case State::kPending:
      return "pending";
    case State::kAccepted:
      return "accepted";
    case State::kRefused:
      return "refused";
    case State::kInDoubt:
      return "in_doubt";
  }
  return "";
}

std::string_view NameOf(Submission::Filing filing) {
  using Filing = Submission::Filing;
  switch (filing) {
    case Filing::kNone:
      return "none";
    case Filing::kWanted:
    case Filing::kAppending:
      return "pending";
    case Filing::kDone:
      return "done";
    case Filing::kGivenUp:
      return "given_up";
  }
  return "";
}

json::array Recipients(const Submission& submission) {
  json::array list;
  for (const store::SubmissionRecipient& recipient : submission.recipients) {
    json::value reply;
    if (recipient.code != 0) {
      reply = {{"code", recipient.code}, {"text", Text(recipient.text)}};
    }
    list.push_back({{"address", Text(recipient.address)},
                    {"state", Text(NameOf(recipient.state))},
                    {"reply", std::move(reply)}});
  }
  return list;
}

Response AcceptedResponse(const Submission& submission) {
  const std::string id = FormatId(submission.id.value);
  Response response = JsonResponse(
      json::serialize(json::object{{"id", Text(id)}, {"state", Text(ToString(submission.state))}}));
  response.status = 202;
  response.headers.push_back({.name = "Location", .value = "/v1/submissions/" + id});
  return response;
}

}  // namespace

std::string SubmissionJson(const Submission& submission, const std::string& mailbox) {
  json::value error;
  if (!submission.error_code.empty()) {
    error = {{"code", Text(submission.error_code)}, {"detail", Text(submission.error_detail)}};
  }
  const bool waits = submission.state == store::SubmissionState::kQueued;
  const json::object out = {
      {"id", Text(FormatId(submission.id.value))},
      {"mailbox", Text(mailbox)},
      {"state", Text(ToString(submission.state))},
      {"from", Text(submission.from)},
      {"recipients", Recipients(submission)},
      {"subject", Text(submission.subject)},
      {"message_id", Text(submission.message_id)},
      {"message", submission.placement.value == 0
                      ? json::value(nullptr)
                      : json::value(Text(FormatId(submission.placement.value)))},
      {"size", submission.location.size},
      {"created_at", TimeOrNull(submission.created_at)},
      {"send_at", TimeOrNull(submission.send_at)},
      {"next_attempt_at", waits ? TimeOrNull(submission.next_at) : json::value(nullptr)},
      {"deadline", TimeOrNull(submission.deadline)},
      {"ended_at", TimeOrNull(submission.ended_at)},
      {"attempts", submission.attempts},
      {"sent_copy", Text(NameOf(submission.filing))},
      {"error", std::move(error)}};
  return json::serialize(out);
}

Result<std::optional<Submission>> Submissions::FindRepeated(const Call& call,
                                                            const SubmissionDraft& draft) const {
  const std::optional<TenantId> tenant = store_.FindTenant(call.tenant);
  const std::optional<MailboxId> mailbox =
      tenant ? store_.FindMailbox(*tenant, draft.mailbox) : std::nullopt;
  if (!mailbox || !call.idempotency_key) {
    return std::optional<Submission>();
  }
  return store::Outbox(store_).FindByKey(*mailbox, *call.idempotency_key, FingerprintOf(call));
}

Parsed<store::NewSubmission> Submissions::Prepare(const Call& call) const {
  const std::string type = MediaType(call);
  if (type != kJsonType && type != kRawType) {
    return Problem(415, "unsupported_media_type",
                   "send application/json, or message/rfc822 with ?mailbox=");
  }
  Result<DraftRequest> request = ReadRequest(call);
  if (!request.ok()) {
    return Refusal(request.status());
  }
  SubmissionDraft& draft = request->draft;
  const Result<std::optional<Submission>> repeated = FindRepeated(call, draft);
  if (!repeated.ok()) {
    return Refusal(repeated.status());
  }
  if (*repeated) {
    return AcceptedResponse(**repeated);
  }
  const WallTime now = clock_.WallNow();
  WallTime send_at = now;
  if (!request->send_at.empty()) {
    const Result<WallTime> asked = ParseRfc3339(request->send_at);
    if (!asked.ok() || *asked > now + kSendAheadMax) {
      return Problem(422, "invalid_submission",
                     "send_at: must be a time as in RFC 3339, at most a year ahead");
    }
    send_at = std::max(now, *asked);
  }
  const std::optional<TenantId> tenant = store_.FindTenant(call.tenant);
  const Result<uint64_t> stored = draft.in_reply_to.size() == kStoredIdBytes
                                      ? ParseId(draft.in_reply_to)
                                      : Result<uint64_t>(Status(Code::kNotFound, ""));
  if (tenant && stored.ok()) {
    // A message of ours: its Message-ID, and the thread that led to it.
    const Result<store::StoredMessage> message = store_.GetMessage({*stored});
    const Result<store::MailboxRecord> mailbox =
        message.ok() ? store_.GetMailbox(message->mailbox)
                     : Result<store::MailboxRecord>(message.status());
    if (!mailbox.ok() && mailbox.status().code() != Code::kNotFound) {
      return FailureResponse(mailbox.status());
    }
    if (!mailbox.ok() || mailbox->tenant != *tenant) {
      return Problem(422, "invalid_submission", "in_reply_to: there is no such message");
    }
    draft.in_reply_to = message->content.message_id;
    draft.references = message->content.references;
    draft.references.push_back(message->content.message_id);
  }
  Result<store::NewSubmission> composed = outgoing_.Compose(call.tenant, draft, send_at);
  if (!composed.ok()) {
    return Refusal(composed.status());
  }
  composed->send_at = send_at;
  composed->idempotency_key = call.idempotency_key.value_or("");
  composed->fingerprint = FingerprintOf(call);
  return std::move(composed).value();
}

Response Submissions::Accept(const store::NewSubmission& request) {
  const Result<store::AcceptedSubmission> accepted = store::Outbox(store_).Accept(request);
  if (!accepted.ok()) {
    return Refusal(accepted.status());
  }
  outgoing_.Changed(accepted->submission);
  return AcceptedResponse(accepted->submission);
}

Result<Submission> Submissions::Find(const Call& call) const {
  const std::optional<TenantId> tenant = store_.FindTenant(call.tenant);
  const Result<uint64_t> id = ParseId(call.name);
  if (!tenant || !id.ok()) {
    return Status(Code::kNotFound, "no such submission");
  }
  MH_ASSIGN_OR_RETURN(Submission submission, store::Outbox(store_).Get({*id}));
  if (submission.tenant != *tenant) {
    return Status(Code::kNotFound, "no such submission");
  }
  return submission;
}

Response Submissions::Show(const Submission& submission, unsigned status) const {
  const Result<store::MailboxRecord> mailbox = store_.GetMailbox(submission.mailbox);
  Response response = JsonResponse(SubmissionJson(submission, mailbox.ok() ? mailbox->name : ""));
  response.status = status;
  return response;
}

Response Submissions::Get(const Call& call) const {
  const Result<Submission> found = Find(call);
  return found.ok() ? Show(*found, 200) : Refusal(found.status());
}

Response Submissions::Change(const Call& call, const std::function<Status(Submission&)>& change) {
  const Result<Submission> found = Find(call);
  if (!found.ok()) {
    return Refusal(found.status());
  }
  const Result<Submission> changed = store::Outbox(store_).Update(found->id, change);
  if (!changed.ok()) {
    return Refusal(changed.status());
  }
  outgoing_.Changed(*changed);
  return Show(*changed, 200);
}

Response Submissions::Cancel(const Call& call) {
  const WallTime now = clock_.WallNow();
  return Change(call, [now](Submission& submission) {
    // Asked for once more, it is still so.
    return submission.state == store::SubmissionState::kCanceled ? Status::Ok()
                                                                 : store::Cancel(submission, now);
  });
}

Response Submissions::Retry(const Call& call) {
  const WallTime now = clock_.WallNow();
  const WallTime deadline = now + outgoing_.RetryFor(call.tenant);
  Response response = Change(call, [now, deadline](Submission& submission) {
    return store::Retry(submission, now, deadline);
  });
  response.status = response.status == 200 ? 202 : response.status;
  return response;
}

Response Submissions::List(const Call& call) const {
  Parsed<size_t> limit = ParseLimit(call);
  if (std::holds_alternative<Response>(limit)) {
    return std::move(std::get<Response>(limit));
  }
  store::SubmissionQuery query;
  query.limit = std::get<size_t>(limit);
  const std::string* const mailbox = call.Parameter("mailbox");
  const std::string* const state = call.Parameter("state");
  const std::string* const cursor = call.Parameter("cursor");
  const std::optional<TenantId> tenant = store_.FindTenant(call.tenant);
  if (!tenant) {
    return JsonResponse(ListWriter().Finish(std::nullopt));
  }
  query.tenant = *tenant;
  if (mailbox != nullptr) {
    query.mailbox = store_.FindMailbox(*tenant, *mailbox);
    if (!query.mailbox) {
      return NotFoundResponse();
    }
  }
  if (state != nullptr) {
    query.state = store::ParseSubmissionState(*state);
    if (!query.state) {
      return Problem(400, "invalid_parameter",
                     "state is queued, sending, sent, failed, canceled or uncertain");
    }
  }
  const std::string scope =
      CursorScope({"submissions", call.tenant, mailbox == nullptr ? "" : *mailbox,
                   state == nullptr ? "" : *state});
  if (cursor != nullptr && !cursor->empty()) {
    const Result<std::string> decoded = DecodeCursor(scope, *cursor);
    const Result<MessagePosition> position =
        decoded.ok() ? DecodePosition(*decoded) : Result<MessagePosition>(decoded.status());
    if (!position.ok()) {
      return Problem(400, "bad_cursor", position.status().message());
    }
    query.cursor_date = position->date;
    query.cursor_id = {position->id.value};
  }
  const Result<store::SubmissionPage> page = store::Outbox(store_).List(query);
  if (!page.ok()) {
    return FailureResponse(page.status());
  }
  ListWriter items;
  for (const Submission& submission : page->items) {
    const Result<store::MailboxRecord> record = store_.GetMailbox(submission.mailbox);
    items.Add(SubmissionJson(submission, record.ok() ? record->name : ""));
  }
  std::optional<std::string> next_cursor;
  if (page->more) {
    next_cursor =
        EncodeCursor(scope, EncodePosition({.date = page->next_date, .id = {page->next_id.value}}));
  }
  return JsonResponse(items.Finish(next_cursor));
}

}  // namespace mailhaul::http
