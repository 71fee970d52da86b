// The one-line display of a batch run: on a terminal only.
#pragma once

#include "engine/app/collector.h"
#include "engine/pipeline/context.h"

namespace mailhaul::app {

// Main loop only. Writes to standard error; nothing at all when that is not a terminal.
class ProgressBar final {
 public:
  ProgressBar(net::Loop& loop, const Collector& collector, const pipeline::Progress& progress,
              const Clock& clock);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void Finish();  // Draws the last state and ends the line.

 private:
  void Tick();
  void Draw();

  net::Loop& loop_;
  const Collector& collector_;
  const pipeline::Progress& progress_;
  const Clock& clock_;
  const TimePoint started_;
  const bool enabled_;
  net::Loop::TimerId timer_ = 0;
};

}  // namespace mailhaul::app
