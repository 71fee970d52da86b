// Tells those who wait that the answer is not wanted any more.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

namespace mailhaul::net {

// Loop thread only. Must outlive its registrations.
class CancelToken final {
 public:
  // Calls `cancel` when the token is cancelled while this lives; at once when it already is.
  // `cancel` resumes no coroutine by itself: it sets a OneShot, or aborts a stream.
  class Registration final {
   public:
    Registration(CancelToken& token, std::function<void()> cancel);
    ~Registration() { token_.waiting_.erase(id_); }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

   private:
    CancelToken& token_;
    const uint64_t id_;
  };

  CancelToken() = default;
  CancelToken(const CancelToken&) = delete;
  CancelToken& operator=(const CancelToken&) = delete;

  void Cancel();
  bool cancelled() const { return cancelled_; }

 private:
  std::map<uint64_t, std::function<void()>> waiting_;
  uint64_t last_id_ = 0;
  bool cancelled_ = false;
};

}  // namespace mailhaul::net
