#include "engine/app/control_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace mailhaul::app {
namespace {

constexpr char kName[] = "/control.sock";
constexpr int kBacklog = 16;
constexpr size_t kReadBytes = 65'536;
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);

Status Failure(const std::string& what) { return {Code::kIo, what + ": " + std::strerror(errno)}; }

// An address has room for 107 bytes of path, so the directory goes by its descriptor.
class Address final {
 public:
  static Result<Address> In(const std::string& directory) {
    Address address(OwnedFd(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)));
    if (address.directory_.get() < 0) {
      return Status(errno == ENOENT ? Code::kNotFound : Code::kIo,
                    directory + ": " + std::strerror(errno));
    }
    const std::string path = "/proc/self/fd/" + std::to_string(address.directory_.get()) + kName;
    address.path_.sun_family = AF_UNIX;
    path.copy(static_cast<char*>(address.path_.sun_path), sizeof address.path_.sun_path - 1);
    return address;
  }

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&path_); }
  static socklen_t size() { return sizeof(sockaddr_un); }

 private:
  explicit Address(OwnedFd directory) : directory_(std::move(directory)) {}

  OwnedFd directory_;
  sockaddr_un path_{};
};

OwnedFd NewSocket() {
  return OwnedFd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

bool MustWait() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

int MillisecondsUntil(TimePoint deadline, TimePoint now) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
  return static_cast<int>(std::max<int64_t>(left, 0));
}

// Until the end of what comes. Calls `await` before each read; false: it is over.
template <typename AwaitReadable>
Result<std::string> ReadAll(int fd, const AwaitReadable& await) {
  std::string text;
  std::array<char, kReadBytes> buffer;
  while (await()) {
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got == 0) {
      return text;
    }
    if (got < 0 && !MustWait()) {
      return Failure("the running server");
    }
    text.append(buffer.data(), static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (text.size() > kControlAnswerBytesMax) {
      return Status(Code::kResourceExhausted, "the running server says too much");
    }
  }
  return Status(Code::kTimeout, "the running server does not answer");
}

}  // namespace

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

OwnedFd::OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Result<std::unique_ptr<ControlServer>> ControlServer::Start(const std::string& directory,
                                                            net::Loop& loop, Answer answer,
                                                            SlowAnswer slow_answer) {
  const std::string path = directory + kName;
  MH_ASSIGN_OR_RETURN(const Address address, Address::In(directory));
  OwnedFd listener = NewSocket();
  unlink(path.c_str());
  // The mode of the descriptor becomes that of the file: at no moment is it more.
  if (listener.get() < 0 || fchmod(listener.get(), S_IRUSR | S_IWUSR) != 0 ||
      bind(listener.get(), address.get(), Address::size()) != 0 ||
      listen(listener.get(), kBacklog) != 0) {
    return Failure(path);
  }
  return std::unique_ptr<ControlServer>(new ControlServer(
      path, std::move(listener), loop, std::move(answer), std::move(slow_answer)));
}

ControlServer::ControlServer(std::string path, OwnedFd listener, net::Loop& loop, Answer answer,
                             SlowAnswer slow_answer)
    : path_(std::move(path)),
      listener_(std::move(listener)),
      loop_(loop),
      answer_(std::make_shared<const Answer>(std::move(answer))),
      slow_answer_(std::move(slow_answer)),
      exchange_(std::make_shared<Exchange>()),
      thread_([this] { Run(); }) {}

ControlServer::~ControlServer() {
  {
    const std::lock_guard lock(exchange_->mutex);
    exchange_->stopping = true;
  }
  exchange_->changed.notify_all();
  stop_.Wake();
  thread_.join();
  unlink(path_.c_str());
}

// Whether it came before the deadline, and before the end of this server.
bool ControlServer::Await(int fd, short events, TimePoint deadline) const {
  std::array<pollfd, 2> waiting = {{{fd, events, 0}, {stop_.fd(), POLLIN, 0}}};
  const int wait = deadline == TimePoint::max() ? -1 : MillisecondsUntil(deadline, clock_.Now());
  const int ready = poll(waiting.data(), waiting.size(), wait);
  return waiting[1].revents == 0 && (ready > 0 || (ready < 0 && errno == EINTR));
}

void ControlServer::Run() {
  while (Await(listener_.get(), POLLIN, TimePoint::max())) {
    const OwnedFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client.get() >= 0) {
      Serve(client.get());
    } else {
      // Without descriptors left the listener stays readable: nothing else would slow this down.
      Await(-1, 0, clock_.Now() + kAcceptPause);
    }
  }
}

void ControlServer::Serve(int client) {
  const TimePoint deadline = clock_.Now() + kControlTime;
  std::string question;
  while (question.find('\n') == std::string::npos) {
    std::array<char, kControlQuestionBytesMax> buffer;
    if (question.size() > kControlQuestionBytesMax || !Await(client, POLLIN, deadline)) {
      return;
    }
    const ssize_t got = recv(client, buffer.data(), buffer.size(), 0);
    if (got == 0 || (got < 0 && !MustWait())) {
      return;
    }
    question.append(buffer.data(), static_cast<size_t>(std::max<ssize_t>(got, 0)));
  }
  question.resize(question.find('\n'));
  std::optional<std::string> answer =
      slow_answer_ ? slow_answer_(question) : std::optional<std::string>();
  if (!answer.has_value()) {
    answer = AskLoop(std::move(question));
  }
  std::string_view left = answer.has_value() ? *answer : std::string_view();
  const TimePoint write_by = clock_.Now() + kControlTime;  // The answer may have taken its time.
  while (!left.empty() && Await(client, POLLOUT, write_by)) {
    const ssize_t sent = send(client, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent < 0 && !MustWait()) {
      return;
    }
    left.remove_prefix(static_cast<size_t>(std::max<ssize_t>(sent, 0)));
  }
}

std::optional<std::string> ControlServer::AskLoop(std::string question) {
  loop_.Post([exchange = exchange_, answer = answer_, moved = std::move(question)] {
    std::string text = (*answer)(moved);
    {
      const std::lock_guard lock(exchange->mutex);
      exchange->answer = std::move(text);
    }
    exchange->changed.notify_all();
  });
  std::unique_lock lock(exchange_->mutex);
  exchange_->changed.wait(lock,
                          [this] { return exchange_->answer.has_value() || exchange_->stopping; });
  return std::exchange(exchange_->answer, std::nullopt);
}

Result<std::string> AskServer(const std::string& directory, std::string_view question,
                              Duration time, int cancel_fd) {
  MH_ASSIGN_OR_RETURN(const Address address, Address::In(directory));
  const OwnedFd server = NewSocket();
  if (server.get() < 0) {
    return Failure("a socket");
  }
  if (connect(server.get(), address.get(), Address::size()) != 0) {
    const bool none = errno == ENOENT || errno == ECONNREFUSED;
    return Status(none ? Code::kNotFound : Code::kIo,
                  directory + kName + ": " + std::strerror(errno));
  }
  const std::string line = std::string(question) + '\n';
  if (send(server.get(), line.data(), line.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(line.size())) {
    return Failure("the running server");
  }
  const SystemClock clock;
  const TimePoint deadline = clock.Now() + time;
  bool cancelled = false;
  Result<std::string> answer = ReadAll(server.get(), [&] {
    std::array<pollfd, 2> waiting = {{{server.get(), POLLIN, 0}, {cancel_fd, POLLIN, 0}}};
    const int ready =
        poll(waiting.data(), waiting.size(), MillisecondsUntil(deadline, clock.Now()));
    cancelled = ready > 0 && waiting[1].revents != 0;
    return !cancelled && (ready > 0 || (ready < 0 && errno == EINTR));
  });
  return cancelled ? Status(Code::kCancelled, "no longer wanted") : std::move(answer);
}

}  // namespace mailhaul::app
