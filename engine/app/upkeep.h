// What the store has to be tidied up of in the background: removed mailboxes and tenants.
//
// Steps run one by one on the committer, each behind what was submitted before it, so that nothing
// waits for more than one. Main loop, but for Kick().
#pragma once

#include <memory>

#include "connectors/net/loop.h"
#include "engine/pipeline/context.h"

namespace mailhaul::app {

inline constexpr Duration kUpkeepEvery = std::chrono::seconds(10);

class Upkeep final {
 public:
  // Both outlive it, and the committer with the store outlives its last step.
  Upkeep(pipeline::Context& context, net::Loop& main_loop);
  ~Upkeep();
  Upkeep(const Upkeep&) = delete;
  Upkeep& operator=(const Upkeep&) = delete;

  // From now on it looks every kUpkeepEvery whether there is something to do.
  void Start();
  // Something is to be done: begins now, if it has not begun. Any thread, after Start().
  void Kick();
  // No more steps are begun. What is left is for the next process.
  void Stop();

 private:
  struct Shared;  // With the steps on the committer.

  const std::shared_ptr<Shared> shared_;
  net::Loop& loop_;
  net::Loop::TimerId timer_ = 0;

  void Arm();
};

}  // namespace mailhaul::app
