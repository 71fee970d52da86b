// Wakes a loop from any thread.
//
// Not a uv_async_t: there the woken thread spins until the waking one, which it may have pushed off
// its processor, has come back from its write.
#pragma once

namespace mailhaul::net {

// Thread-safe. Shared by the loop and whoever is about to wake it, so that the descriptor is not
// closed, and given to somebody else, in between.
class WakeFd final {
 public:
  WakeFd();
  ~WakeFd();
  WakeFd(const WakeFd&) = delete;
  WakeFd& operator=(const WakeFd&) = delete;

  int fd() const { return fd_; }  // Readable from Wake() until Take().
  void Wake() const;
  void Take() const;

 private:
  const int fd_;
};

}  // namespace mailhaul::net
