// The terminal that a command draws on for as long as it runs, and what may happen meanwhile.
#pragma once

#include <termios.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "engine/app/control_socket.h"
#include "engine/app/watch_table.h"

namespace mailhaul::app {

// Signals as things to read, so that nothing happens at another time than here. One at a time per
// process, made before any other thread; the signals are as before when it goes.
class TerminalEvents final {
 public:
  enum class Event : uint8_t { kTimeIsUp, kResized, kKey, kQuit, kTerminated, kSuspended };

  // `keys`: whether to read keys from standard input as well.
  explicit TerminalEvents(bool keys);
  ~TerminalEvents();
  TerminalEvents(const TerminalEvents&) = delete;
  TerminalEvents& operator=(const TerminalEvents&) = delete;

  // Readable once a signal has come.
  int fd() const { return signals_.get(); }
  // Blocks until something happens, at most until `deadline`.
  Event Await(const Clock& clock, TimePoint deadline);

 private:
  static OwnedFd Block(sigset_t& before);
  std::optional<Event> TakeSignal() const;
  std::optional<Event> TakeKey();

  sigset_t before_{};
  const OwnedFd signals_;
  bool keys_;
};

// Standard output as a whole screen: the terminal's other page, without a cursor. Leaves it as it
// was. One thread.
class Screen final {
 public:
  // Standard output is a terminal that knows escape sequences.
  static bool IsPossible();

  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // False: the terminal is gone. As each of the next two.
  bool Enter();
  bool Leave();
  // In place of what was there, without flickering; not more lines than the terminal has.
  bool Draw(const std::vector<std::string>& lines);

 private:
  std::optional<termios> input_before_;  // Of standard input, when that is a terminal.
  bool entered_ = false;
};

// What the user's terminal and environment allow for: columns and rows as they are now (80 by 24 if
// it does not tell), colours unless NO_COLOR is set, Unicode by the locale.
TerminalShape ShapeOfScreen();
// The same for output that is not a terminal: no colours, any number of rows; $COLUMNS, or 120.
TerminalShape ShapeOfText();

// All of it on standard output; false: nobody reads it any more.
bool WriteOut(std::string_view text);

}  // namespace mailhaul::app
