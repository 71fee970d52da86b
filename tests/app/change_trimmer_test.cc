#include "engine/app/change_trimmer.h"

#include <gtest/gtest.h>

#include "connectors/net/virtual_loop.h"
#include "tests/pipeline/manual_committer.h"
#include "tests/store/mail_store_fixture.h"

namespace mailhaul::app {
namespace {

using std::chrono::hours;

class ChangeTrimmerTest : public store::MailStoreFixture {
 protected:
  void SetUp() override {
    MailStoreFixture::SetUp();
    Onboard();
    AppendOk({store::MessageOf(1, "one"), store::MessageOf(2, "two")});
    trimmer_ = std::make_shared<ChangeTrimmer>(
        loop_, committer_, *store_, loop_clock_, hours(24),
        [this](TenantId, ShardId) { return std::optional<uint64_t>(read_to_); });
  }
  void TearDown() override { trimmer_->Close(); }

  void Round() {
    while (!committer_.operations.empty()) {
      committer_.RunOne();
      loop_.RunDue();
    }
  }
  void Wait(Duration time) {
    const TimePoint later = loop_clock_.Now() + time;
    while (loop_clock_.Now() < later) {
      bool woken = false;
      loop_.AddTimer(std::min(later, loop_clock_.Now() + kTrimRoundTime), [&] { woken = true; });
      ASSERT_TRUE(loop_.RunUntil([&] { return woken; }));
      Round();
    }
  }
  size_t Kept() const {
    return store_->ListChanges(tenant_, store_->StartOfChanges(tenant_).value(), 100)
        .value()
        .changes.size();
  }

  net::VirtualClock loop_clock_{WallTime(std::chrono::seconds(1'714'600'000))};
  net::VirtualLoop loop_{loop_clock_};
  pipeline::ManualCommitter committer_;
  uint64_t read_to_ = UINT64_MAX - 1;
  std::shared_ptr<ChangeTrimmer> trimmer_;
};

TEST_F(ChangeTrimmerTest, DropsWhatIsOldInItsRounds) {
  trimmer_->Start();
  Round();
  Wait(hours(12));
  AppendOk({store::MessageOf(3, "three")});
  Wait(hours(11));
  EXPECT_EQ(Kept(), 3U);
  Wait(hours(2));
  EXPECT_EQ(Kept(), 1U);
  Wait(hours(12));
  EXPECT_EQ(Kept(), 0U);
}

TEST_F(ChangeTrimmerTest, WhatTheReaderHasNotSeenStaysLonger) {
  read_to_ = 1;
  trimmer_->Start();
  Round();
  Wait(hours(47));
  EXPECT_EQ(Kept(), 1U);
  Wait(hours(3));
  EXPECT_EQ(Kept(), 0U);
}

TEST_F(ChangeTrimmerTest, AFailureEndsARoundAndTheNextGoesOn) {
  trimmer_->Start();
  Round();
  Wait(hours(23));
  records_.InjectFault(1, store::MemoryKeyValueStore::Fault::kDiskFull);
  Wait(hours(3));
  EXPECT_EQ(Kept(), 0U);
}

TEST_F(ChangeTrimmerTest, ClosedItTouchesNothing) {
  trimmer_->Start();
  Round();
  Wait(hours(23));
  loop_clock_.AdvanceTo(loop_clock_.Now() + hours(10));
  loop_.RunDue();
  ASSERT_EQ(committer_.operations.size(), 1U);
  trimmer_->Close();
  committer_.RunOne();
  loop_.RunDue();
  EXPECT_TRUE(committer_.operations.empty());
  EXPECT_EQ(Kept(), 2U);
}

}  // namespace
}  // namespace mailhaul::app
