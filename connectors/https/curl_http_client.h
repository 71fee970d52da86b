// HttpClient on libcurl, which runs on a thread of its own.
//
// libcurl resolves nothing: names go through Network::Resolve() and the destination gate, and each
// transfer is tied to one address that passed, which is judged again when its socket is made. One
// connection per request.
#pragma once

#include <memory>
#include <string>

#include "connectors/http_client.h"
#include "connectors/https/curl_thread.h"
#include "connectors/net/network.h"

namespace mailhaul::https {

inline constexpr size_t kRequestsMax = 256;  // Of one client at a time; beyond: kResourceExhausted.

struct CurlHttpClientOptions {
  bool allow_private = false;  // Else loopback and private destinations are refused.
  std::string ca_file;         // PEM, trusted instead of the system's authorities; empty: those.
  Duration connect_timeout = std::chrono::seconds(10);
};

// Belongs to the loop of `network`, which must run while a Fetch() is pending; none may be when it
// dies. The thread starts with the first request.
class CurlHttpClient final : public HttpClient {
 public:
  CurlHttpClient(net::Network& network, CurlHttpClientOptions options);
  ~CurlHttpClient() override;

  // Addresses are tried in turn until one connects. Besides HttpClient's failures kCancelled after
  // Abort() and kResourceExhausted.
  net::Task<Result<HttpAnswer>> Fetch(HttpRequest request, TimePoint deadline) override;
  void Abort() override;

 private:
  net::Task<Result<HttpAnswer>> FetchCounted(const HttpRequest& request, TimePoint deadline);
  net::Task<TransferResult> Run(const HttpRequest& request, TransferOptions options);

  net::Network& network_;
  const CurlHttpClientOptions options_;
  size_t pending_ = 0;
  bool aborted_ = false;
  std::unique_ptr<CurlThread> thread_;
};

}  // namespace mailhaul::https
