// Preloaded into the program by send_kill_test.py: dies by SIGKILL at the Nth step after a request
// asked for it.
//
// A step is a call that moves bytes between the program and a socket or a file, or makes them
// durable. A request whose head holds "X-Die-At: 17 before" (or "after") starts the count at the
// call that read it; other connections of HTTP are not counted, so that the test may look on. The
// file named by KILL_AT_STEP_PAGE, kPageBytes long, is shared with the test: the count, then in
// words where the program died.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kPlaceOffset = 64;
constexpr size_t kPlaceBytesMax = 200;
constexpr std::string_view kWish = "X-Die-At: ";
constexpr uint64_t kNever = UINT64_MAX;

char* page = nullptr;
std::atomic<uint64_t> dies_at{kNever};
std::atomic<bool> dies_before{false};
std::atomic<int> http_port{-1};  // Of the connections that are accepted.
std::atomic<int> wisher{-1};     // The one of them that is counted, while it is open.

__attribute__((constructor)) void MapPage() {
  const char* const path = std::getenv("KILL_AT_STEP_PAGE");
  const int fd = path == nullptr ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    return;
  }
  void* const mapped = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  page = mapped == MAP_FAILED ? nullptr : static_cast<char*>(mapped);
}

std::atomic<uint64_t>& Count() { return *reinterpret_cast<std::atomic<uint64_t>*>(page); }

int PortOf(int fd) {
  sockaddr_in own{};
  socklen_t size = sizeof own;
  return getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) == 0 ? ntohs(own.sin_port) : -1;
}

bool IsHttp(int fd) { return PortOf(fd) == http_port; }

[[noreturn]] void Die(const char* call, bool before, uint64_t step, int fd, mode_t mode) {
  char place[kPlaceBytesMax];
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  if (S_ISSOCK(mode) && getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0) {
    std::snprintf(place, sizeof place, "%s %s port %u, step %llu", before ? "before" : "after",
                  call, ntohs(peer.sin_port), static_cast<unsigned long long>(step));
  } else {
    std::snprintf(place, sizeof place, "%s %s file, step %llu", before ? "before" : "after", call,
                  static_cast<unsigned long long>(step));
  }
  std::memcpy(page + kPlaceOffset, place, sizeof place);
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) {
    pause();
  }
}

// One call, on both its sides.
class Step final {
 public:
  Step(const char* call, int fd) : call_(call), fd_(fd) {
    if (dies_at.load(std::memory_order_relaxed) == kNever) {
      return;
    }
    struct stat facts {};
    const bool known = fstat(fd, &facts) == 0;
    const bool socket = known && S_ISSOCK(facts.st_mode);
    if (!known || (!socket && !S_ISREG(facts.st_mode)) || (socket && fd != wisher && IsHttp(fd))) {
      return;
    }
    mode_ = facts.st_mode;
    number_ = Count().fetch_add(1) + 1;
    if (number_ == dies_at.load() && dies_before) {
      Die(call, true, number_, fd, mode_);
    }
  }
  ~Step() {
    if (number_ != 0 && number_ == dies_at.load() && !dies_before) {
      Die(call_, false, number_, fd_, mode_);
    }
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

 private:
  const char* const call_;
  const int fd_;
  mode_t mode_ = 0;
  uint64_t number_ = 0;
};

// The step of a wish is the first: it cannot die before it.
void HearWish(int fd, const void* bytes, ssize_t size) {
  if (page == nullptr || size <= 0 || http_port < 0 || !IsHttp(fd)) {
    return;
  }
  const std::string_view text(static_cast<const char*>(bytes), static_cast<size_t>(size));
  const size_t at = text.find(kWish);
  if (at == std::string_view::npos) {
    return;
  }
  wisher = fd;
  Count() = 0;
  dies_before = text.substr(at, 40).find(" before") != std::string_view::npos;
  dies_at = std::strtoull(text.data() + at + kWish.size(), nullptr, 10);
}

}  // namespace

extern "C" {

int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  const int accepted = static_cast<int>(syscall(SYS_accept4, fd, address, size, flags));
  if (accepted >= 0) {
    http_port = PortOf(accepted);
    int expected = accepted;
    wisher.compare_exchange_strong(expected, -1);  // That one was closed.
  }
  return accepted;
}

ssize_t read(int fd, void* bytes, size_t size) {
  const Step step("read", fd);
  const ssize_t done = syscall(SYS_read, fd, bytes, size);
  HearWish(fd, bytes, done);
  return done;
}

ssize_t write(int fd, const void* bytes, size_t size) {
  const Step step("write", fd);
  return syscall(SYS_write, fd, bytes, size);
}

ssize_t writev(int fd, const iovec* parts, int count) {
  const Step step("writev", fd);
  return syscall(SYS_writev, fd, parts, count);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  const Step step("sendmsg", fd);
  return syscall(SYS_sendmsg, fd, message, flags);
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  const Step step("pwrite", fd);
  return syscall(SYS_pwrite64, fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  const Step step("pwrite", fd);
  return syscall(SYS_pwrite64, fd, bytes, size, offset);
}

int fsync(int fd) {
  const Step step("fsync", fd);
  return static_cast<int>(syscall(SYS_fsync, fd));
}

int fdatasync(int fd) {
  const Step step("fdatasync", fd);
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}

}  // extern "C"
