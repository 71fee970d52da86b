// Outages of a whole host over several egress addresses, and refused logins over its mailboxes.
#include "scheduler/credentials.h"
#include "scheduler/restart.h"
#include "tests/scheduler/scheduler_fixture.h"

namespace mailhaul::scheduler {
namespace {

class SchedulerHostTest : public SchedulerTest {
 protected:
  SchedulerHostTest() {
    for (int i = 2; i <= 16; ++i) {
      scheduler_.AddEgress("192.0.2." + std::to_string(i), kWideEgress);
    }
  }
  // Runs until `end`; every session takes `length` and ends as `outcome` says for its address.
  template <typename Outcome>
  void Run(TimePoint& now, TimePoint end, Duration length, Outcome outcome) {
    std::vector<std::pair<TimePoint, Grant>> out;
    while (now < end) {
      for (size_t i = 0; i < out.size();) {
        if (out[i].first > now) {
          ++i;
          continue;
        }
        const Grant grant = out[i].second;
        out.erase(out.begin() + static_cast<std::ptrdiff_t>(i));
        Submit(grant.job.mailbox.value, JobKind::kNew, TimePoint::max(), now + seconds(60));
        scheduler_.Finish(grant, now, outcome(grant));
      }
      while (std::optional<Grant> grant = scheduler_.Take(now)) {
        out.emplace_back(now + length, *grant);
        ++grants_;
        most_out_ = std::max(most_out_, out.size());
      }
      TimePoint next = scheduler_.NextWake(now);
      for (const auto& [ends, grant] : out) {
        next = std::min(next, ends);
      }
      ASSERT_GT(next, now);
      now = std::min(next, end);
    }
    for (const auto& [ends, grant] : out) {
      scheduler_.Finish(grant, now, outcome(grant));
    }
  }
  uint64_t grants_ = 0;
  size_t most_out_ = 0;
};

TEST_F(SchedulerHostTest, ADeadHostCostsOneProbeAtATimeOverAllAddresses) {
  AddBoxes(1, 5000, AddHost({10, 1000}));
  SubmitEach(1, 5000, JobKind::kNew, TimePoint::max());
  const auto dead = [](const Grant&) { return Failure(Code::kUnreachable); };
  TimePoint now = At(seconds(0));
  Run(now, At(seconds(2)), seconds(1), dead);
  EXPECT_LE(grants_, 160U) << "what went out before anything was known";
  grants_ = 0;
  most_out_ = 0;
  Run(now, At(hours(2)), seconds(1), dead);
  EXPECT_EQ(most_out_, 1U);
  EXPECT_LE(grants_, 30U) << "doubling, then four an hour";
  EXPECT_GE(grants_, 8U);
}

TEST_F(SchedulerHostTest, AHostThatIsBackIsNotStormed) {
  AddBoxes(1, 5000, AddHost({10, 1000}));
  SubmitEach(1, 5000, JobKind::kNew, TimePoint::max());
  TimePoint now = At(seconds(0));
  Run(now, At(minutes(5)), seconds(1), [](const Grant&) { return Failure(Code::kTimeout); });
  grants_ = 0;
  most_out_ = 0;
  const TimePoint probe = scheduler_.NextWake(now);
  Run(now, probe + seconds(2), seconds(1), [](const Grant&) { return Status::Ok(); });
  EXPECT_LE(most_out_, 1U + 16 * 2U);
  Run(now, probe + seconds(30), seconds(1), [](const Grant&) { return Status::Ok(); });
  EXPECT_EQ(most_out_, 160U) << "soon all its pools are wide again";
  EXPECT_GE(grants_, 1500U);
}

TEST_F(SchedulerHostTest, AnAddressThatTheHostBlocksDoesNotCloseTheOthers) {
  AddBoxes(1, 1000, AddHost({2, 1000}));
  SubmitEach(1, 1000, JobKind::kNew, TimePoint::max());
  TimePoint now = At(seconds(0));
  const auto one_blocked = [](const Grant& grant) {
    return grant.egress == 3 ? Failure(Code::kUnreachable) : Status::Ok();
  };
  Run(now, At(minutes(3)), milliseconds(500), one_blocked);
  size_t open = 0;
  for (size_t i = 0; i < scheduler_.pool_count(); ++i) {
    const PoolStats stats = scheduler_.Pool(i, now);
    open += stats.open_circuit ? 1 : 0;
    EXPECT_EQ(stats.open_circuit, stats.egress == 3);
    EXPECT_TRUE(stats.egress == 3 || stats.grants[0] > 100) << stats.grants[0];
  }
  EXPECT_EQ(open, 1U);
}

TEST_F(SchedulerHostTest, AHeldSessionDoesNotStandInTheWayOfAProbe) {
  Scheduler scheduler{Options{}};
  scheduler.AddEgress("192.0.2.1", 100);
  const HostId host = scheduler.AddHost("imap.example.com", {5, 1000});
  for (uint64_t box = 1; box <= 5; ++box) {
    ASSERT_TRUE(scheduler.AddMailbox(Box(box), TenantId{1}, host).ok());
    ASSERT_TRUE(scheduler.Submit(Job{Box(box), JobKind::kNew, {}, At(seconds(1))}).ok());
  }
  ASSERT_TRUE(scheduler.Take(At(seconds(0))).has_value()) << "held for ever";
  for (int i = 0; i < 3; ++i) {
    scheduler.Finish(*scheduler.Take(At(seconds(1))), At(seconds(2)), Failure(Code::kUnreachable));
  }
  EXPECT_TRUE(scheduler.Pool(0, At(seconds(2))).open_circuit);
  EXPECT_FALSE(scheduler.Take(At(seconds(3))).has_value());
  EXPECT_TRUE(scheduler.Take(At(seconds(20))).has_value());
}

TEST_F(SchedulerHostTest, WrongCredentialsAreConfirmedBySecondRefusalAndThenTriedRarely) {
  AddBoxes(1, 20, AddHost(kWideLimits));
  Submit(1, JobKind::kNew, At(hours(1)));
  EXPECT_EQ(scheduler_.Finish(MustTake(At(seconds(0))), At(seconds(0)), Failure(Code::kAuthFailed)),
            CredentialVerdict::kUnconfirmed);
  const TimePoint again = scheduler_.BackoffUntil(Box(1));
  EXPECT_GE(again, At(Options{}.login_retry));
  Submit(1, JobKind::kNew, At(hours(1)));
  EXPECT_EQ(scheduler_.Explain(Box(1), At(seconds(1))).cause, WaitCause::kBackoff);
  EXPECT_EQ(scheduler_.Finish(MustTake(again), again, Failure(Code::kAuthFailed)),
            CredentialVerdict::kConfirmed);
  EXPECT_EQ(scheduler_.Credentials(Box(1)), CredentialVerdict::kConfirmed);
  EXPECT_GE(scheduler_.BackoffUntil(Box(1)), again + Options{}.credentials_retry);
  EXPECT_LE(scheduler_.BackoffUntil(Box(1)), again + Options{}.credentials_retry * 5 / 4);
  Submit(1, JobKind::kNew, At(hours(1)));
  EXPECT_EQ(scheduler_.Explain(Box(1), again).cause, WaitCause::kCredentials);
  EXPECT_FALSE(scheduler_.Take(again).has_value());
  scheduler_.ClearBackoff(Box(1), again + seconds(1));
  EXPECT_EQ(scheduler_.Credentials(Box(1)), CredentialVerdict::kFine);
  scheduler_.Finish(MustTake(again + seconds(1)), again + seconds(1), Status::Ok());
  EXPECT_EQ(scheduler_.ConsecutiveFailures(Box(1)), 0U);
}

TEST_F(SchedulerHostTest, ManyRefusedLoginsAtOnceAreThrottlingInDisguise) {
  Scheduler scheduler{Options{}};
  scheduler.AddEgress("192.0.2.1", 1000);
  const HostId host = scheduler.AddHost("imap.example.com", {8, 1000});
  std::vector<CredentialVerdict> verdicts;
  for (uint64_t box = 1; box <= 6; ++box) {
    ASSERT_TRUE(scheduler.AddMailbox(Box(box), TenantId{1}, host).ok());
    ASSERT_TRUE(scheduler.Submit(Job{Box(box), JobKind::kNew, {}, At(seconds(1))}).ok());
    const std::optional<Grant> grant = scheduler.Take(At(seconds(0)));
    ASSERT_TRUE(grant.has_value());
    verdicts.push_back(scheduler.Finish(*grant, At(seconds(0)), Failure(Code::kAuthFailed)));
    if (box == 5) {
      break;
    }
  }
  EXPECT_EQ(verdicts[3], CredentialVerdict::kUnconfirmed);
  EXPECT_EQ(verdicts[4], CredentialVerdict::kThrottlingSuspected);
  const PoolStats stats = scheduler.Pool(0, At(seconds(0)));
  EXPECT_EQ(stats.connections_max, 4U) << "the pool is slowed";
  EXPECT_GT(stats.blocked_until, At(seconds(0)));
  EXPECT_EQ(stats.throttles, 1U);
}

TEST_F(SchedulerHostTest, SessionsThatGoOnDoNotHideThatEveryLoginIsRefused) {
  AddBoxes(1, 10, AddHost(kWideLimits));
  SubmitEach(1, 4, JobKind::kNew, At(seconds(0)));
  std::vector<Grant> held = TakeAll(At(seconds(0)));
  ASSERT_EQ(held.size(), 4U);
  TimePoint now = At(seconds(0));
  for (int i = 0; i < 30; ++i) {
    now += seconds(10);
    for (Grant& grant : held) {
      Submit(grant.job.mailbox.value, JobKind::kNew, now);
      const std::optional<Grant> next = scheduler_.Continue(grant, now);
      ASSERT_TRUE(next.has_value());
      grant = *next;
    }
  }
  std::vector<CredentialVerdict> verdicts;
  for (uint64_t box = 5; box <= 9; ++box) {
    Submit(box, JobKind::kNew, now);
    verdicts.push_back(scheduler_.Finish(MustTake(now), now, Failure(Code::kAuthFailed)));
  }
  EXPECT_EQ(verdicts.back(), CredentialVerdict::kThrottlingSuspected);
}

TEST(CredentialsTest, ManyFailuresAmongManyMoreSuccessesAreCredentials) {
  HostLogins host;
  for (int i = 0; i < 100; ++i) {
    host.OnAccepted(At(seconds(i)));
  }
  for (int i = 0; i < 10; ++i) {
    RefusedLogins mailbox;
    JudgeRefusal(mailbox, host, At(seconds(100)));
    EXPECT_EQ(JudgeRefusal(mailbox, host, At(seconds(100) + kRefusalsApart)),
              CredentialVerdict::kConfirmed);
  }
}

TEST(CredentialsTest, TwoRefusalsInSuccessionSayNoMoreThanOne) {
  HostLogins host;
  RefusedLogins mailbox;
  EXPECT_EQ(JudgeRefusal(mailbox, host, At(seconds(1))), CredentialVerdict::kUnconfirmed);
  EXPECT_EQ(JudgeRefusal(mailbox, host, At(seconds(2))), CredentialVerdict::kUnconfirmed);
  EXPECT_EQ(host.refused(), 1U) << "one mailbox counts once";
}

TEST(CredentialsTest, NobodyIsThrottledForADay) {
  HostLogins host;
  std::vector<RefusedLogins> mailboxes(50);
  for (int hour = 0; hour < 24; hour += 4) {
    for (RefusedLogins& mailbox : mailboxes) {
      JudgeRefusal(mailbox, host, At(hours(hour)));
    }
  }
  EXPECT_FALSE(mailboxes.back().confirmed);
  EXPECT_EQ(JudgeRefusal(mailboxes.back(), host, At(hours(24))), CredentialVerdict::kConfirmed);
}

TEST(CredentialsTest, OldLoginsAreForgotten) {
  HostLogins host;
  for (int i = 0; i < 6; ++i) {
    host.OnRefused(TimePoint::min(), At(seconds(i)));
  }
  EXPECT_TRUE(host.ManyFail());
  host.OnAccepted(At(HostLogins::kSpan + seconds(1)));
  EXPECT_TRUE(host.ManyFail());
  host.OnAccepted(At(2 * HostLogins::kSpan + seconds(2)));
  EXPECT_FALSE(host.ManyFail());
  EXPECT_EQ(host.accepted(), 2U);
}

TEST_F(SchedulerHostTest, ARampUpWaitsOneLoginWindowAndWidensWithSuccess) {
  Scheduler scheduler{Options{}};
  scheduler.AddEgress("192.0.2.1", 1000);
  const HostId host = scheduler.AddHost("imap.example.com", {4, 1000});
  for (uint64_t box = 1; box <= 9; ++box) {
    ASSERT_TRUE(scheduler.AddMailbox(Box(box), TenantId{1}, host).ok());
    ASSERT_TRUE(scheduler.Submit(Job{Box(box), JobKind::kNew, {}, At(seconds(0))}).ok());
  }
  scheduler.BeginRampUp(At(seconds(10)));
  EXPECT_FALSE(scheduler.Take(At(milliseconds(10'999))).has_value());
  EXPECT_EQ(scheduler.NextWake(At(milliseconds(10'999))), At(seconds(11)));
  for (const size_t wide : {1U, 2U, 4U}) {
    std::vector<Grant> grants;
    while (std::optional<Grant> grant = scheduler.Take(At(seconds(11)))) {
      grants.push_back(*grant);
    }
    EXPECT_EQ(grants.size(), std::min<size_t>(wide, 4));
    for (const Grant& grant : grants) {
      scheduler.Finish(grant, At(seconds(11)), Status::Ok());
    }
  }
}

TEST(RestartTest, FirstChecksKeepTheirDeadlinesAndDoNotComeAtOnce) {
  const TimePoint now = At(hours(1));
  const Job fresh = FirstCheck(Box(1), now, minutes(1), minutes(5), minutes(1));
  EXPECT_EQ(fresh.deadline, now + minutes(4));
  EXPECT_EQ(fresh.not_before, now + seconds(192));
  const Job late = FirstCheck(Box(1), now, minutes(30), minutes(5), minutes(1));
  EXPECT_EQ(late.deadline, now - minutes(25));
  const Job unknown = FirstCheck(Box(1), now, std::nullopt, minutes(5), minutes(1));
  EXPECT_EQ(unknown.deadline, now);
  std::vector<int> per_second(60);
  for (uint64_t box = 1; box <= 6000; ++box) {
    const Job job = FirstCheck(Box(box), now, hours(2), minutes(5), minutes(1));
    ASSERT_GE(job.not_before, now);
    ASSERT_LT(job.not_before, now + minutes(1));
    ++per_second[static_cast<size_t>((job.not_before - now) / seconds(1))];
  }
  for (const int starts : per_second) {
    EXPECT_LT(starts, 160);
  }
}

}  // namespace
}  // namespace mailhaul::scheduler
