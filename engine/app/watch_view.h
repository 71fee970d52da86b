// What `status --watch` shows, as lines of text: a function of what is known and of the terminal.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "engine/app/watch_snapshot.h"
#include "engine/app/watch_table.h"

namespace mailhaul::app {

struct WatchView {
  std::string data_dir;
  std::string keys;                   // How to end it; "": nothing is said of that.
  WallTime now{};                     // Here, not at the server.
  std::optional<WatchSnapshot> last;  // The server's last answer.
  std::optional<WatchRate> rate;      // Of WatchRates, as is `history`.
  std::deque<double> history;
  std::string silence;              // Why there is no answer now; "": `last` is of now.
  std::optional<WallTime> told_at;  // When `last` was.
};

// At most shape.rows lines (if not 0), none wider than shape.columns. Nothing of what the server
// told can put a control character into them. What does not fit is counted: "... and 12 more".
std::vector<std::string> WatchFrame(const WatchView& view, const TerminalShape& shape);

}  // namespace mailhaul::app
