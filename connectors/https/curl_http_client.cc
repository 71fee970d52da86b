#include "connectors/https/curl_http_client.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/text.h"

namespace mailhaul::https {
namespace {

constexpr size_t kAddressesTriedMax = 4;

Status Stopped() { return {Code::kCancelled, "the HTTPS client was stopped"}; }

}  // namespace

CurlHttpClient::CurlHttpClient(net::Network& network, CurlHttpClientOptions options)
    : network_(network), options_(std::move(options)) {}

CurlHttpClient::~CurlHttpClient() { MH_CHECK(pending_ == 0); }

void CurlHttpClient::Abort() {
  aborted_ = true;
  if (thread_ != nullptr) {
    thread_->AbortAll();
  }
}

net::Task<Result<HttpAnswer>> CurlHttpClient::Fetch(HttpRequest request, TimePoint deadline) {
  if (pending_ >= kRequestsMax) {
    co_return Status(Code::kResourceExhausted, "too many HTTPS requests at a time");
  }
  ++pending_;
  Result<HttpAnswer> answer = co_await FetchCounted(request, deadline);
  --pending_;
  co_return answer;
}

net::Task<Result<HttpAnswer>> CurlHttpClient::FetchCounted(const HttpRequest& request,
                                                           TimePoint deadline) {
  const Result<Target> target = ParseTarget(request.url);
  if (!target.ok()) {
    co_return target.status();
  }
  CO_TRY(std::vector<net::IpAddress> addresses, network_.Resolve(target->host, deadline));
  const Status allowed = CheckDestination(*target, addresses, options_.allow_private);
  if (!allowed.ok()) {
    co_return allowed;
  }
  addresses.resize(std::min(addresses.size(), kAddressesTriedMax));
  TransferResult result;
  result.answer = Status(Code::kUnreachable, EscapeForLog(target->host) + " has no address");
  for (size_t i = 0; i < addresses.size() && !result.connected; ++i) {
    TransferOptions transfer;
    transfer.target = *target;
    transfer.endpoint = {.address = addresses[i], .port = target->port};
    transfer.allow_private = options_.allow_private;
    transfer.ca_file = options_.ca_file;
    transfer.deadline = deadline;
    // An address that swallows packets must not use up the time of those behind it.
    const auto left = static_cast<Duration::rep>(addresses.size() - i);
    transfer.connect_timeout = options_.connect_timeout / left;
    result = co_await Run(request, std::move(transfer));
  }
  co_return std::move(result.answer);
}

net::Task<TransferResult> CurlHttpClient::Run(const HttpRequest& request, TransferOptions options) {
  TransferResult stopped;
  stopped.answer = Stopped();
  stopped.connected = true;
  if (aborted_) {
    co_return stopped;
  }
  if (thread_ == nullptr) {
    thread_ = std::make_unique<CurlThread>();
  }
  net::OneShot<TransferResult> shot;
  net::OneShot<TransferResult>* const target = &shot;
  net::Loop* const loop = net::Loop::Current();
  Transfer::Done done = [target, loop](TransferResult result) {
    // Shared only because std::function copies; one party at a time touches it.
    auto value = std::make_shared<TransferResult>(std::move(result));
    loop->Post([target, value] { target->Set(std::move(*value)); });
  };
  thread_->Start(std::make_unique<Transfer>(request, std::move(options), std::move(done)));
  co_return co_await shot.Wait();
}

}  // namespace mailhaul::https
