#include "scheduler/kind_share.h"

#include <gtest/gtest.h>

#include <string>

namespace mailhaul::scheduler {
namespace {

constexpr KindSet kAll = {true, true, true};
constexpr KindSet kNewAndBackfill = {true, false, true};
constexpr KindTimes kEqual = {1, 1, 1};

// The kinds of `count` grants while `waiting` wait: "nnnb".
std::string Serve(KindShare& share, const KindSet& waiting, int count,
                  const KindTimes& times = kEqual) {
  std::string kinds;
  for (int i = 0; i < count; ++i) {
    const JobKind kind = share.Pick(waiting, times);
    share.OnGrant(kind, waiting, times);
    kinds += ToString(kind).front();
  }
  return kinds;
}

TEST(KindShareTest, OneGrantOfSoManyGoesToBackfill) {
  KindShare share(5);
  EXPECT_EQ(Serve(share, kNewAndBackfill, 12), "nnnnbnnnnbnn");
}

TEST(KindShareTest, TheShareIsOneOfTimeNotOfGrants) {
  for (const float slice : {0.1F, 1.0F, 5.0F, 50.0F}) {
    const KindTimes times = {0.425F, slice, slice};
    KindShare share(20);
    const std::string kinds = Serve(share, kAll, 400'000, times);
    const auto seconds = [&](char kind, float each) {
      return static_cast<double>(std::count(kinds.begin(), kinds.end(), kind)) * each;
    };
    const double backfill = seconds('b', slice);
    const double window = seconds('w', slice);
    const double all = seconds('n', 0.425F) + window + backfill;
    EXPECT_NEAR(backfill / all, 0.05, 0.001) << slice;
    EXPECT_NEAR(window / all, 0.05, 0.001) << slice;
  }
}

TEST(KindShareTest, WhatWasExpectedWrongIsCorrected) {
  KindShare share(20);
  const KindTimes expected = {1, 5, 5};  // Always, though checks take 0.2 s and slices 7 s.
  double checks = 0;
  double slices = 0;
  for (int i = 0; i < 100'000; ++i) {
    const JobKind kind = share.Pick(kNewAndBackfill, expected);
    const KindShare::Charge charge = share.OnGrant(kind, kNewAndBackfill, expected);
    const bool check = kind == JobKind::kNew;
    share.Correct(kind, charge, check ? -0.8F : 2.0F, expected);
    (check ? checks : slices) += check ? 0.2 : 7.0;
  }
  EXPECT_NEAR(slices / (checks + slices), 0.05, 0.001);
}

TEST(KindShareTest, CreditEndsAtTwoGrants) {
  KindShare share(20);
  EXPECT_FALSE(share.Covers(JobKind::kBackfill, {1, 5, 5}));
  share.OnGrant(JobKind::kNew, kNewAndBackfill, {1'000'000, 5, 5});
  EXPECT_TRUE(share.Covers(JobKind::kBackfill, {1, 10, 10}));
  EXPECT_FALSE(share.Covers(JobKind::kBackfill, {1, 11, 11}));
}

TEST(KindShareTest, TimeThatNobodyElseWantedIsFree) {
  KindShare share(5);
  Serve(share, {false, false, true}, 100);
  EXPECT_EQ(Serve(share, kNewAndBackfill, 5), "nnnnb");
}

TEST(KindShareTest, NothingGoesTwiceInSuccessionBeforeNewMail) {
  for (const uint32_t inverse : {0U, 1U, 2U, 3U, 4U, 5U, 20U}) {
    KindShare share(inverse);
    const std::string kinds = Serve(share, kAll, 400);
    for (const std::string_view pair : {"bb", "bw", "wb", "ww"}) {
      EXPECT_EQ(kinds.find(pair), std::string::npos) << inverse << ": " << kinds;
    }
  }
}

TEST(KindShareTest, WindowAndBackfillBothGetTheirShare) {
  KindShare share(10);
  const std::string kinds = Serve(share, kAll, 1100);
  EXPECT_GE(std::count(kinds.begin(), kinds.end(), 'b'), 100);
  EXPECT_GE(std::count(kinds.begin(), kinds.end(), 'w'), 100);
}

TEST(KindShareTest, WhatDoesNotWaitSavesUpNoTurns) {
  KindShare share(3);
  EXPECT_EQ(Serve(share, {true, false, false}, 50), std::string(50, 'n'));
  EXPECT_EQ(Serve(share, kNewAndBackfill, 4), "nnbn");
}

TEST(KindShareTest, NewMailGoesNextAfterASliceThatRanAlone) {
  KindShare share(3);
  EXPECT_EQ(Serve(share, kNewAndBackfill, 2), "nn");
  EXPECT_EQ(Serve(share, {false, false, true}, 1), "b");
  EXPECT_EQ(Serve(share, kAll, 1), "n");
}

TEST(KindShareTest, WhatWaitedLongerTakesThePlaceOfWhatIsWantedOutOfTurn) {
  KindShare share(3);
  EXPECT_EQ(share.PickInsteadOf(JobKind::kWindow, kAll, kEqual), JobKind::kWindow);
  Serve(share, kNewAndBackfill, 2);
  EXPECT_EQ(share.PickInsteadOf(JobKind::kWindow, kAll, kEqual), JobKind::kBackfill);
  EXPECT_EQ(share.PickInsteadOf(JobKind::kBackfill, kAll, kEqual), JobKind::kBackfill);
}

}  // namespace
}  // namespace mailhaul::scheduler
