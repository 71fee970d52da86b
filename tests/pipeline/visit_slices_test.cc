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

TEST_F(VisitSlicesTest, NewMailIsParsedAheadOfWindowAndBackfill) {
  ASSERT_FALSE(VisitOnce().more);
  EXPECT_EQ(cpu.count, kMessages);
  EXPECT_EQ(cpu.urgent, 0U);
  Add("INBOX", "new", kBytes);
  EXPECT_EQ(Visit(Stage::kNew).stats.stored, 1U);
  EXPECT_EQ(cpu.count, kMessages);
  EXPECT_EQ(cpu.urgent, 1U);
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

class VisitNewMailSlicesTest : public testing::Test, protected VisitFixture {
 protected:
  VisitNewMailSlicesTest() : VisitFixture({}) {
    options.quiet = &quiet;
    Add("Archive", "first");
    Add("INBOX", "second");
    Collect();
    slice = seconds(5);
  }
  // Checks until one is complete; how many that took.
  size_t CheckUntilComplete() {
    server.faults.delay_per_command = seconds(2);
    for (size_t checks = 1;; ++checks) {
      const VisitResult result = Visit(Stage::kNew);
      EXPECT_TRUE(result.status.ok()) << result.status.ToString();
      EXPECT_FALSE(result.quiet);
      bodies_ += server.counters.bodies();
      if (!result.more || !result.status.ok() || checks > kMessages) {
        return checks;
      }
    }
  }
  uint64_t bodies_ = 0;
};

TEST_F(VisitNewMailSlicesTest, ACheckEndsWithItsTimeAndTheNextOnesFetchTheRestOnce) {
  for (size_t i = 0; i < kMessages; ++i) {
    Add(i % 2 == 0 ? "INBOX" : "Archive", "m" + std::to_string(i), kBytes);
  }
  const Uid uid_next = Record("Archive").uid_next;
  EXPECT_GT(CheckUntilComplete(), 1U);
  EXPECT_EQ(Stored().size(), kMessages + 2);
  EXPECT_GT(Record("Archive").uid_next, uid_next);
}

TEST_F(VisitNewMailSlicesTest, ACheckThatIsNotCompleteDoesNotClaimTheFolder) {
  for (size_t i = 0; i < kMessages; ++i) {
    Add("INBOX", "m" + std::to_string(i), kBytes);
  }
  const Uid uid_next = Record("INBOX").uid_next;
  slice_bytes = 10 * kBytes;
  EXPECT_TRUE(Visit(Stage::kNew).more);
  EXPECT_EQ(Record("INBOX").uid_next, uid_next);
}

class VisitRefusedSlicesTest : public VisitNewMailSlicesTest {
 protected:
  // Ten good messages, and above them those that the server never gives.
  void AddBelowRefused(size_t refused, size_t bytes) {
    for (size_t i = 0; i < kGood; ++i) {
      Add("INBOX", "good" + std::to_string(i), kBytes);
    }
    for (size_t i = 0; i < refused; ++i) {
      server.faults.refuse_bodies.insert(Add("INBOX", "bad" + std::to_string(i), bytes));
    }
  }
  void ExpectAllListed(size_t refused) {
    uint64_t stored = 0;
    bool more = true;
    for (size_t checks = 0; more && checks < kGood + refused; ++checks) {
      const VisitResult result = Visit(Stage::kNew);
      ASSERT_TRUE(result.status.ok()) << result.status.ToString();
      EXPECT_GT(result.stats.stored, 0U);
      stored += result.stats.stored;
      more = result.more;
    }
    EXPECT_EQ(stored, kGood + refused);
  }
  static constexpr size_t kGood = 10;
};

TEST_F(VisitRefusedSlicesTest, RefusedMessagesDoNotUseUpTheBytesOfASlice) {
  AddBelowRefused(4, size_t{9} << 20);
  slice_bytes = uint64_t{32} << 20;
  ExpectAllListed(4);
}

TEST_F(VisitRefusedSlicesTest, NorThoseOfAnUnboundedPart) {
  AddBelowRefused(4, 5 * kBytes);
  slice = Duration::max();
  slice_bytes = 20 * kBytes;
  ExpectAllListed(4);
}

TEST_F(VisitRefusedSlicesTest, NorTheBytesOfADay) {
  options.exact_bytes = true;
  AddBelowRefused(4, 5 * kBytes);
  slice = Duration::max();
  slice_bytes = 20 * kBytes;
  const VisitResult result = Visit(Stage::kNew);
  EXPECT_TRUE(result.status.ok()) << result.status.ToString();
  EXPECT_GE(result.stats.stored, 9U);
  EXPECT_LE(result.bytes_asked, slice_bytes);
}

TEST_F(VisitRefusedSlicesTest, NorTheTenantsQuota) {
  std::atomic<uint64_t> asked = 0;
  options.tenant = tenant;
  options.quota_bytes = uint64_t{1} << 30;
  options.quota_asked = &asked;
  AddBelowRefused(4, size_t{9} << 20);
  slice = Duration::max();
  ExpectAllListed(4);
  EXPECT_EQ(asked, 0U);
}

TEST_F(VisitRefusedSlicesTest, NorItsTime) {
  AddBelowRefused(8, size_t{2} << 20);
  server.faults.delay_per_command = seconds(1);
  ExpectAllListed(8);
}

TEST_F(VisitRefusedSlicesTest, AServerThatRefusesAllIsLeftSoon) {
  AddBelowRefused(200, size_t{1} << 20);
  server.faults.delay_per_command = seconds(2);
  const VisitResult result = Visit(Stage::kNew);
  EXPECT_EQ(result.status.code(), Code::kServerRefused);
  EXPECT_EQ(result.stats.stored, 0U);
  EXPECT_LE(server.counters.commands["UID FETCH"], 40U);
}

TEST_F(VisitNewMailSlicesTest, WhatMovedIsFoundWithoutItsBodyInEverySlice) {
  std::vector<Uid> uids;
  for (size_t i = 0; i < 3 * kMessages; ++i) {
    uids.push_back(Add("INBOX", "m" + std::to_string(i)));
  }
  slice = Duration::max();
  EXPECT_FALSE(Visit(Stage::kNew).more);
  slice = seconds(5);
  for (const Uid uid : uids) {
    Move("INBOX", uid, "Archive");
  }
  EXPECT_GT(CheckUntilComplete(), 1U);
  EXPECT_EQ(bodies_, 0U);
}

TEST_F(VisitNewMailSlicesTest, WhatWasAskedForComesOneByOne) {
  options.max_message = 10'000;
  for (const char* name : {"a", "b", "c"}) {
    Add("INBOX", name, 20'000);
  }
  EXPECT_FALSE(Visit(Stage::kNew).more);
  auto stored = Stored();
  options.wanted = {stored.at("a").id, stored.at("b").id, stored.at("c").id};
  options.max_message = 100'000;
  server.faults.delay_per_command = seconds(3);
  for (size_t left : {2U, 1U, 0U}) {
    const VisitResult result = Visit(Stage::kNew);
    EXPECT_TRUE(result.status.ok()) << result.status.ToString();
    EXPECT_FALSE(result.more);
    EXPECT_EQ(result.wanted_left.size(), left);
    options.wanted = result.wanted_left;
  }
  for (const auto& [name, message] : Stored()) {
    EXPECT_TRUE(message.has_body()) << name;
  }
}

}  // namespace
}  // namespace mailhaul::pipeline
