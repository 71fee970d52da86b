// Bytes per day: of a host's pool and of a mailbox, over days, restarts and crashes.
#include "tests/app/engine_fixture.h"

namespace mailhaul::app {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr uint64_t kLimit = 10'000'000;
constexpr size_t kBody = 100'000;

class CollectorDaysTest : public EngineFixture {
 protected:
  // `count` messages of kBody bytes, some of them as old as the backfill.
  void AddLarge(const std::string& id, int count) {
    for (int i = 0; i < count; ++i) {
      const std::string head = "Subject: " + std::to_string(i) + "\r\n\r\n";
      const WallTime date = clock_.WallNow() - days(i % 2 == 0 ? 1 : 100);
      server_.Folder(id).Add(head + std::string(kBody - head.size() - 2, 'x') + "\r\n", date);
    }
  }
  Duration UntilMidnight() const {
    return std::chrono::ceil<days>(clock_.WallNow() + seconds(1)) - clock_.WallNow();
  }
  uint64_t FetchedWithin(Duration time) {
    const uint64_t before = server_.counters.body_bytes_sent;
    RunFor(time);
    return server_.counters.body_bytes_sent - before;
  }
  static bool NearlyAll(uint64_t bytes) {  // Of what is not kept for new mail.
    return bytes > kLimit * 7 / 10;
  }
};

TEST_F(CollectorDaysTest, APoolNeverFetchesMoreThanADayAllowsAndGoesOnTheNext) {
  config_.default_limits.bytes_per_day = kLimit;
  for (const char* id : {"alice", "bob"}) {
    AddMailbox(id);
    AddLarge(id, 150);
  }
  Start();
  EXPECT_LE(FetchedWithin(UntilMidnight()), kLimit);
  for (int day = 0; day < 2; ++day) {
    const uint64_t fetched = FetchedWithin(days(1));
    EXPECT_LE(fetched, kLimit);
    EXPECT_TRUE(NearlyAll(fetched)) << fetched;
  }
  RunFor(days(3));
  EXPECT_EQ(Messages("alice"), 150U);
  EXPECT_EQ(Messages("bob"), 150U);
}

TEST_F(CollectorDaysTest, NewMailIsFetchedInTimeBesideABackfillOfDays) {
  config_.default_limits.bytes_per_day = kLimit;
  AddMailbox("alice");
  AddMailbox("bob");
  AddLarge("bob", 300);
  Start();
  RunFor(UntilMidnight());
  for (uint64_t number = 1; number <= 20; ++number) {
    RunFor(minutes(70));
    AddMessage("alice", "new");
    EXPECT_TRUE(RunUntil([this, number] { return Messages("alice") == number; }, minutes(6)));
  }
  EXPECT_LT(Messages("bob"), 300U);
}

TEST_F(CollectorDaysTest, AMailboxHasALimitOfItsOwn) {
  config_.default_limits.mailbox_bytes_per_day = kLimit;
  for (const char* id : {"alice", "bob"}) {
    AddMailbox(id);
    AddLarge(id, 200);
  }
  Start();
  RunFor(UntilMidnight());
  const uint64_t fetched = FetchedWithin(days(1));
  EXPECT_LE(fetched, 2 * kLimit);
  EXPECT_GT(fetched, kLimit);
  RunFor(days(3));
  EXPECT_EQ(Messages("alice") + Messages("bob"), 400U);
}

TEST_F(CollectorDaysTest, MuchNewMailComesInPortionsWithinTheDay) {
  config_.default_limits.bytes_per_day = 5 * kLimit;
  AddMailbox("alice");
  Start();
  RunFor(UntilMidnight());
  RunFor(minutes(1));
  for (int i = 0; i < 700; ++i) {
    AddMessage("alice", std::string(kBody, 'x'));
  }
  const uint64_t fetched = FetchedWithin(minutes(10));
  EXPECT_GT(fetched, 4 * kLimit);
  EXPECT_LE(fetched, 5 * kLimit);
  RunFor(days(1));
  EXPECT_EQ(Messages("alice"), 700U);
}

TEST_F(CollectorDaysTest, ARestartDoesNotBeginTheDayAgain) {
  config_.default_limits.bytes_per_day = kLimit;
  AddMailbox("alice");
  AddLarge("alice", 300);
  Start();
  RunFor(UntilMidnight());
  const uint64_t before = server_.counters.body_bytes_sent;
  for (int i = 0; i < 23; ++i) {
    RunFor(hours(1));
    Stop();
    Start();
  }
  EXPECT_LE(server_.counters.body_bytes_sent - before, kLimit);
  EXPECT_TRUE(NearlyAll(server_.counters.body_bytes_sent - before));
}

TEST_F(CollectorDaysTest, AMessageLargerThanADayIsListedWithoutItsBytes) {
  config_.default_limits.bytes_per_day = kLimit;
  AddMailbox("alice");
  server_.Folder("alice").Add("Subject: huge\r\n\r\n" + std::string(kLimit, 'x') + "\r\n",
                              clock_.WallNow());
  Start();
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == 1; }, minutes(10)));
  EXPECT_LE(server_.counters.body_bytes_sent, kLimit / 10);
}

TEST_F(CollectorDaysTest, ABatchRunLeavesTheRestForLater) {
  config_.default_limits.bytes_per_day = kLimit;
  AddMailbox("alice");
  AddLarge("alice", 300);
  Start(/*continuous=*/false);
  EXPECT_TRUE(RunUntil([this] { return over(); }, hours(1)));
  EXPECT_LE(server_.counters.body_bytes_sent, kLimit);
  EXPECT_GT(server_.counters.body_bytes_sent, 0U);
  ASSERT_EQ(collector_->summary().failures.size(), 1U);
  EXPECT_TRUE(collector_->summary().failures.front().deferred);
}

}  // namespace
}  // namespace mailhaul::app
