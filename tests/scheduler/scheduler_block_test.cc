// A host that refuses one of our egress addresses, and what is not taken for that.
#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "scheduler/address_block.h"
#include "tests/scheduler/scheduler_fixture.h"

namespace mailhaul::scheduler {
namespace {

constexpr uint64_t kBoxes = 60;
constexpr seconds kFreshness{50};
constexpr EgressId kRefused = 1;

class SchedulerBlockTest : public testing::Test {
 protected:
  SchedulerBlockTest() {
    for (int i = 0; i < 3; ++i) {
      scheduler_.AddEgress("192.0.2." + std::to_string(i), kWideEgress);
    }
    host_ = scheduler_.AddHost("imap.example.com", {10, 10'000});
    for (uint64_t box = 1; box <= kBoxes; ++box) {
      EXPECT_TRUE(scheduler_.AddMailbox(Box(box), TenantId{1}, host_).ok());
      Submit(box, now_ + milliseconds(800 * box));
    }
  }
  void Submit(uint64_t box, TimePoint at) {
    EXPECT_TRUE(scheduler_.Submit(Job{Box(box), JobKind::kNew, at, at, false, kFreshness}).ok());
  }
  // Checks every mailbox again and again; each lasts no time and ends as `outcome_` says.
  void Run(Duration time) {
    const TimePoint end = now_ + time;
    attempts_.clear();
    while (now_ < end) {
      while (const std::optional<Grant> grant = scheduler_.Take(now_)) {
        const uint64_t box = grant->job.mailbox.value;
        const Status outcome = outcome_(*grant);
        places_[box] = grant->egress;
        ++attempts_[grant->egress];
        Submit(box, outcome.ok() ? now_ + kFreshness : now_);
        scheduler_.Finish(*grant, now_, outcome);
      }
      const TimePoint next = scheduler_.NextWake(now_);
      ASSERT_GT(next, now_);
      now_ = std::min(next, end);
    }
  }
  void Refuse(std::set<EgressId> refused, Code code = Code::kUnreachable) {
    outcome_ = [refused = std::move(refused), code](const Grant& grant) {
      return refused.count(grant.egress) > 0 ? Failure(code) : Status::Ok();
    };
  }
  bool Blocked(EgressId egress) {
    for (size_t i = 0; i < scheduler_.pool_count(); ++i) {
      const PoolStats stats = scheduler_.Pool(i, now_);
      if (stats.egress == egress) {
        return stats.address_blocked;
      }
    }
    return false;
  }
  std::string Explained(uint64_t box) { return scheduler_.Explain(Box(box), now_).text; }
  uint64_t BoxOf(EgressId egress) const {
    for (const auto& [box, place] : places_) {
      if (place == egress) {
        return box;
      }
    }
    return 0;
  }

  Scheduler scheduler_{Options{}};
  HostId host_ = 0;
  TimePoint now_ = At(seconds(1));
  std::function<Status(const Grant&)> outcome_ = [](const Grant&) { return Status::Ok(); };
  std::map<uint64_t, EgressId> places_;    // Of each box's last check.
  std::map<EgressId, uint64_t> attempts_;  // Of the last Run().
};

TEST_F(SchedulerBlockTest, OnlyTheMailboxesOfARefusedAddressMove) {
  Run(minutes(2));
  const auto before = places_;
  Refuse({kRefused});
  Run(AddressBlock::kFailingFor - seconds(1));
  EXPECT_FALSE(Blocked(kRefused)) << "not long enough";
  Run(minutes(6));
  EXPECT_TRUE(Blocked(kRefused));
  Run(minutes(2));
  size_t moved = 0;
  for (const auto& [box, egress] : before) {
    if (egress != kRefused) {
      EXPECT_EQ(places_.at(box), egress) << box;
    } else if (places_.at(box) != kRefused) {
      ++moved;
      EXPECT_NE(Explained(box).find("The host refuses its egress address 192.0.2.1; it uses"),
                std::string::npos)
          << Explained(box);
    }
  }
  const auto of_refused = std::count_if(before.begin(), before.end(),
                                        [](const auto& place) { return place.second == kRefused; });
  EXPECT_GE(moved + 1, static_cast<size_t>(of_refused)) << "all but one that tries the address";
  EXPECT_FALSE(Blocked(0));
  EXPECT_FALSE(Blocked(2));
}

TEST_F(SchedulerBlockTest, TheAddressIsTriedSeldomAndItsMailboxesReturnWhenItServes) {
  Run(minutes(2));
  const auto before = places_;
  Refuse({kRefused});
  Run(minutes(10));
  ASSERT_TRUE(Blocked(kRefused));
  Run(hours(4));
  EXPECT_GE(attempts_[kRefused], 3U);
  EXPECT_LE(attempts_[kRefused], 12U) << "backed off to an hour";
  EXPECT_GT(attempts_[0], 4U * 60 * 60 * kBoxes / 3 / 60) << "the others are checked all along";
  Refuse({});
  Run(hours(2));
  EXPECT_FALSE(Blocked(kRefused));
  EXPECT_EQ(places_, before);
}

TEST_F(SchedulerBlockTest, AChangeIsToldOnce) {
  Run(minutes(2));
  EXPECT_FALSE(scheduler_.NextAddressChange().has_value());
  Refuse({kRefused});
  Run(minutes(30));
  const std::optional<AddressChange> began = scheduler_.NextAddressChange();
  ASSERT_TRUE(began.has_value());
  EXPECT_EQ(began->host, host_);
  EXPECT_EQ(began->egress, kRefused);
  EXPECT_TRUE(began->blocked);
  EXPECT_FALSE(scheduler_.NextAddressChange().has_value());
  Refuse({});
  Run(hours(2));
  const std::optional<AddressChange> ended = scheduler_.NextAddressChange();
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->egress, kRefused);
  EXPECT_FALSE(ended->blocked);
  EXPECT_FALSE(scheduler_.NextAddressChange().has_value());
}

TEST_F(SchedulerBlockTest, AHostThatIsDeadIsNotTakenForBlockedAddresses) {
  Run(minutes(2));
  const auto before = places_;
  Refuse({0, 1, 2});
  Run(hours(3));
  EXPECT_FALSE(scheduler_.NextAddressChange().has_value());
  Refuse({});
  Run(hours(1));
  EXPECT_EQ(places_, before);
}

// The address fails alone for a while; when it has failed often enough, all do.
TEST_F(SchedulerBlockTest, NeitherIsOneThatDiesWhileAnAddressFails) {
  Run(minutes(2));
  Refuse({kRefused});
  Run(minutes(1));
  Refuse({0, 1, 2});
  Run(hours(1));
  EXPECT_FALSE(scheduler_.NextAddressChange().has_value());
}

TEST_F(SchedulerBlockTest, TurnedAwayAtTheGreetingIsRefusedToo) {
  Run(minutes(2));
  Refuse({kRefused}, Code::kThrottled);
  Run(minutes(30));
  EXPECT_TRUE(Blocked(kRefused));
  EXPECT_LE(attempts_[kRefused], 40U);
}

TEST_F(SchedulerBlockTest, RefusedCredentialsOfOneMailboxAreNoBlock) {
  Run(minutes(2));
  const uint64_t box = BoxOf(kRefused);
  outcome_ = [box](const Grant& grant) {
    return grant.job.mailbox == Box(box) ? Failure(Code::kAuthFailed) : Status::Ok();
  };
  Run(hours(1));
  EXPECT_FALSE(scheduler_.NextAddressChange().has_value());
}

TEST_F(SchedulerBlockTest, TheLastAddressThatServesIsNeverBlocked) {
  Run(minutes(2));
  Refuse({0, 1});
  Run(hours(1));
  EXPECT_TRUE(Blocked(0));
  EXPECT_TRUE(Blocked(1));
  Refuse({0, 1, 2});
  Run(hours(1));
  EXPECT_FALSE(Blocked(2));
  Refuse({0, 1});
  Run(hours(1));
  EXPECT_FALSE(Blocked(2));
  for (uint64_t box = 1; box <= kBoxes; ++box) {
    places_.erase(box);
  }
  Run(minutes(5));
  EXPECT_EQ(places_.size(), kBoxes) << "somebody is not checked";
}

TEST_F(SchedulerBlockTest, NobodyStaysWithARefusedAddressOnceAnotherIsBack) {
  Run(minutes(2));
  Refuse({kRefused});
  Run(minutes(10));
  ASSERT_TRUE(Blocked(kRefused));
  scheduler_.BlockEgress(0, now_ + minutes(2), now_);
  scheduler_.BlockEgress(2, now_ + minutes(2), now_);
  Run(minutes(2));
  places_.clear();
  Run(minutes(3));
  const auto served = std::count_if(places_.begin(), places_.end(),
                                    [](const auto& place) { return place.second != kRefused; });
  EXPECT_GE(served, kBoxes - 1) << "one may be trying the address";
}

TEST_F(SchedulerBlockTest, WithoutItsMailboxesAnAddressIsNotBlockedForEver) {
  Run(minutes(2));
  Refuse({kRefused});
  const auto before = places_;
  Run(minutes(10));
  ASSERT_TRUE(Blocked(kRefused));
  for (const auto& [box, egress] : before) {
    if (egress == kRefused) {
      ASSERT_TRUE(scheduler_.RemoveMailbox(Box(box)).ok());
    }
  }
  Run(hours(1));
  EXPECT_FALSE(Blocked(kRefused));
}

TEST_F(SchedulerBlockTest, ARemovedAddressIsTriedOnlyWhenItIsBack) {
  Run(minutes(2));
  const auto before = places_;
  Refuse({kRefused});
  Run(minutes(10));
  ASSERT_TRUE(Blocked(kRefused));
  scheduler_.RemoveEgress(kRefused);
  Refuse({});
  Run(hours(3));
  EXPECT_EQ(attempts_[kRefused], 0U);
  scheduler_.AddEgress("192.0.2.1", kWideEgress);
  Run(hours(2));
  EXPECT_EQ(places_, before);
}

TEST(AddressBlockTest, BlockedIsWhatFailsOftenAndLongWhileOthersAreServed) {
  AddressBlock block;
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(block.OnFailure(true, At(seconds(i)))) << "not long";
  }
  EXPECT_FALSE(block.OnFailure(false, At(minutes(5)))) << "nobody is served";
  EXPECT_TRUE(block.OnFailure(true, At(minutes(6))));
  EXPECT_FALSE(block.OnFailure(true, At(minutes(7)))) << "it is already";
  EXPECT_TRUE(block.blocked());
  EXPECT_EQ(block.count(), 1U);
  AddressBlock rare;
  for (uint32_t i = 0; i + 1 < AddressBlock::kFailuresInRow; ++i) {
    EXPECT_FALSE(rare.OnFailure(true, At(hours(i)))) << "not often";
  }
  EXPECT_FALSE(rare.OnAnswer(At(hours(9))));
  EXPECT_FALSE(rare.OnFailure(true, At(hours(10)))) << "not in a row";
}

TEST(AddressBlockTest, AConnectionFromBeforeTheLastFailureEndsNothing) {
  AddressBlock block;
  for (int i = 0; i < 5; ++i) {
    block.OnFailure(true, At(minutes(i)));
  }
  ASSERT_TRUE(block.blocked());
  EXPECT_FALSE(block.OnServed(At(minutes(1)), At(minutes(9))));
  EXPECT_FALSE(block.OnAnswer(At(minutes(3))));
  EXPECT_TRUE(block.blocked());
  EXPECT_EQ(block.last_served(), At(minutes(9)));
  EXPECT_TRUE(block.OnAnswer(At(minutes(5))));
  EXPECT_FALSE(block.blocked());
}

}  // namespace
}  // namespace mailhaul::scheduler
