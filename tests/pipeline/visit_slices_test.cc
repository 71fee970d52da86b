// A stage ends when its slice does, by time and by bytes, and the next one goes on from there.
#include <algorithm>

#include "tests/pipeline/visit_fixture.h"

namespace mailhaul::pipeline {
namespace {

using std::chrono::seconds;

constexpr size_t kMessages = 600;
constexpr size_t kBytes = 2000;
constexpr size_t kPartMessages = 64;  // Asked for at once, while the server's speed is not known.

class VisitSlicesTest : public testing::Test, protected VisitFixture {
 protected:
  VisitSlicesTest() : VisitFixture({}) {
    for (size_t i = 0; i < kMessages; ++i) {
      Add("INBOX", "m" + std::to_string(i), kBytes);
    }
    EXPECT_TRUE(Visit(Stage::kNew).window_needed);
  }
  VisitResult VisitOnce() {
    VisitResult result = Visit(Stage::kWindow);
    EXPECT_TRUE(result.status.ok()) << result.status.ToString();
    bodies_ += server.counters.bodies();
    return result;
  }
  void ExpectRestOnce() {
    server.faults = {};
    slice = Duration::max();
    slice_bytes = UINT64_MAX;
    EXPECT_FALSE(VisitOnce().more);
    EXPECT_EQ(Stored().size(), kMessages);
    EXPECT_EQ(bodies_, kMessages) << "a body was fetched twice";
  }

 private:
  uint64_t bodies_ = 0;
};

TEST_F(VisitSlicesTest, AStageEndsWithItsTimeHoweverSlowTheServer) {
  server.faults.delay_per_command = seconds(10);
  slice = seconds(5);
  const VisitResult result = VisitOnce();
  EXPECT_TRUE(result.more);
  EXPECT_GT(result.stats.stored, 0U) << "a slow start may not keep it from ever going on";
  EXPECT_LE(result.stats.stored, kPartMessages);
  ExpectRestOnce();
}

TEST_F(VisitSlicesTest, AStageOfMessagesThatAreKnownEndsWithItsTimeToo) {
  for (size_t i = kMessages; i < 3 * kMessages; ++i) {
    Add("INBOX", "m" + std::to_string(i), kBytes);
  }
  ASSERT_FALSE(VisitOnce().more);
  Folder("INBOX").Renumber(8);
  EXPECT_TRUE(Visit(Stage::kNew).window_needed);
  server.faults.delay_per_command = seconds(10);
  slice = seconds(5);
  const VisitResult result = VisitOnce();
  EXPECT_TRUE(result.more);
  EXPECT_GT(result.stats.duplicates, 0U);
  EXPECT_LT(result.stats.duplicates, 3 * kMessages);
}

TEST_F(VisitSlicesTest, AFastServerIsAskedForMuchAtOnce) {
  server.faults.delay_per_command = std::chrono::milliseconds(10);
  slice = seconds(5);
  EXPECT_FALSE(VisitOnce().more);
  EXPECT_LE(server.counters.commands["UID FETCH"] + server.counters.commands["FETCH"], 6U);
  ExpectRestOnce();
}

TEST_F(VisitSlicesTest, AStageEndsWithItsBytes) {
  slice_bytes = 50 * kBytes;
  const VisitResult result = VisitOnce();
  EXPECT_TRUE(result.more);
  EXPECT_GT(result.stats.stored, 25U);
  EXPECT_LE(result.stats.stored, 51U) << "the last one may be larger than what is left";
  ExpectRestOnce();
}

}  // namespace
}  // namespace mailhaul::pipeline
