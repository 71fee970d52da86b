#include "engine/app/readers_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace mailhaul::app {
namespace {

constexpr mode_t kMode = 0600;

int OpenLock(const std::string& data_dir) {
  return open((data_dir + "/readers.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode);
}

bool Lock(int fd, int operation) {
  int result = -1;
  do {
    result = flock(fd, operation);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

}  // namespace

ReadersLock ReadersLock::Share(const std::string& data_dir) {
  ReadersLock lock(OpenLock(data_dir));
  if (lock.fd_ >= 0) {
    static_cast<void>(Lock(lock.fd_, LOCK_SH));
  }
  return lock;
}

std::optional<ReadersLock> ReadersLock::TryExclude(const std::string& data_dir) {
  ReadersLock lock(OpenLock(data_dir));
  if (lock.fd_ < 0 || !Lock(lock.fd_, LOCK_EX | LOCK_NB)) {
    return std::nullopt;
  }
  return lock;
}

ReadersLock::ReadersLock(ReadersLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

ReadersLock& ReadersLock::operator=(ReadersLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

ReadersLock::~ReadersLock() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

}  // namespace mailhaul::app
