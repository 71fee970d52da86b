// One request to one address, on a libcurl easy handle.
#pragma once

#include <curl/curl.h>

#include <functional>
#include <memory>
#include <string>

#include "connectors/http_client.h"
#include "connectors/https/target.h"

namespace mailhaul::https {

inline constexpr size_t kHttpHeaderBytesMax = 64 * 1024;

struct TransferOptions {
  Target target;
  net::Endpoint endpoint;      // Where it goes, and nowhere else.
  bool allow_private = false;  // Judged once more when the socket is made.
  std::string ca_file;         // PEM, trusted instead of the system's; empty: those.
  TimePoint deadline;
  Duration connect_timeout{};
};

struct TransferResult {
  Result<HttpAnswer> answer = Status(Code::kCancelled, "not run");
  bool connected = false;  // Else another address of the host may be tried.
};

// Made on any thread, then used by one.
class Transfer final {
 public:
  using Done = std::function<void(TransferResult)>;

  // `request` must outlive the transfer. `done` is called once, by Finish() or Cancel().
  Transfer(const HttpRequest& request, TransferOptions options, Done done);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Configures the handle. After a failure only Cancel() may follow.
  Status Prepare(TimePoint now);
  CURL* handle() const { return handle_.get(); }
  void Finish(CURLcode code);
  void Cancel(Status status);

 private:
  friend struct Callbacks;

  void SetDestination();
  void SetSecurity();
  Status SetLimits(TimePoint now);
  Status SetRequest();
  HttpAnswer TakeAnswer();
  Status Explain(CURLcode code) const;

  const HttpRequest& request_;
  const TransferOptions options_;
  Done done_;
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle_;
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> connect_to_;
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers_;
  char error_[CURL_ERROR_SIZE] = {};

  size_t header_bytes_ = 0;
  std::string body_;
  Status refused_;  // By one of our callbacks.
};

}  // namespace mailhaul::https
