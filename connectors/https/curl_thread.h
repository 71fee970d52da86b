// The thread that runs transfers, all of them in one libcurl multi handle.
#pragma once

#include <curl/curl.h>

#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "connectors/https/transfer.h"

namespace mailhaul::https {

inline constexpr long kConnectionsMax = 8;  // At a time; further transfers wait, within their time.

class CurlThread final {
 public:
  CurlThread();
  ~CurlThread();  // AbortAll(), and waits for the thread.
  CurlThread(const CurlThread&) = delete;
  CurlThread& operator=(const CurlThread&) = delete;

  // Thread-safe. The transfer's `done` is called on the thread, soon after its deadline at the
  // latest.
  void Start(std::unique_ptr<Transfer> transfer);
  // Thread-safe: what runs, and what was started before, ends with kCancelled.
  void AbortAll();

 private:
  struct Orders {
    std::vector<std::unique_ptr<Transfer>> started;
    bool abort = false;
    bool stop = false;
  };

  void Run();
  Orders TakeOrders();
  void Add(std::unique_ptr<Transfer> transfer);
  void FinishDone();
  void CancelRunning();

  const SystemClock clock_;
  CURLM* const multi_;
  std::map<CURL*, std::unique_ptr<Transfer>> running_;  // The thread's.

  std::mutex mutex_;
  Orders orders_;  // Guarded by mutex_. Bounded by the caller of Start().
  std::thread thread_;
};

}  // namespace mailhaul::https
