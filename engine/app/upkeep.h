// What the store has to be tidied up of in the background: removed mailboxes and tenants, messages
// that are older than their tenant keeps them, and the space of bodies that nobody refers to.
//
// Steps run one by one on the committer, each behind what was submitted before it, so that nothing
// waits for more than one. Main loop, but for Kick().
#pragma once

#include <memory>
#include <string>

#include "connectors/net/loop.h"
#include "engine/app/configured_tenants.h"
#include "engine/pipeline/context.h"

namespace mailhaul::app {

inline constexpr Duration kUpkeepEvery = std::chrono::seconds(10);
inline constexpr Duration kRetentionEvery = std::chrono::minutes(10);
// Also after a removal has ended.
inline constexpr Duration kReclaimEvery = std::chrono::hours(1);

class Upkeep final {
 public:
  // All outlive it; the committer, the store and `tenants` outlive its last step as well.
  Upkeep(const ConfiguredTenants& tenants, std::string data_dir, pipeline::Context& context,
         net::Loop& main_loop);
  ~Upkeep();
  Upkeep(const Upkeep&) = delete;
  Upkeep& operator=(const Upkeep&) = delete;

  // From now on it looks every kUpkeepEvery whether there is something to do.
  void Start();
  // There is something to do: looks now. Any thread.
  void Kick();
  // Some tenant keeps its messages for another time than before: looks now. Any thread.
  void RetentionChanged();
  // No more steps are begun. What is left is for the next process.
  void Stop();

 private:
  class Steps;  // On the committer.

  void Arm();

  const std::shared_ptr<Steps> steps_;
  net::Loop& loop_;
  net::Loop::TimerId timer_ = 0;
};

}  // namespace mailhaul::app
