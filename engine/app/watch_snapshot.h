// What a running server told `status --watch` at one moment, and what follows from several.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mailhaul::app {

// The fields are those of WatchJson() (watch_answer.h). Texts are as the server has them, which may
// have them from mail servers: whoever shows one passes it through TerminalText().
struct WatchSnapshot {
  struct Tenant {
    std::string name;
    uint64_t mailboxes = 0;
    uint64_t pending = 0;
    uint64_t late = 0;
    uint64_t trouble = 0;
    uint64_t lag_seconds = 0;
    uint64_t checks = 0;
  };
  struct Pool {
    std::string host;
    std::string egress;
    uint64_t connections = 0;
    uint64_t window = 0;
    uint64_t window_max = 0;
    uint64_t waiting = 0;
    uint64_t throttles = 0;
    uint64_t outages = 0;
    bool blocked = false;
    std::string cause;
    std::string until;
  };
  struct Trouble {
    std::string mailbox;
    std::string state;
    uint64_t attempts = 0;
    std::string detail;
  };

  std::string started;
  uint64_t at_ms = 0;
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t checks = 0;
  uint64_t mailboxes = 0;
  uint64_t collecting = 0;
  uint64_t pending = 0;
  uint64_t late = 0;
  uint64_t trouble = 0;
  std::vector<Tenant> tenants;
  uint64_t tenants_left_out = 0;
  std::vector<Pool> pools;
  uint64_t pools_left_out = 0;
  std::vector<Trouble> troubles;
  uint64_t troubles_left_out = 0;
  std::optional<uint64_t> disk_free_bytes;
  bool collecting_paused = false;
  std::vector<std::string> warnings;  // Of the configuration.
};

// kProtocol: not what a server of this version tells.
Result<WatchSnapshot> ParseWatch(std::string_view answer);

struct WatchRate {
  double messages = 0;
  double bytes = 0;
  double checks = 0;
};

// Speeds per second out of the counters of a row of snapshots, oldest first; a server that began
// anew begins them anew.
class WatchRates final {
 public:
  void Note(const WatchSnapshot& snapshot);
  // Over the last snapshots that lie at most some ten seconds apart; absent before there are two.
  std::optional<WatchRate> Now() const;
  // Messages per second between neighbours, oldest first; at most kWatchHistoryMax.
  const std::deque<double>& History() const { return history_; }

 private:
  struct Sample {
    uint64_t at_ms = 0;
    uint64_t messages = 0;
    uint64_t bytes = 0;
    uint64_t checks = 0;
  };
  std::string started_;
  std::deque<Sample> samples_;
  std::deque<double> history_;
};
inline constexpr size_t kWatchHistoryMax = 120;

}  // namespace mailhaul::app
