#include "connectors/https/curl_thread.h"

#include <utility>

#include "base/check.h"

namespace mailhaul::https {
namespace {

constexpr int kIdleWaitMilliseconds = 60'000;  // A wake-up interrupts it.

CURLM* MakeMulti() {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  MH_CHECK(initialised == CURLE_OK);
  CURLM* const multi = curl_multi_init();
  MH_CHECK(multi != nullptr);
  MH_CHECK(curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, kConnectionsMax) == CURLM_OK);
  MH_CHECK(curl_multi_setopt(multi, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING)) ==
           CURLM_OK);
  return multi;
}

}  // namespace

CurlThread::CurlThread() : multi_(MakeMulti()), thread_([this] { Run(); }) {}

CurlThread::~CurlThread() {
  {
    const std::lock_guard lock(mutex_);
    orders_.abort = true;
    orders_.stop = true;
  }
  curl_multi_wakeup(multi_);
  thread_.join();
  MH_CHECK(running_.empty());
  curl_multi_cleanup(multi_);
}

void CurlThread::Start(std::unique_ptr<Transfer> transfer) {
  {
    const std::lock_guard lock(mutex_);
    orders_.started.push_back(std::move(transfer));
  }
  curl_multi_wakeup(multi_);
}

void CurlThread::AbortAll() {
  {
    const std::lock_guard lock(mutex_);
    orders_.abort = true;
  }
  curl_multi_wakeup(multi_);
}

CurlThread::Orders CurlThread::TakeOrders() {
  const std::lock_guard lock(mutex_);
  return std::exchange(orders_, Orders());
}

void CurlThread::Run() {
  for (;;) {
    Orders orders = TakeOrders();
    for (std::unique_ptr<Transfer>& transfer : orders.started) {
      Add(std::move(transfer));
    }
    if (orders.abort) {
      CancelRunning();
    }
    if (orders.stop) {
      return;
    }
    int running = 0;
    MH_CHECK(curl_multi_perform(multi_, &running) == CURLM_OK);
    FinishDone();
    MH_CHECK(curl_multi_poll(multi_, nullptr, 0, kIdleWaitMilliseconds, nullptr) == CURLM_OK);
  }
}

void CurlThread::Add(std::unique_ptr<Transfer> transfer) {
  const Status ready = transfer->Prepare(clock_.Now());
  if (!ready.ok()) {
    transfer->Cancel(ready);
    return;
  }
  CURL* const handle = transfer->handle();
  MH_CHECK(curl_multi_add_handle(multi_, handle) == CURLM_OK);
  running_.emplace(handle, std::move(transfer));
}

void CurlThread::FinishDone() {
  int left = 0;
  while (const CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) {
      continue;
    }
    const CURLcode code = message->data.result;  // `message` dies with the handle's removal.
    auto node = running_.extract(message->easy_handle);
    MH_CHECK(!node.empty());
    curl_multi_remove_handle(multi_, node.key());
    node.mapped()->Finish(code);
  }
}

void CurlThread::CancelRunning() {
  for (auto& [handle, transfer] : running_) {
    curl_multi_remove_handle(multi_, handle);
    transfer->Cancel({Code::kCancelled, "the request was stopped"});
  }
  running_.clear();
}

}  // namespace mailhaul::https
