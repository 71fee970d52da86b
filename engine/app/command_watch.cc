#include <csignal>
#include <optional>
#include <string>
#include <utility>

#include "base/units.h"
#include "engine/app/commands.h"
#include "engine/app/control_socket.h"
#include "engine/app/exit_codes.h"
#include "engine/app/terminal.h"
#include "engine/app/watch_answer.h"
#include "engine/app/watch_view.h"

namespace mailhaul::app {
namespace {

// Longer than any answer takes of a server that is well.
constexpr Duration kAnswerTime = std::chrono::seconds(5);
constexpr size_t kDirectoryBytesMax = 4096;

// What is known of the server, from one question to the next.
class Watched final {
 public:
  Watched(const config::Config& config, const Clock& clock, std::string keys)
      : directory_(config.data_dir), clock_(clock) {
    view_.data_dir = directory_.substr(0, kDirectoryBytesMax);
    view_.keys = std::move(keys);
  }

  // False: `cancel_fd` became readable first, and nothing is known that was not before.
  bool Ask(int cancel_fd) {
    const Result<std::string> answer =
        AskServer(directory_, kWatchQuestion, kAnswerTime, cancel_fd);
    if (answer.status().code() == Code::kCancelled) {
      return false;
    }
    Result<WatchSnapshot> told =
        answer.ok() ? ParseWatch(*answer) : Result<WatchSnapshot>(answer.status());
    if (!told.ok()) {
      view_.silence = told.status().code() == Code::kNotFound
                          ? "no server runs on " + view_.data_dir + "."
                          : told.status().message() + ".";
      return true;
    }
    rates_.Note(*told);
    view_.silence.clear();
    view_.last = std::move(told).value();
    view_.told_at = clock_.WallNow();
    view_.rate = rates_.Now();
    view_.history = rates_.History();
    return true;
  }

  std::vector<std::string> Frame(const TerminalShape& shape) {
    view_.now = clock_.WallNow();
    return WatchFrame(view_, shape);
  }

 private:
  const std::string directory_;
  const Clock& clock_;
  WatchView view_;
  WatchRates rates_;
};

using Event = TerminalEvents::Event;

class Watch final {
 public:
  Watch(const CommandOptions& options, const config::Config& config, bool on_screen)
      : interval_(options.interval),
        events_(on_screen),
        watched_(config, clock_,
                 on_screen ? "q or Ctrl-C ends it; every " + FormatDuration(options.interval)
                           : std::string()) {
    if (on_screen) {
      screen_.emplace();
    }
  }

  int Run() {
    if (screen_.has_value() && !screen_->Enter()) {
      return kExitDone;
    }
    std::optional<int> end;
    TimePoint next = clock_.Now();
    while (!end.has_value()) {
      const bool is_due = clock_.Now() >= next;
      if (is_due && watched_.Ask(events_.fd())) {
        next = clock_.Now() + interval_;
        end = Show();
      } else {
        end = Handle(events_.Await(clock_, is_due ? TimePoint::max() : next), next);
      }
    }
    if (screen_.has_value()) {
      screen_->Leave();
    }
    return *end;
  }

 private:
  // Each returns the exit code, if it is over.
  std::optional<int> Show() {
    if (screen_.has_value()) {
      return screen_->Draw(watched_.Frame(ShapeOfScreen())) ? std::nullopt
                                                            : std::optional(kExitDone);
    }
    std::string text;
    for (const std::string& line : watched_.Frame(ShapeOfText())) {
      text += line + "\n";
    }
    return WriteOut(text + "\n") ? std::nullopt : std::optional(kExitDone);
  }

  std::optional<int> Handle(Event event, TimePoint& next) {
    switch (event) {
      case Event::kQuit:
        return kExitDone;
      case Event::kTerminated:
        return kExitInterrupted;
      case Event::kKey:
        next = clock_.Now();
        return std::nullopt;
      case Event::kResized:
        return screen_.has_value() ? Show() : std::nullopt;
      case Event::kSuspended:
        return Suspend();
      case Event::kTimeIsUp:
        return std::nullopt;
    }
    return std::nullopt;
  }

  // The shell gets its terminal back as it was, for as long as this process is stopped.
  std::optional<int> Suspend() {
    if (screen_.has_value()) {
      screen_->Leave();
    }
    std::raise(SIGSTOP);
    if (screen_.has_value()) {
      screen_->Enter();
      return Show();
    }
    return std::nullopt;
  }

  const Duration interval_;
  const SystemClock clock_;
  TerminalEvents events_;
  Watched watched_;
  std::optional<Screen> screen_;
};

}  // namespace

int WatchStatus(const CommandOptions& options, const config::Config& config) {
  return Watch(options, config, Screen::IsPossible()).Run();
}

}  // namespace mailhaul::app
