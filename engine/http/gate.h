// From a request head to the call it asks for: target, token, route, method, parameters.
//
// Everything that can be decided without the store. Loop thread only (it asks the Directory).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/http/request_parser.h"
#include "engine/http/response.h"
#include "engine/http/service.h"
#include "engine/http/token_rates.h"

namespace mailhaul::http {

inline constexpr size_t kChangeBodyBytesMax = 64 * 1024;  // The JSON of a local change.

enum class Route {
  kHealth,
  kReady,
  kOpenApi,
  kStatusPage,
  kMetrics,
  kMailboxes,
  kMailbox,
  kAddMailbox,
  kReplaceMailbox,
  kRemoveMailbox,
  kRefresh,
  kFolders,
  kMessages,
  kMessage,
  kChangeMessage,
  kDeleteMessage,
  kSubmissions,
  kSubmit,
  kSubmission,
  kCancelSubmission,
  kRetrySubmission,
  kRaw,
  kAttachment,
  kFetch,
  kChanges,
  kPools,
  kWebhooks,
};

// A request that may be answered.
struct Call {
  Route route = Route::kHealth;
  std::string tenant;  // Of the token; empty for routes without one.
  std::string name;    // The {mailbox} or {message id} of the path, else empty.
  std::string part;    // The {n} of an attachment's path, else empty.
  std::vector<std::pair<std::string, std::string>> query;  // Only names the route knows.
  std::optional<std::string> if_none_match;
  std::optional<std::string> if_match;
  std::optional<std::string> range;  // Of GET only (RFC 9110 section 14.2).
  std::optional<std::string> if_range;
  std::optional<std::string> content_type;
  std::optional<std::string> idempotency_key;
  size_t body_bytes_max = 0;  // 0: it takes no body, and one that is sent is dropped.
  std::string body;           // Added once it is there.
  std::string token;          // Its SHA-256; empty for routes without one.
  bool events = false;        // The changes are to be streamed (event_connection.h).

  // The parameter's value, or null.
  const std::string* Parameter(std::string_view parameter) const;
};

using Decision = std::variant<Call, Response>;

// Whose known token a request came with; both empty without one.
struct Caller {
  std::string tenant;
  std::string token;  // Its SHA-256.
};

struct GateContext {
  TokenRates* rates = nullptr;  // Null: no limit.
  TimePoint now{};
  Caller* caller = nullptr;  // Filled if not null.
};

// Every request with a known token takes a turn of it, also one that is then refused: guessing
// costs as much as knowing.
Decision Decide(const RequestHead& head, const Directory& directory,
                const GateContext& context = {});

// What the gate lets through: one for each method of each path.
struct RouteInfo {
  Route route = Route::kHealth;
  std::string method;
  std::string path;                     // "/v1/mailboxes/{}/folders"
  std::vector<std::string> parameters;  // Of the query.
  std::string scope;                    // "read", "send", "admin"; "": no token.
};
std::vector<RouteInfo> DescribeRoutes();

}  // namespace mailhaul::http
