#include "store/ledger.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace mailhaul::store {
namespace {

constexpr size_t kNoLimit = size_t{1} << 30;

// Rows as a store would hold them.
class LedgerRows {
 public:
  void Apply(Ledger& ledger) {
    for (Ledger::Change& change : ledger.TakeChanges()) {
      const auto row = rows_.find(change.start);
      if (change.before) {
        ASSERT_NE(row, rows_.end());
        EXPECT_EQ(row->second, *change.before);
      } else {
        EXPECT_EQ(row, rows_.end());
      }
      EXPECT_LE(change.after.size(), kLedgerSegmentBytesMax);
      rows_[change.start] = change.after;
    }
  }
  Ledger Load() const {
    Ledger ledger;
    for (const auto& [start, value] : rows_) {
      EXPECT_TRUE(ledger.Load(start, value).ok());
    }
    return ledger;
  }
  UidSet All() const {
    UidSet all;
    for (const auto& [start, value] : rows_) {
      all.AddAll(DecodeLedgerSegment(value).value());
    }
    return all;
  }
  size_t count() const { return rows_.size(); }
  std::map<Uid, std::string>& rows() { return rows_; }

 private:
  std::map<Uid, std::string> rows_;
};

TEST(Ledger, RandomAdditionsAgreeWithAUidSetAcrossReloads) {
  SeededRandom random(7);
  LedgerRows rows;
  UidSet expected;
  for (int round = 0; round < 40; ++round) {
    Ledger ledger = rows.Load();
    for (int i = 0; i < 500; ++i) {
      const Uid first = static_cast<Uid>(1 + random.Below(60000));
      const UidRange range{.first = first, .last = first + static_cast<Uid>(random.Below(3))};
      EXPECT_EQ(ledger.Add(range, kNoLimit), range.last);
      expected.AddRange(range);
      EXPECT_TRUE(ledger.Contains(range.last));
    }
    rows.Apply(ledger);
    ASSERT_EQ(rows.All(), expected);
  }
}

TEST(Ledger, EverySecondUidDownwardsSplitsIntoBoundedSegments) {
  LedgerRows rows;
  Ledger ledger;
  UidSet expected;
  for (Uid uid = 40000; uid > 1; uid -= 2) {
    ledger.Add({.first = uid, .last = uid}, kNoLimit);
    expected.Add(uid);
  }
  rows.Apply(ledger);
  EXPECT_GE(rows.count(), 5U);
  EXPECT_EQ(rows.All(), expected);
}

TEST(Ledger, AChangeRewritesOnlyItsSegment) {
  LedgerRows rows;
  Ledger ledger;
  for (Uid uid = 2; uid <= 40000; uid += 2) {
    ledger.Add({.first = uid, .last = uid}, kNoLimit);
  }
  rows.Apply(ledger);
  ledger.Add({.first = 20001, .last = 20001}, kNoLimit);
  EXPECT_LE(ledger.pending_bytes(), kLedgerSegmentBytesMax + 100);
  EXPECT_EQ(ledger.TakeChanges().size(), 1U);
}

TEST(Ledger, AddingWhatIsThereChangesNothing) {
  Ledger ledger;
  ledger.Add({.first = 5, .last = 90}, kNoLimit);
  ledger.TakeChanges();
  ledger.Add({.first = 6, .last = 90}, kNoLimit);
  EXPECT_EQ(ledger.pending_bytes(), 0U);
  EXPECT_TRUE(ledger.TakeChanges().empty());
}

TEST(Ledger, AWideRangeStopsWhenEnoughIsPendingAndGoesOnThere) {
  LedgerRows rows;
  Ledger ledger;
  for (Uid uid = 2; uid <= 40000; uid += 2) {
    ledger.Add({.first = uid, .last = uid}, kNoLimit);
  }
  rows.Apply(ledger);
  Uid next = 1;
  int steps = 0;
  while (next <= 50000) {
    next = ledger.Add({.first = next, .last = 50000}, 1) + 1;
    rows.Apply(ledger);
    ++steps;
  }
  EXPECT_GE(steps, 5);
  UidSet expected;
  expected.AddRange({.first = 1, .last = 50000});
  EXPECT_EQ(rows.All(), expected);
}

TEST(Ledger, TheGreatestUidIsHeld) {
  Ledger ledger;
  EXPECT_EQ(ledger.Add({.first = 1, .last = UINT32_MAX}, kNoLimit), UINT32_MAX);
  EXPECT_TRUE(ledger.Contains(UINT32_MAX));
  EXPECT_TRUE(ledger.Contains(1));
}

TEST(Ledger, DamagedSegmentsAreRefused) {
  UidSet set;
  set.AddRange({.first = 3, .last = 9});
  set.Add(20);
  const std::string good = EncodeLedgerSegment(set);
  EXPECT_EQ(DecodeLedgerSegment(good).value(), set);
  EXPECT_EQ(DecodeLedgerSegment(good.substr(1)).status().code(), Code::kCorrupt);
  const std::string swapped = good.substr(8) + good.substr(0, 8);
  EXPECT_EQ(DecodeLedgerSegment(swapped).status().code(), Code::kCorrupt);
  const std::string zero(8, '\0');
  EXPECT_EQ(DecodeLedgerSegment(zero).status().code(), Code::kCorrupt);
  const std::string long_value(kLedgerSegmentBytesMax + 8, '\1');
  EXPECT_EQ(DecodeLedgerSegment(long_value).status().code(), Code::kCorrupt);
}

TEST(Ledger, OverlappingSegmentsAreRefused) {
  UidSet low;
  low.AddRange({.first = 1, .last = 50});
  UidSet high;
  high.Add(60);
  Ledger ledger;
  ASSERT_TRUE(ledger.Load(1, EncodeLedgerSegment(low)).ok());
  EXPECT_EQ(ledger.Load(40, EncodeLedgerSegment(high)).code(), Code::kCorrupt);
  EXPECT_EQ(ledger.Load(61, EncodeLedgerSegment(high)).code(), Code::kCorrupt);
  EXPECT_TRUE(ledger.Load(51, EncodeLedgerSegment(high)).ok());
}

}  // namespace
}  // namespace mailhaul::store
