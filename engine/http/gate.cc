#include "engine/http/gate.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"
#include "engine/http/mailbox_admin.h"
#include "engine/http/target.h"
#include "store/blob_store.h"

namespace mailhaul::http {
namespace {

constexpr std::string_view kArgument = "*";  // Matches any segment that is not empty.

constexpr std::array<std::string_view, 2> kListParameters = {"limit", "cursor"};
constexpr std::array<std::string_view, 3> kMailboxesParameters = {"limit", "cursor", "test"};
constexpr std::array<std::string_view, 1> kMailboxParameters = {"test"};
constexpr std::array<std::string_view, 2> kChangesParameters = {"since", "limit"};
constexpr std::array<std::string_view, 5> kSubmissionParameters = {"mailbox", "state", "send_at",
                                                                   "limit", "cursor"};
constexpr std::array<std::string_view, 16> kMessageParameters = {
    "mailbox", "folder", "from",   "to",     "participant", "subject",
    "text",    "after",  "before", "unread", "flagged",     "has_attachment",
    "tag",     "thread", "limit",  "cursor"};

struct RouteEntry {
  Route route;
  std::array<std::string_view, 5> pattern;  // Unused places at the end are empty.
  std::span<const std::string_view> parameters;
  // Methods besides GET and HEAD, or instead of them.
  enum class Methods { kRead, kAction, kChange, kCreate, kCancel, kKeep } methods = Methods::kRead;
  // Of the token.
  enum class Scope { kRead, kAdmin, kSend } scope = Scope::kRead;
  // The same for methods besides GET and HEAD, where they need another.
  std::optional<Scope> writing_scope{};
};
using Methods = RouteEntry::Methods;
using Scope = RouteEntry::Scope;

const std::array<RouteEntry, 20>& Routes() {
  static const std::array<RouteEntry, 20> routes = {{
      {Route::kHealth, {"healthz"}, {}},
      {Route::kReady, {"readyz"}, {}},
      {Route::kOpenApi, {"openapi.json"}, {}},
      {Route::kStatusPage, {}, {}},
      {Route::kMetrics, {"metrics"}, {}, Methods::kRead, Scope::kAdmin},
      {Route::kMailboxes,
       {"v1", "mailboxes"},
       kMailboxesParameters,
       Methods::kCreate,
       Scope::kRead,
       Scope::kAdmin},
      {Route::kMailbox,
       {"v1", "mailboxes", kArgument},
       kMailboxParameters,
       Methods::kKeep,
       Scope::kRead,
       Scope::kAdmin},
      {Route::kRefresh, {"v1", "mailboxes", kArgument, "refresh"}, {}, Methods::kAction},
      {Route::kFolders, {"v1", "mailboxes", kArgument, "folders"}, {}},
      {Route::kMessages, {"v1", "messages"}, kMessageParameters},
      {Route::kMessage, {"v1", "messages", kArgument}, {}, Methods::kChange},
      {Route::kRaw, {"v1", "messages", kArgument, "raw"}, {}},
      {Route::kAttachment, {"v1", "messages", kArgument, "attachments", kArgument}, {}},
      {Route::kFetch, {"v1", "messages", kArgument, "fetch"}, {}, Methods::kAction},
      {Route::kChanges, {"v1", "changes"}, kChangesParameters},
      {Route::kPools, {"v1", "pools"}, kListParameters, Methods::kRead, Scope::kAdmin},
      {Route::kWebhooks, {"v1", "webhooks"}, {}},
      {Route::kSubmissions,
       {"v1", "submissions"},
       kSubmissionParameters,
       Methods::kCreate,
       Scope::kSend},
      {Route::kSubmission, {"v1", "submissions", kArgument}, {}, Methods::kCancel, Scope::kSend},
      {Route::kRetrySubmission,
       {"v1", "submissions", kArgument, "retry"},
       {},
       Methods::kAction,
       Scope::kSend},
  }};
  return routes;
}

bool Matches(const RouteEntry& entry, const std::vector<std::string>& segments) {
  const auto end = std::find(entry.pattern.begin(), entry.pattern.end(), std::string_view());
  const auto size = static_cast<size_t>(end - entry.pattern.begin());
  if (size == 0) {
    return segments.empty() || (segments.size() == 1 && segments.front().empty());  // "/".
  }
  return segments.size() == size &&
         std::equal(segments.begin(), segments.end(), entry.pattern.begin(),
                    [](const std::string& segment, std::string_view pattern) {
                      return pattern == kArgument ? !segment.empty() : segment == pattern;
                    });
}

const RouteEntry* FindRoute(const std::vector<std::string>& segments) {
  for (const RouteEntry& entry : Routes()) {
    if (Matches(entry, segments)) {
      return &entry;
    }
  }
  return nullptr;
}

Response Unauthorized() {
  Response response =
      Problem(401, "unauthorized", "send a known token as: Authorization: Bearer TOKEN");
  response.headers.push_back({.name = "WWW-Authenticate", .value = "Bearer"});
  return response;
}

// The SHA-256 of the presented token; empty without one.
std::string TokenHash(const RequestHead& head) {
  static constexpr std::string_view kScheme = "Bearer ";
  if (!head.authorization.has_value() || !StartsWithIgnoreCase(*head.authorization, kScheme)) {
    return {};
  }
  std::string_view token = *head.authorization;
  token.remove_prefix(kScheme.size());
  token.remove_prefix(std::min(token.find_first_not_of(' '), token.size()));
  if (token.empty()) {
    return {};
  }
  const store::Sha256 hash = store::ComputeSha256(token);
  return {hash.begin(), hash.end()};
}

// A refusal of the first parameter that the route does not know.
std::optional<Response> CheckParameters(const RouteEntry& entry, const Target& target) {
  for (const auto& [name, value] : target.query) {
    const auto& known = entry.parameters;
    if (std::find(known.begin(), known.end(), name) != known.end()) {
      continue;
    }
    std::string detail = "unknown query parameter \"" + EscapeForLog(name, 64) + "\"";
    // Nothing longer can be a typing error, and comparing costs time.
    const std::string_view near = name.size() <= 32 ? NearestWord(name, known) : "";
    if (!near.empty()) {
      detail += "; did you mean \"" + std::string(near) + "\"?";
    }
    return Problem(400, "unknown_parameter", detail);
  }
  return std::nullopt;
}

std::string_view AllowedMethods(Methods methods) {
  switch (methods) {
    case Methods::kRead:
      return "GET, HEAD";
    case Methods::kAction:
      return "POST";
    case Methods::kChange:
      return "GET, HEAD, PATCH, DELETE";
    case Methods::kCreate:
      return "GET, HEAD, POST";
    case Methods::kCancel:
      return "GET, HEAD, DELETE";
    case Methods::kKeep:
      return "GET, HEAD, PUT, DELETE";
  }
  return "";
}

std::vector<std::string_view> SplitMethods(std::string_view allowed) {
  std::vector<std::string_view> methods;
  size_t begin = 0;
  while (begin < allowed.size()) {
    const size_t end = std::min(allowed.find(',', begin), allowed.size());
    methods.push_back(allowed.substr(begin, end - begin));
    begin = end + 2;  // Behind ", ".
  }
  return methods;
}

// A refusal of a method that the route does not take.
std::optional<Response> CheckMethod(const RouteEntry& entry, std::string_view method) {
  const std::string_view allowed = AllowedMethods(entry.methods);
  const std::vector<std::string_view> methods = SplitMethods(allowed);
  if (std::find(methods.begin(), methods.end(), method) != methods.end()) {
    return std::nullopt;
  }
  Response response = Problem(405, "method_not_allowed", "this path takes " + std::string(allowed));
  response.headers.push_back({.name = "Allow", .value = std::string(allowed)});
  return response;
}

bool NeedsToken(const std::vector<std::string>& segments, const Directory& directory) {
  return !segments.empty() && (segments.front() == "v1" ||
                               (segments.front() == "metrics" && !directory.MetricsAreOpen()));
}

std::string_view ScopeName(Scope scope) {
  return scope == Scope::kAdmin ? "admin" : scope == Scope::kSend ? "send" : "read";
}

Scope ScopeFor(const RouteEntry& entry, std::string_view method) {
  const bool reads = method == "GET" || method == "HEAD";
  return reads ? entry.scope : entry.writing_scope.value_or(entry.scope);
}

// A refusal of a token without the scope that the route asks for.
std::optional<Response> CheckScope(const TokenGrant& grant, const RouteEntry* entry,
                                   std::string_view method) {
  const Scope scope = entry == nullptr ? Scope::kRead : ScopeFor(*entry, method);
  if (scope == Scope::kAdmin ? grant.admin : scope == Scope::kSend ? grant.send : grant.read) {
    return std::nullopt;
  }
  return Problem(403, "insufficient_scope",
                 "this token has no scope \"" + std::string(ScopeName(scope)) + "\"");
}

// The method decides between the calls of one path.
Route RouteFor(std::string_view method, Route route) {
  if (method == "PATCH") {
    return Route::kChangeMessage;
  }
  if (method == "DELETE") {
    return route == Route::kSubmission ? Route::kCancelSubmission
           : route == Route::kMailbox  ? Route::kRemoveMailbox
                                       : Route::kDeleteMessage;
  }
  if (method == "PUT") {
    return Route::kReplaceMailbox;
  }
  if (method == "POST" && route == Route::kMailboxes) {
    return Route::kAddMailbox;
  }
  return method == "POST" && route == Route::kSubmissions ? Route::kSubmit : route;
}

size_t BodyBytesMax(Route route) {
  switch (route) {
    case Route::kChangeMessage:
      return kChangeBodyBytesMax;
    case Route::kSubmit:
      return kSubmissionBodyBytesMax;
    case Route::kAddMailbox:
    case Route::kReplaceMailbox:
      return kMailboxBodyBytesMax;
    default:
      return 0;
  }
}

Response TooManyRequests(Duration wait) {
  Response response = Problem(429, "too_many_requests", "this token asks more often than it may");
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  response.headers.push_back(
      {.name = "Retry-After", .value = std::to_string(std::max<int64_t>(seconds, 1))});
  return response;
}

}  // namespace

const std::string* Call::Parameter(std::string_view parameter) const {
  const auto it = std::find_if(query.begin(), query.end(),
                               [&](const auto& entry) { return entry.first == parameter; });
  return it == query.end() ? nullptr : &it->second;
}

Decision Decide(const RequestHead& head, const Directory& directory, const GateContext& context) {
  Result<Target> target = ParseTarget(head.target);
  if (!target.ok()) {
    return Problem(400, "bad_target", target.status().message());
  }
  Call call;
  const RouteEntry* entry = FindRoute(target->segments);
  if (NeedsToken(target->segments, directory)) {
    // First of all: without a token nobody learns what exists.
    call.token = TokenHash(head);
    const TokenGrant* grant = call.token.empty() ? nullptr : directory.FindToken(call.token);
    if (grant == nullptr) {
      return Unauthorized();
    }
    if (context.caller != nullptr) {
      *context.caller = {.tenant = grant->tenant, .token = call.token};
    }
    if (context.rates != nullptr) {
      const std::optional<Duration> wait = context.rates->Take(call.token, context.now);
      if (wait.has_value()) {
        return TooManyRequests(*wait);
      }
    }
    std::optional<Response> refusal = CheckScope(*grant, entry, head.method);
    if (refusal.has_value()) {
      return std::move(*refusal);
    }
    call.tenant = grant->tenant;
  }
  if (entry == nullptr) {
    return Problem(404, "not_found", "there is nothing at this path");
  }
  std::optional<Response> refusal = CheckMethod(*entry, head.method);
  if (!refusal.has_value()) {
    refusal = CheckParameters(*entry, *target);
  }
  if (refusal.has_value()) {
    return std::move(*refusal);
  }
  call.route = RouteFor(head.method, entry->route);
  call.body_bytes_max = BodyBytesMax(call.route);
  call.name = target->segments.size() > 2 ? target->segments[2] : "";
  call.part = target->segments.size() > 4 ? target->segments[4] : "";
  call.query = std::move(target->query);
  call.if_none_match = head.if_none_match;
  call.if_match = head.if_match;
  if (head.method == "GET") {
    call.range = head.range;
    call.if_range = head.if_range;
  }
  call.content_type = head.content_type;
  call.events = call.route == Route::kChanges && head.accepts_events && head.method == "GET";
  if (call.events && head.last_event_id.has_value() && !head.last_event_id->empty()) {
    // What a browser that reconnects has seen last; its URL still says where it once began.
    std::erase_if(call.query, [](const auto& parameter) { return parameter.first == "since"; });
    call.query.emplace_back("since", *head.last_event_id);
  }
  call.idempotency_key = head.idempotency_key;
  return call;
}

std::vector<RouteInfo> DescribeRoutes() {
  std::vector<RouteInfo> described;
  for (const RouteEntry& entry : Routes()) {
    RouteInfo info;
    for (const std::string_view segment : entry.pattern) {
      if (!segment.empty()) {
        info.path += "/" + (segment == kArgument ? "{}" : std::string(segment));
      }
    }
    info.path = info.path.empty() ? "/" : info.path;
    info.parameters.assign(entry.parameters.begin(), entry.parameters.end());
    // /metrics is open on loopback only.
    const bool takes_token = entry.pattern[0] == "v1" || entry.route == Route::kMetrics;
    for (const std::string_view method : SplitMethods(AllowedMethods(entry.methods))) {
      info.method = method;
      info.scope = takes_token ? ScopeName(ScopeFor(entry, method)) : "";
      info.route = RouteFor(method, entry.route);
      described.push_back(info);
    }
  }
  return described;
}

}  // namespace mailhaul::http
