#include "engine/http/dispatcher.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/text.h"
#include "connectors/net/run_on.h"
#include "engine/http/cursor.h"
#include "engine/http/entity_tag.h"
#include "engine/http/json.h"
#include "engine/http/openapi.h"
#include "engine/http/status_page.h"
#include "store/sha256.h"

namespace mailhaul::http {
namespace {

std::string VersionOf(std::string_view text) {
  const store::Sha256 hash = store::ComputeSha256(text);
  return HexEncode(std::string(hash.begin(), hash.end()));
}

// What is compiled in, and the same for everybody.
Response FixedText(const Call& call, std::string_view version, std::string_view type,
                   std::string_view text) {
  Response response;
  if (IsUnchanged(call, version, &response)) {
    response.headers.push_back({.name = "Vary", .value = "Accept-Encoding"});
    return response;
  }
  response.content_type = type;
  response.body = text;
  return response;
}

bool IsOfSubmissions(Route route) {
  return route == Route::kSubmit || route == Route::kSubmissions || route == Route::kSubmission ||
         route == Route::kCancelSubmission || route == Route::kRetrySubmission;
}

}  // namespace

net::Task<Response> Dispatcher::Serve(Call call) {
  if (call.route == Route::kChangeMessage || call.route == Route::kDeleteMessage) {
    co_return co_await Change(std::move(call));
  }
  if (call.route == Route::kAddMailbox || call.route == Route::kReplaceMailbox) {
    co_return co_await AddMailbox(std::move(call));
  }
  if (call.route == Route::kRemoveMailbox) {
    co_return co_await RemoveMailbox(std::move(call));
  }
  if (IsOfSubmissions(call.route)) {
    co_return co_await ServeSubmissions(std::move(call));
  }
  co_return co_await Read(std::move(call));
}

net::Task<Response> Dispatcher::Submit(Call call) {
  Submissions* const submissions = submissions_;
  const Call* const asked = &call;
  std::function<Parsed<store::NewSubmission>()> prepare = [submissions, asked] {
    return submissions->Prepare(*asked);
  };
  Parsed<store::NewSubmission> prepared =
      co_await net::RunOn<Parsed<store::NewSubmission>>(read_pool_, std::move(prepare));
  if (std::holds_alternative<Response>(prepared)) {
    co_return std::move(std::get<Response>(prepared));
  }
  call.body = std::string();
  const store::NewSubmission* const request = &std::get<store::NewSubmission>(prepared);
  std::function<Response()> accept = [submissions, request] {
    return submissions->Accept(*request);
  };
  co_return co_await net::RunOn<Response>(writer_, std::move(accept));
}

net::Task<Response> Dispatcher::ServeSubmissions(Call call) {
  if (submissions_ == nullptr) {
    co_return NotFoundResponse();
  }
  if (call.route == Route::kSubmit) {
    co_return co_await Submit(std::move(call));
  }
  Submissions* const submissions = submissions_;
  const Call* const asked = &call;
  const bool writes =
      call.route == Route::kCancelSubmission || call.route == Route::kRetrySubmission;
  std::function<Response()> work = [submissions, asked] {
    switch (asked->route) {
      case Route::kSubmissions:
        return submissions->List(*asked);
      case Route::kCancelSubmission:
        return submissions->Cancel(*asked);
      case Route::kRetrySubmission:
        return submissions->Retry(*asked);
      default:
        return submissions->Get(*asked);
    }
  };
  WorkPool& pool = writes ? writer_ : read_pool_;
  co_return co_await net::RunOn<Response>(pool, std::move(work));
}

net::Task<Response> Dispatcher::Change(Call call) {
  const Call* const asked = &call;
  std::function<Parsed<LocalChange>()> prepare = [this, asked] { return changes_.Prepare(*asked); };
  Parsed<LocalChange> prepared =
      co_await net::RunOn<Parsed<LocalChange>>(read_pool_, std::move(prepare));
  if (std::holds_alternative<Response>(prepared)) {
    co_return std::move(std::get<Response>(prepared));
  }
  const LocalChange* const change = &std::get<LocalChange>(prepared);
  std::function<Parsed<store::StoredMessage>()> commit = [this, change] {
    return changes_.Commit(*change);
  };
  Parsed<store::StoredMessage> changed =
      co_await net::RunOn<Parsed<store::StoredMessage>>(writer_, std::move(commit));
  if (std::holds_alternative<Response>(changed)) {
    co_return std::move(std::get<Response>(changed));
  }
  const store::StoredMessage* const message = &std::get<store::StoredMessage>(changed);
  call.if_none_match.reset();
  std::function<Answer()> show = [this, asked, message] {
    return reader_.ShowMessage(*asked, *message);
  };
  Answer answer = co_await net::RunOn<Answer>(read_pool_, std::move(show));
  if (!answer.mailbox.empty()) {
    directory_.MarkActive(call.tenant, answer.mailbox);
  }
  co_return std::move(answer.response);
}

net::Task<Response> Dispatcher::Read(Call call) {
  const std::string tenant = call.tenant;
  std::variant<Work, Response> prepared = Prepare(std::move(call));
  if (std::holds_alternative<Response>(prepared)) {
    co_return std::move(std::get<Response>(prepared));
  }
  Work work = std::move(std::get<Work>(prepared));
  Answer answer = co_await net::RunOn<Answer>(read_pool_, std::move(work));
  if (!answer.mailbox.empty()) {
    directory_.MarkActive(tenant, answer.mailbox);
  }
  if (answer.wanted.has_value() && !directory_.FetchWhole(tenant, answer.mailbox, *answer.wanted)) {
    Response busy =
        Problem(429, "too_many_fetches", "other messages of this mailbox are fetched first");
    busy.headers.push_back({.name = "Retry-After", .value = "30"});
    co_return busy;
  }
  co_return std::move(answer.response);
}

net::Task<EventPage> Dispatcher::Events(const Call& call,
                                        std::optional<store::ChangePosition> from) {
  const Reader* reader = &reader_;
  std::function<EventPage()> work = [reader, call, from = std::move(from)] {
    return reader->Events(call, from);
  };
  co_return co_await net::RunOn<EventPage>(read_pool_, std::move(work));
}

bool Dispatcher::MayRead(const Call& call) const {
  const TokenGrant* grant = directory_.FindToken(call.token);
  return grant != nullptr && grant->read && grant->tenant == call.tenant;
}

bool Dispatcher::IsConfigured(const Call& call) const {
  const std::vector<std::string>& names = directory_.MailboxNames(call.tenant);
  return std::binary_search(names.begin(), names.end(), call.name);
}

std::variant<Dispatcher::Work, Response> Dispatcher::Prepare(Call call) const {
  const Reader* reader = &reader_;
  switch (call.route) {
    case Route::kHealth:
      return JsonResponse(StatusJson("ok"));
    case Route::kReady:
      if (directory_.Ready()) {
        return JsonResponse(StatusJson("ready"));
      }
      return FailureResponse(Status(Code::kBusy, "not ready"));
    case Route::kOpenApi:
      return Description(call);
    case Route::kStatusPage:
      return StatusPage(call);
    case Route::kMetrics:
      return Metrics();
    case Route::kPools:
      return Pools(call);
    case Route::kWebhooks:
      return Webhooks(call);
    case Route::kMailboxes:
      return PrepareMailboxes(std::move(call));
    case Route::kMailbox: {
      if (!IsConfigured(call)) {
        return NotFoundResponse();
      }
      MailboxRow row{.name = call.name, .live = directory_.Live(call.tenant, call.name)};
      return Work([reader, call = std::move(call), row = std::move(row)] {
        return reader->Mailbox(call, row);
      });
    }
    case Route::kRefresh:
      return Refresh(call);
    case Route::kFolders:
      if (!IsConfigured(call)) {
        return NotFoundResponse();
      }
      return Work([reader, call = std::move(call)] { return reader->Folders(call); });
    case Route::kMessages:
      return Work([reader, call = std::move(call)] { return reader->Messages(call); });
    case Route::kMessage:
      return Work([reader, call = std::move(call)] { return reader->Message(call); });
    case Route::kRaw:
      return Work([reader, call = std::move(call)] { return reader->Raw(call); });
    case Route::kAttachment:
      return Work([reader, call = std::move(call)] { return reader->Attachment(call); });
    case Route::kFetch:
      return Work([reader, call = std::move(call)] { return reader->Fetch(call); });
    case Route::kAddMailbox:
    case Route::kReplaceMailbox:
    case Route::kRemoveMailbox:
    case Route::kChangeMessage:
    case Route::kDeleteMessage:
    case Route::kSubmit:
    case Route::kSubmissions:
    case Route::kSubmission:
    case Route::kCancelSubmission:
    case Route::kRetrySubmission:
      break;  // Not reads.
    case Route::kChanges:
      return Work([reader, call = std::move(call)] { return reader->Changes(call); });
  }
  return NotFoundResponse();
}

Response Dispatcher::Description(const Call& call) {
  static const std::string version = VersionOf(OpenApiText());
  return FixedText(call, version, "application/json", OpenApiText());
}

Response Dispatcher::StatusPage(const Call& call) {
  static const std::string version = VersionOf(StatusPageText());
  static const std::string policy = StatusPagePolicy();
  Response response = FixedText(call, version, "text/html; charset=utf-8", StatusPageText());
  response.headers.push_back({.name = "Content-Security-Policy", .value = policy});
  response.headers.push_back({.name = "Referrer-Policy", .value = "no-referrer"});
  return response;
}

Response Dispatcher::Metrics() const {
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = directory_.Metrics();
  return response;
}

Response Dispatcher::Pools(const Call& call) const {
  Parsed<size_t> parsed = ParseLimit(call);
  if (std::holds_alternative<Response>(parsed)) {
    return std::move(std::get<Response>(parsed));
  }
  const size_t limit = std::get<size_t>(parsed);
  const std::string scope = CursorScope({"pools"});
  const std::string* cursor = call.Parameter("cursor");
  uint64_t first = 0;
  if (cursor != nullptr && !cursor->empty()) {
    const Result<std::string> position = DecodeCursor(scope, *cursor);
    const Result<uint64_t> index =
        position.ok() ? ParseId(*position) : Result<uint64_t>(position.status());
    if (!index.ok()) {
      return Problem(400, "bad_cursor", index.status().message());
    }
    first = *index;
  }
  const std::vector<PoolLive> pools = directory_.Pools(first, limit + 1);
  ListWriter items;
  for (size_t i = 0; i < std::min(limit, pools.size()); ++i) {
    items.Add(PoolJson(pools[i]));
  }
  std::optional<std::string> next_cursor;
  if (pools.size() > limit) {
    next_cursor = EncodeCursor(scope, FormatId(first + limit));
  }
  return JsonResponse(items.Finish(next_cursor));
}

Response Dispatcher::Webhooks(const Call& call) const {
  ListWriter items;
  for (const WebhookLive& webhook : directory_.Webhooks(call.tenant)) {
    items.Add(WebhookJson(webhook));
  }
  return JsonResponse(items.Finish(std::nullopt));
}

Response Dispatcher::Refresh(const Call& call) const {
  if (!IsConfigured(call)) {
    return NotFoundResponse();
  }
  if (!directory_.Refresh(call.tenant, call.name)) {
    Response response = Problem(429, "refreshed_lately", "once per mailbox in 10 seconds");
    response.headers.push_back({.name = "Retry-After", .value = "10"});
    return response;
  }
  Response response = JsonResponse(StatusJson("requested"));
  response.status = 202;
  return response;
}

std::variant<Dispatcher::Work, Response> Dispatcher::PrepareMailboxes(Call call) const {
  Parsed<size_t> limit = ParseLimit(call);
  if (std::holds_alternative<Response>(limit)) {
    return std::move(std::get<Response>(limit));
  }
  const std::string scope = CursorScope({"mailboxes", call.tenant});
  const std::string* cursor = call.Parameter("cursor");
  std::string after;
  if (cursor != nullptr && !cursor->empty()) {
    Result<std::string> position = DecodeCursor(scope, *cursor);
    if (!position.ok()) {
      return Problem(400, "bad_cursor", position.status().message());
    }
    after = std::move(position).value();
  }
  const std::vector<std::string>& names = directory_.MailboxNames(call.tenant);
  auto it = std::upper_bound(names.begin(), names.end(), after);
  std::vector<MailboxRow> rows;
  for (; it != names.end() && rows.size() < std::get<size_t>(limit); ++it) {
    rows.push_back({.name = *it, .live = directory_.Live(call.tenant, *it)});
  }
  std::optional<std::string> next_cursor;
  if (it != names.end()) {
    next_cursor = EncodeCursor(scope, rows.back().name);
  }
  const Reader* reader = &reader_;
  return Work([reader, call = std::move(call), rows = std::move(rows),
               next_cursor = std::move(next_cursor)] {
    return reader->Mailboxes(call, rows, next_cursor);
  });
}

}  // namespace mailhaul::http
