#include "scheduler/pool_health.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "scheduler/backoff.h"
#include "scheduler/login_window.h"

namespace mailhaul::scheduler {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kShortest = seconds(5);
constexpr Duration kLongest = minutes(15);

TimePoint At(Duration since_start) { return TimePoint{} + since_start; }

TEST(BackoffTest, DoublesWithinItsBounds) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Duration before = Duration::zero();
    for (uint32_t failures = 1; failures <= 200; ++failures) {
      const Duration delay = BackoffDelay(kShortest, kLongest, failures, seed);
      ASSERT_GE(delay, kShortest);
      ASSERT_LE(delay, kLongest);
      if (failures <= 7) {
        ASSERT_GT(delay, before);
      }
      before = delay;
    }
    ASSERT_GE(before, kLongest * 3 / 4);
  }
}

TEST(BackoffTest, SpreadsWhatFailedTogetherAndRepeatsItself) {
  EXPECT_NE(BackoffDelay(kShortest, kLongest, 3, 1), BackoffDelay(kShortest, kLongest, 3, 2));
  EXPECT_EQ(BackoffDelay(kShortest, kLongest, 3, 1), BackoffDelay(kShortest, kLongest, 3, 1));
}

TEST(BackoffTest, HugeBoundsDoNotOverflow) {
  const Duration huge = Duration::max();
  EXPECT_LE(BackoffDelay(kShortest, huge, UINT32_MAX, 1), huge);
  EXPECT_GE(BackoffDelay(kShortest, huge, UINT32_MAX, 1), kLongest);
  EXPECT_EQ(After(TimePoint{} + seconds(1), huge), TimePoint::max());
  EXPECT_EQ(After(TimePoint{} - seconds(5), seconds(7)), At(seconds(2)));
  EXPECT_EQ(Since(TimePoint::min(), TimePoint::max()), Duration::max());
  EXPECT_EQ(Since(TimePoint::max(), TimePoint::min()), Duration::min());
  EXPECT_EQ(Since(At(seconds(5)), At(seconds(3))), Duration(seconds(-2)));
}

TEST(LoginWindowTest, OpensAsTheOldestLoginLeavesTheWindow) {
  LoginWindow window(2);
  window.Record(At(milliseconds(100)));
  EXPECT_EQ(window.OpenAt(), TimePoint::min());
  window.Record(At(milliseconds(300)));
  EXPECT_EQ(window.OpenAt(), At(milliseconds(1100)));
  window.Record(At(milliseconds(1100)));
  EXPECT_EQ(window.OpenAt(), At(milliseconds(1300)));
}

TEST(LoginWindowTest, TheLimitHoldsInEveryWindowOfASecond) {
  for (const uint32_t limit : {1U, 2U, 3U, 7U, 50U}) {
    LoginWindow window(limit);
    std::vector<TimePoint> logins;
    TimePoint now = At(seconds(0));
    for (int i = 0; i < 500; ++i) {
      now = std::max(now + milliseconds(i * i % 37), window.OpenAt());
      window.Record(now);
      logins.push_back(now);
      if (logins.size() > limit) {
        ASSERT_GE(now - logins[logins.size() - 1 - limit], Duration(seconds(1)));
      }
    }
  }
}

TEST(LoginWindowTest, ANewLimitKeepsTheLatestLogins) {
  LoginWindow window(3);
  for (const int64_t at : {0, 10, 20, 30}) {
    window.Record(At(milliseconds(at)));
  }
  window.SetLimit(2);
  EXPECT_EQ(window.OpenAt(), At(milliseconds(1020)));
  window.SetLimit(3);
  EXPECT_EQ(window.OpenAt(), TimePoint::min());
  window.Record(At(milliseconds(40)));
  EXPECT_EQ(window.OpenAt(), At(milliseconds(1020)));
}

class PoolHealthTest : public testing::Test {
 protected:
  void Report(Code code, TimePoint now) { Report(code, now, health_.epoch()); }
  void Report(Code code, TimePoint now, uint32_t epoch) {
    PoolHealth::Event event;
    event.verdict = VerdictOf(code);
    event.epoch = epoch;
    event.seed = 1;
    health_.OnOutcome(event, {kShortest, kLongest}, now);
  }
  void Succeed() { Report(Code::kOk, At(seconds(0))); }

  PoolHealth health_{8};
};

TEST_F(PoolHealthTest, ThrottlingHalvesDownToOne) {
  for (const uint32_t expected : {4U, 2U, 1U, 1U}) {
    Report(Code::kThrottled, At(seconds(0)));
    EXPECT_EQ(health_.connections_max(), expected);
  }
}

TEST_F(PoolHealthTest, OutcomesFromBeforeTheNarrowingDoNotNarrowAgain) {
  const uint32_t epoch = health_.epoch();
  for (int i = 0; i < 8; ++i) {
    Report(Code::kThrottled, At(seconds(0)), epoch);
  }
  EXPECT_EQ(health_.connections_max(), 4U);
}

TEST_F(PoolHealthTest, TheCircuitOpensAfterFailuresInARow) {
  for (uint32_t i = 1; i < PoolHealth::kFailuresInRow; ++i) {
    Report(Code::kUnreachable, At(seconds(0)));
  }
  EXPECT_EQ(health_.connections_max(), 8U);
  Report(Code::kTimeout, At(seconds(0)));
  EXPECT_EQ(health_.connections_max(), 1U);
  EXPECT_GE(health_.blocked_until(), At(kShortest));
  for (const uint32_t expected : {2U, 3U, 4U, 5U, 6U, 7U, 8U, 8U}) {
    Succeed();
    EXPECT_EQ(health_.connections_max(), expected);
    EXPECT_FALSE(health_.open_circuit());
  }
}

TEST_F(PoolHealthTest, ThrottlingEndsTheQuickGrowthAfterAnOutage) {
  health_.StartSlowly();
  Succeed();
  Succeed();
  Succeed();
  EXPECT_EQ(health_.connections_max(), 4U);
  Report(Code::kThrottled, At(seconds(0)));
  Succeed();
  EXPECT_EQ(health_.connections_max(), 2U);
  Succeed();
  EXPECT_EQ(health_.connections_max(), 3U);
  Succeed();
  EXPECT_EQ(health_.connections_max(), 3U);
}

TEST_F(PoolHealthTest, AWidthThatIsRefusedIsTriedEverMoreRarely) {
  constexpr uint32_t kServerAllows = 3;
  std::vector<int> refused_after;  // So many successes.
  for (int successes = 0; successes < 1000;) {
    if (health_.connections_max() > kServerAllows) {
      Report(Code::kThrottled, At(seconds(0)));
      refused_after.push_back(successes);
    } else {
      Succeed();
      ++successes;
    }
  }
  // 8 and 4 at once; then back to 4 after 2 + 3 * 4, 2 + 3 * 8, ... and at last 2 + 3 * 64.
  ASSERT_GE(refused_after.size(), 8U);
  EXPECT_EQ(std::vector<int>(refused_after.begin(), refused_after.begin() + 5),
            (std::vector<int>{0, 0, 14, 40, 90}));
  EXPECT_LE(refused_after.size(), 10U);
  EXPECT_EQ(*std::prev(refused_after.end()) - *std::prev(refused_after.end(), 2), 2 + 3 * 64);
}

TEST_F(PoolHealthTest, AWidthThatDoesWellIsNoLongerInTheWay) {
  const auto successes_to_get_back = [this] {
    Report(Code::kThrottled, At(seconds(0)));
    int successes = 0;
    for (; health_.connections_max() < 8; ++successes) {
      Succeed();
    }
    return successes;
  };
  EXPECT_EQ(successes_to_get_back(), 4 + 5 + 6 + 2 * 7);
  EXPECT_EQ(successes_to_get_back(), 4 + 5 + 6 + 4 * 7);
  for (int i = 0; i < 4 * 8; ++i) {
    Succeed();
  }
  EXPECT_EQ(successes_to_get_back(), 4 + 5 + 6 + 4 * 7) << "one refusal is forgotten";
}

TEST(HostHealthTest, OpensOnlyWhileNoPoolReachesTheHost) {
  const BackoffBounds backoff{kShortest, kLongest};
  HostHealth host;
  EXPECT_FALSE(host.OnAnswer(At(seconds(10))));
  EXPECT_FALSE(host.OnUnreachable(At(seconds(9)), false, backoff, 1, At(seconds(20))));
  EXPECT_TRUE(host.OnUnreachable(At(seconds(11)), false, backoff, 1, At(seconds(20))));
  const TimePoint first = host.probe_at();
  EXPECT_GE(first, At(seconds(25)));
  EXPECT_TRUE(host.OnUnreachable(At(seconds(12)), false, backoff, 1, At(seconds(30))));
  EXPECT_EQ(host.probe_at(), first) << "what was under way before is no news";
  EXPECT_TRUE(host.OnUnreachable(At(seconds(30)), true, backoff, 1, At(seconds(31))));
  EXPECT_GT(host.probe_at(), first);
  EXPECT_TRUE(host.OnAnswer(At(seconds(40))));
  EXPECT_FALSE(host.open_circuit());
  EXPECT_EQ(host.probe_at(), TimePoint::min());
}

TEST_F(PoolHealthTest, ARefusalShowsThatTheHostLives) {
  for (int i = 0; i < 20; ++i) {
    Report(Code::kUnreachable, At(seconds(0)));
    Report(Code::kUnreachable, At(seconds(0)));
    Report(Code::kAuthFailed, At(seconds(0)));
  }
  EXPECT_EQ(health_.connections_max(), 8U);
}

TEST_F(PoolHealthTest, OurOwnTroublesSayNothingAboutTheHost) {
  for (const Code code : {Code::kCancelled, Code::kDiskFull, Code::kInternal, Code::kBusy}) {
    for (int i = 0; i < 5; ++i) {
      Report(code, At(seconds(0)));
    }
  }
  EXPECT_EQ(health_.connections_max(), 8U);
  EXPECT_EQ(health_.blocked_until(), TimePoint::min());
}

TEST_F(PoolHealthTest, ANewLimitAppliesAtOnceButDoesNotUndoANarrowing) {
  health_.SetLimit(12);
  EXPECT_EQ(health_.connections_max(), 12U);
  Report(Code::kThrottled, At(seconds(0)));
  health_.SetLimit(20);
  EXPECT_EQ(health_.connections_max(), 6U);
  health_.SetLimit(3);
  EXPECT_EQ(health_.connections_max(), 3U);
}

}  // namespace
}  // namespace mailhaul::scheduler
