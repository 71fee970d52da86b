#include "scheduler/kind_share.h"

#include <gtest/gtest.h>

#include <string>

namespace mailhaul::scheduler {
namespace {

constexpr KindSet kAll = {true, true, true};
constexpr KindSet kNewAndBackfill = {true, false, true};

// The kinds of `count` grants while `waiting` wait: "nnnb".
std::string Serve(KindShare& share, const KindSet& waiting, int count) {
  std::string kinds;
  for (int i = 0; i < count; ++i) {
    const JobKind kind = share.Pick(waiting);
    share.OnGrant(kind, waiting);
    kinds += ToString(kind).front();
  }
  return kinds;
}

TEST(KindShareTest, OneGrantOfSoManyGoesToBackfill) {
  KindShare share(5);
  EXPECT_EQ(Serve(share, kNewAndBackfill, 12), "nnnnbnnnnbnn");
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
  EXPECT_EQ(share.PickInsteadOf(JobKind::kWindow, kAll), JobKind::kWindow);
  Serve(share, kNewAndBackfill, 2);
  EXPECT_EQ(share.PickInsteadOf(JobKind::kWindow, kAll), JobKind::kBackfill);
  EXPECT_EQ(share.PickInsteadOf(JobKind::kBackfill, kAll), JobKind::kBackfill);
}

}  // namespace
}  // namespace mailhaul::scheduler
