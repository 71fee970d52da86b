// HTTPS to other people's servers, for OAuth 2.0 tokens and autoconfig. Small requests, small
// answers.
//
// Destinations are user input: the same gate as for mail servers (dialer.h) judges every address
// before a byte is sent. No redirects, no proxy, TLS verified, answers bounded.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "connectors/net/task.h"

namespace mailhaul {

inline constexpr size_t kHttpBodyBytesMax = 256 * 1024;

struct HttpRequest {
  std::string method = "GET";  // GET or POST.
  std::string url;             // https://; http:// to loopback only, with network.allow_private.
  std::vector<std::pair<std::string, std::string>> headers;
  Secret body;  // POST. A Secret, since it may hold a refresh token.
};

struct HttpAnswer {
  int status = 0;
  std::string content_type;             // Lower case, without parameters.
  std::chrono::seconds retry_after{0};  // Of a Retry-After field in seconds.
  Secret body;  // At most kHttpBodyBytesMax; a Secret, since it may hold tokens.
};

// Belongs to one loop; requests may run at the same time.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Any answer is a success, whatever its status. kUnreachable, kTimeout, kTlsFailed, kProtocol
  // (too large, not HTTP), kInvalidArgument (no such URL).
  virtual net::Task<Result<HttpAnswer>> Fetch(HttpRequest request, TimePoint deadline) = 0;
  // Pending and later requests fail with kCancelled, those that wait for DNS when it answers.
  virtual void Abort() {}
};

}  // namespace mailhaul
