#include "engine/app/service_notice.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "base/text.h"

namespace mailhaul::app {
namespace {

constexpr size_t kStatusBytesMax = 256;

std::optional<uint64_t> NumberOf(const char* text) {
  if (text == nullptr) {
    return std::nullopt;
  }
  uint64_t number = 0;
  const char* const end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, number);
  return parsed.ec == std::errc() && parsed.ptr == end ? std::optional(number) : std::nullopt;
}

}  // namespace

ServiceNotice::ServiceNotice(config::EnvironmentLookup environment, int64_t process) {
  const char* const socket = environment("NOTIFY_SOCKET");
  const std::string_view name = socket == nullptr ? std::string_view() : socket;
  if ((!name.starts_with('/') && !name.starts_with('@')) || name.size() < 2 ||
      name.size() >= sizeof(sockaddr_un::sun_path)) {
    return;
  }
  address_ = name;
  if (address_.front() == '@') {
    address_.front() = '\0';
  }
  const char* const whose = environment("WATCHDOG_PID");
  const bool ours = whose == nullptr || NumberOf(whose) == static_cast<uint64_t>(process);
  const std::optional<uint64_t> microseconds = NumberOf(environment("WATCHDOG_USEC"));
  if (ours && microseconds.has_value() && *microseconds > 0) {
    constexpr uint64_t kDayMicroseconds = uint64_t{86'400} * 1'000'000;
    keep_alive_every_ = std::chrono::microseconds(
        std::max<uint64_t>(std::min(*microseconds, kDayMicroseconds) / 2, 1000));
  }
}

void ServiceNotice::Ready(std::string_view status) const {
  Send("READY=1\nSTATUS=" + EscapeForLog(status, kStatusBytesMax));
}

void ServiceNotice::Reloading(TimePoint now) const {
  const auto microseconds =
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
  Send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds.count()));
}

void ServiceNotice::Stopping() const { Send("STOPPING=1"); }

void ServiceNotice::KeepAlive() const { Send("WATCHDOG=1"); }

void ServiceNotice::Send(const std::string& message) const {
  if (address_.empty()) {
    return;
  }
  const OwnedFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  // An abstract name ends with its length, a path with a zero.
  const size_t size =
      offsetof(sockaddr_un, sun_path) + address_.size() + (address_.front() == '\0' ? 0 : 1);
  if (fd.get() >= 0) {
    static_cast<void>(sendto(fd.get(), message.data(), message.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&to), static_cast<socklen_t>(size)));
  }
}

}  // namespace mailhaul::app
