#include "engine/app/terminal.h"

#include <langinfo.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/check.h"

namespace mailhaul::app {
namespace {

constexpr size_t kColumnsDefault = 80;
constexpr size_t kRowsDefault = 24;
constexpr size_t kColumnsOfText = 120;
// No screen is larger; what a pseudo terminal says may be anything.
constexpr size_t kColumnsMax = 1000;
constexpr size_t kRowsMax = 500;

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[2J";
constexpr std::string_view kLeave = "\x1b[0m\x1b[?25h\x1b[?1049l";
constexpr char kControlD = 4;

std::string_view EnvironmentText(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

bool LocaleIsUtf8() {
  const locale_t users = newlocale(LC_CTYPE_MASK, "", nullptr);
  if (users == nullptr) {
    return false;
  }
  const bool utf8 = std::string_view(nl_langinfo_l(CODESET, users)) == "UTF-8";
  freelocale(users);
  return utf8;
}

}  // namespace

TerminalEvents::TerminalEvents(bool keys) : signals_(Block(before_)), keys_(keys) {
  MH_CHECK(signals_.get() >= 0);
  std::signal(SIGPIPE, SIG_IGN);
}

OwnedFd TerminalEvents::Block(sigset_t& before) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP}) {
    sigaddset(&set, signal);
  }
  pthread_sigmask(SIG_BLOCK, &set, &before);
  return OwnedFd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

TerminalEvents::~TerminalEvents() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

std::optional<TerminalEvents::Event> TerminalEvents::TakeSignal() const {
  signalfd_siginfo info{};
  if (read(signals_.get(), &info, sizeof info) != sizeof info) {
    return std::nullopt;
  }
  switch (info.ssi_signo) {
    case SIGWINCH:
      return Event::kResized;
    case SIGTSTP:
      return Event::kSuspended;
    case SIGINT:
      return Event::kQuit;
    default:
      return Event::kTerminated;
  }
}

std::optional<TerminalEvents::Event> TerminalEvents::TakeKey() {
  std::array<char, 64> typed{};
  const ssize_t got = read(STDIN_FILENO, typed.data(), typed.size());
  if (got <= 0) {
    keys_ = got < 0 && (errno == EINTR || errno == EAGAIN);
    return std::nullopt;
  }
  const std::string_view text(typed.data(), static_cast<size_t>(got));
  const bool quit = text == "q" || text == "Q" || text[0] == kControlD;
  return quit ? Event::kQuit : Event::kKey;
}

TerminalEvents::Event TerminalEvents::Await(const Clock& clock, TimePoint deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock.Now()).count();
    if (left <= 0) {
      return Event::kTimeIsUp;
    }
    std::array<pollfd, 2> waiting = {
        {{signals_.get(), POLLIN, 0}, {keys_ ? STDIN_FILENO : -1, POLLIN, 0}}};
    poll(waiting.data(), waiting.size(), static_cast<int>(std::min<int64_t>(left, 3'600'000)));
    if (waiting[0].revents != 0) {
      if (const std::optional<Event> event = TakeSignal()) {
        return *event;
      }
    }
    if (waiting[1].revents != 0) {
      if (const std::optional<Event> event = TakeKey()) {
        return *event;
      }
    }
  }
}

bool Screen::IsPossible() {
  const std::string_view kind = EnvironmentText("TERM");
  return isatty(STDOUT_FILENO) == 1 && !kind.empty() && kind != "dumb";
}

Screen::Screen() {
  termios input{};
  if (isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &input) == 0) {
    input_before_ = input;
  }
}

Screen::~Screen() { Leave(); }

bool Screen::Enter() {
  if (input_before_.has_value()) {
    termios input = *input_before_;
    input.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);  // ISIG stays: Ctrl-C is a signal.
    input.c_cc[VMIN] = 1;
    input.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &input);
  }
  entered_ = true;
  return WriteOut(kEnter);
}

bool Screen::Leave() {
  if (!entered_) {
    return true;
  }
  entered_ = false;
  const bool wrote = WriteOut(kLeave);
  if (input_before_.has_value()) {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &*input_before_);
  }
  return wrote;
}

bool Screen::Draw(const std::vector<std::string>& lines) {
  std::string frame = "\x1b[H";
  for (size_t i = 0; i < lines.size(); ++i) {
    frame += lines[i] + "\x1b[K";
    frame += i + 1 < lines.size() ? "\r\n" : "";
  }
  return WriteOut(frame + "\x1b[J");
}

TerminalShape ShapeOfScreen() {
  winsize size{};
  ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
  return {
      .columns = size.ws_col == 0 ? kColumnsDefault : std::min<size_t>(size.ws_col, kColumnsMax),
      .rows = size.ws_row == 0 ? kRowsDefault : std::min<size_t>(size.ws_row, kRowsMax),
      .color = EnvironmentText("NO_COLOR").empty(),
      .unicode = LocaleIsUtf8()};
}

TerminalShape ShapeOfText() {
  const std::string_view told = EnvironmentText("COLUMNS");
  size_t columns = 0;
  std::from_chars(told.data(), told.data() + told.size(), columns);
  return {.columns = columns == 0 ? kColumnsOfText : std::min(columns, kColumnsMax),
          .rows = 0,
          .color = false,
          .unicode = LocaleIsUtf8()};
}

bool WriteOut(std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = write(STDOUT_FILENO, text.data(), text.size());
    if (wrote < 0 && errno == EAGAIN) {  // Somebody else made it not block.
      pollfd waiting = {STDOUT_FILENO, POLLOUT, 0};
      poll(&waiting, 1, -1);
    } else if (wrote < 0 && errno != EINTR) {
      return false;
    }
    text.remove_prefix(static_cast<size_t>(std::max<ssize_t>(wrote, 0)));
  }
  return true;
}

}  // namespace mailhaul::app
