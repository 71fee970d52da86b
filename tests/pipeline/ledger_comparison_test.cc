// What is held of a folder beside what its source lists: every UID is counted once, in its place.
#include "engine/pipeline/ledger_comparison.h"

#include <gtest/gtest.h>

#include <initializer_list>

#include "base/random.h"

namespace mailhaul::pipeline {
namespace {

UidSet Uids(std::initializer_list<UidRange> ranges) {
  UidSet uids;
  for (const UidRange range : ranges) {
    uids.AddRange(range);
  }
  return uids;
}

FolderPromise Whole(Uid uid_next, UidSet held) {
  FolderPromise promise;
  promise.uid_next = uid_next;
  promise.window_complete = promise.backfill_complete = true;
  promise.ledger = held;
  promise.placed = std::move(held);
  return promise;
}

uint64_t Parts(const LedgerCounts& counts) {
  return counts.held + counts.left_out + counts.pending + counts.older + counts.missing +
         counts.unknown;
}

TEST(LedgerComparisonTest, EqualSetsAreRight) {
  const LedgerComparison found =
      CompareLedger(Whole(101, Uids({{1, 100}})), {.uids = Uids({{1, 100}}), .window = {}});
  EXPECT_EQ(found.counts, (LedgerCounts{.listed = 100, .held = 100}));
  EXPECT_TRUE(found.missing.empty());
}

TEST(LedgerComparisonTest, AHoleBelowTheMarkIsMissingAndWhatIsAboveIsPending) {
  const LedgerComparison found = CompareLedger(Whole(101, Uids({{1, 49}, {52, 100}})),
                                               {.uids = Uids({{40, 110}}), .window = {}});
  EXPECT_EQ(found.missing, Uids({{50, 51}}));
  EXPECT_EQ(found.counts,
            (LedgerCounts{.listed = 71, .held = 59, .pending = 10, .missing = 2, .stale = 39}));
}

TEST(LedgerComparisonTest, WhatIsInTheLedgerAloneWasLeftOut) {
  FolderPromise promise = Whole(11, Uids({{1, 10}}));
  promise.placed = Uids({{1, 7}});
  const LedgerComparison found = CompareLedger(promise, {.uids = Uids({{1, 10}}), .window = {}});
  EXPECT_EQ(found.counts, (LedgerCounts{.listed = 10, .held = 7, .left_out = 3}));
}

TEST(LedgerComparisonTest, NothingIsPromisedBeforeTheFirstCheckIsComplete) {
  FolderPromise promise = Whole(50, Uids({{40, 49}}));
  promise.window_complete = promise.backfill_complete = false;
  const LedgerComparison found = CompareLedger(promise, {.uids = Uids({{1, 49}}), .window = {}});
  EXPECT_EQ(found.counts, (LedgerCounts{.listed = 49, .held = 10, .pending = 39}));
}

TEST(LedgerComparisonTest, OnlyTheWindowIsPromisedBeforeBackfillHasEnded) {
  FolderPromise promise = Whole(101, Uids({{81, 89}, {91, 100}}));
  promise.backfill_complete = false;
  const LedgerComparison found =
      CompareLedger(promise, {.uids = Uids({{1, 103}}), .window = Uids({{85, 103}})});
  EXPECT_EQ(found.missing, Uids({{90, 90}}));
  EXPECT_EQ(found.counts,
            (LedgerCounts{.listed = 103, .held = 19, .pending = 3, .older = 80, .missing = 1}));
}

TEST(LedgerComparisonTest, ASourceThatHidesMessagesOwesThemToTheNextCheck) {
  const LedgerComparison found = CompareLedger(
      Whole(11, Uids({{2, 10}})), {.uids = Uids({{1, 10}}), .window = {}, .hides_messages = true});
  EXPECT_EQ(found.counts, (LedgerCounts{.listed = 10, .held = 9, .pending = 1}));
}

TEST(LedgerComparisonTest, TheGreatestUidAndClaimsOfBillionsCostNothing) {
  const UidSet all = Uids({{1, UINT32_MAX}});
  LedgerComparison found = CompareLedger(Whole(11, Uids({{1, 10}})), {.uids = all, .window = {}});
  EXPECT_EQ(found.counts,
            (LedgerCounts{.listed = UINT32_MAX, .held = 10, .pending = UINT32_MAX - 10}));
  found = CompareLedger(Whole(UINT32_MAX, {}), {.uids = all, .window = {}});
  EXPECT_EQ(found.counts.missing, UINT32_MAX - 1);
  EXPECT_EQ(found.counts.pending, 1U);
  EXPECT_EQ(DescribeUids(found.missing), "1:4294967294");
  found = CompareLedger(Whole(UINT32_MAX, all), {.uids = {}, .window = {}});
  EXPECT_EQ(found.counts, (LedgerCounts{.stale = UINT32_MAX}));
}

TEST(LedgerComparisonTest, AnEmptyPromiseOfAnEmptyFolder) {
  EXPECT_EQ(CompareLedger({}, {}).counts, LedgerCounts());
  EXPECT_EQ(CompareLedger(Whole(1, {}), {.uids = Uids({{1, 1}}), .window = {}}).counts,
            (LedgerCounts{.listed = 1, .pending = 1}));
}

// Against one UID after the other.
TEST(LedgerComparisonTest, AgreesWithTheNaiveOneOnRandomSets) {
  SeededRandom random(7);
  const auto some = [&random](uint32_t one_in) {
    UidSet uids;
    for (Uid uid = 1; uid <= 60; ++uid) {
      if (random.Below(one_in) != 0) {
        uids.Add(uid);
      }
    }
    return uids;
  };
  for (int round = 0; round < 2000; ++round) {
    FolderPromise promise;
    promise.uid_next = static_cast<Uid>(random.Below(62));
    promise.window_complete = random.Below(4) != 0;
    promise.backfill_complete = promise.window_complete && random.Below(2) != 0;
    promise.ledger = some(6);
    promise.placed = promise.ledger.Intersect(some(9));
    SourceListing listing;
    listing.uids = some(5);
    listing.window = listing.uids.Intersect(some(2));
    listing.hides_messages = random.Below(8) == 0;
    LedgerCounts naive;
    UidSet missing;
    for (Uid uid = 1; uid <= 60; ++uid) {
      const bool placed = promise.placed.Contains(uid);
      if (!listing.uids.Contains(uid)) {
        naive.stale += placed ? 1 : 0;
        continue;
      }
      ++naive.listed;
      if (placed || promise.ledger.Contains(uid)) {
        ++(placed ? naive.held : naive.left_out);
      } else if (!promise.window_complete || uid >= promise.uid_next || listing.hides_messages) {
        ++naive.pending;
      } else if (promise.backfill_complete || listing.window.Contains(uid)) {
        ++naive.missing;
        missing.Add(uid);
      } else {
        ++naive.older;
      }
    }
    const LedgerComparison found = CompareLedger(promise, listing);
    ASSERT_EQ(found.counts, naive) << "round " << round;
    ASSERT_EQ(found.missing, missing) << "round " << round;
    ASSERT_EQ(found.counts.listed, Parts(found.counts));
  }
}

TEST(LedgerComparisonTest, OnlyTheFirstOfManyUidsAreTold) {
  UidSet odd;
  for (Uid uid = 1; uid < 4000; uid += 2) {
    odd.Add(uid);
  }
  const std::string told = DescribeUids(odd);
  EXPECT_TRUE(told.starts_with("1,3,5,")) << told;
  EXPECT_TRUE(told.ends_with(",39,...")) << told;
  EXPECT_EQ(DescribeUids({}), "");
}

}  // namespace
}  // namespace mailhaul::pipeline
