#include "tests/scheduler/simulation.h"

#include <gtest/gtest.h>

namespace mailhaul::scheduler {
namespace {

constexpr uint64_t kSeeds = 1000;

TEST(SchedulerSimulationTest, EveryPromiseHoldsInAThousandWorlds) {
  uint64_t grants = 0;
  uint64_t blocks = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Simulation simulation(seed);
    simulation.Run();
    ASSERT_EQ(simulation.violation(), "") << "seed " << seed;
    grants += simulation.grants();
    blocks += simulation.blocks();
  }
  EXPECT_GT(grants, 50 * kSeeds) << "the worlds are too quiet to test anything";
  EXPECT_GT(blocks, kSeeds / 20) << "hardly an address was refused";
}

TEST(SchedulerSimulationTest, TheSameSeedGivesTheSameTraceAndAnotherSeedAnother) {
  uint64_t before = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Simulation first(seed);
    Simulation second(seed);
    first.Run();
    second.Run();
    EXPECT_EQ(first.trace(), second.trace()) << "seed " << seed;
    EXPECT_NE(first.trace(), before) << "seed " << seed;
    before = first.trace();
  }
}

}  // namespace
}  // namespace mailhaul::scheduler
