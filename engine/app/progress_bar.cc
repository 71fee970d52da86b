#include "engine/app/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "base/units.h"

namespace mailhaul::app {
namespace {

constexpr Duration kRedraw = std::chrono::milliseconds(200);
constexpr size_t kBarWidth = 24;

}  // namespace

ProgressBar::ProgressBar(net::Loop& loop, const Collector& collector,
                         const pipeline::Progress& progress, const Clock& clock)
    : loop_(loop),
      collector_(collector),
      progress_(progress),
      clock_(clock),
      started_(clock.Now()),
      enabled_(isatty(STDERR_FILENO) == 1) {
  if (enabled_) {
    Tick();
  }
}

ProgressBar::~ProgressBar() { loop_.CancelTimer(timer_); }

void ProgressBar::Tick() {
  Draw();
  timer_ = loop_.AddTimer(clock_.Now() + kRedraw, [this] { Tick(); });
}

void ProgressBar::Draw() {
  const Summary& summary = collector_.summary();
  const uint64_t total = std::max<uint64_t>(summary.mailboxes_total, 1);
  const uint64_t over = summary.mailboxes_complete + summary.failures.size();
  const size_t filled = static_cast<size_t>(over * kBarWidth / total);
  const double seconds =
      std::max(0.001, std::chrono::duration<double>(clock_.Now() - started_).count());
  const uint64_t messages = progress_.messages_done;
  const uint64_t bytes = progress_.bytes_fetched;
  const auto per_second = [seconds](uint64_t count) {
    return static_cast<uint64_t>(static_cast<double>(count) / seconds);
  };
  std::string line = "\r[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "] ";
  line += std::to_string(over) + "/" + std::to_string(summary.mailboxes_total) + " mailboxes  ";
  line += std::to_string(messages) + " messages (" + std::to_string(per_second(messages)) +
          "/s)  " + FormatByteSize(bytes) + " (" + FormatByteSize(per_second(bytes)) + "/s)";
  if (!summary.failures.empty()) {
    line += "  " + std::to_string(summary.failures.size()) + " failed";
  }
  line += "\x1b[K";
  std::fputs(line.c_str(), stderr);
}

void ProgressBar::Finish() {
  loop_.CancelTimer(timer_);
  timer_ = 0;
  if (enabled_) {
    Draw();
    std::fputs("\n", stderr);
  }
}

}  // namespace mailhaul::app
