// data_dir/control.sock: what other commands ask of a server that runs on the same data directory.
//
// One connection, one question: a line; then comes the answer and the end. The socket's mode is
// 0600: whoever may connect may also read the store.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "connectors/net/loop.h"
#include "connectors/net/wake_fd.h"

namespace mailhaul::app {

// Answered with CollectorDirectory::AllPoolsJson().
inline constexpr std::string_view kPoolsQuestion = "pools";
// Answered with the name of a fresh copy of the records below the data directory (store_copy.h), or
// with "error: " and why.
inline constexpr std::string_view kCheckpointQuestion = "checkpoint";
inline constexpr size_t kControlQuestionBytesMax = 1024;
inline constexpr size_t kControlAnswerBytesMax = size_t{64} << 20;
// For a whole exchange, on either side.
inline constexpr Duration kControlTime = std::chrono::seconds(10);

// A file descriptor and its end.
class OwnedFd final {
 public:
  explicit OwnedFd(int fd) : fd_(fd) {}
  ~OwnedFd();
  OwnedFd(OwnedFd&& other) noexcept;
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  int get() const { return fd_; }  // Negative: none.

 private:
  int fd_;
};

// Serves one connection at a time on a thread of its own, so that no client holds up a loop.
class ControlServer final {
 public:
  // What a question is answered with, on the loop.
  using Answer = std::function<std::string(std::string_view question)>;
  // Asked first, on the server's own thread, where it may take some seconds; none: not its
  // question.
  using SlowAnswer = std::function<std::optional<std::string>(std::string_view question)>;

  // Whoever calls this has the data directory to itself: a socket that lies there is replaced.
  // kIo names the reason. `loop`, and what the answers need, outlive the server.
  static Result<std::unique_ptr<ControlServer>> Start(const std::string& directory, net::Loop& loop,
                                                      Answer answer, SlowAnswer slow_answer = {});
  // Waits for a slow answer that is being made, for no client. The socket is gone then.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  // Shared with what was posted to the loop, which may come to it late or never.
  struct Exchange {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<std::string> answer;  // Under mutex.
    bool stopping = false;              // Under mutex.
  };

  ControlServer(std::string path, OwnedFd listener, net::Loop& loop, Answer answer,
                SlowAnswer slow_answer);
  void Run();
  void Serve(int client);
  std::optional<std::string> AskLoop(std::string question);
  bool Await(int fd, short events, TimePoint deadline) const;

  const std::string path_;
  const OwnedFd listener_;
  net::Loop& loop_;
  const std::shared_ptr<const Answer> answer_;
  const SlowAnswer slow_answer_;
  const net::WakeFd stop_;
  const std::shared_ptr<Exchange> exchange_;
  const SystemClock clock_;
  std::thread thread_;
};

// The answer of the server that runs on this data directory. kNotFound: none does. kTimeout,
// kResourceExhausted, kIo; kCancelled once `cancel_fd`, if not negative, is readable. Blocks, at
// most for `time`.
Result<std::string> AskServer(const std::string& directory, std::string_view question,
                              Duration time = kControlTime, int cancel_fd = -1);

}  // namespace mailhaul::app
