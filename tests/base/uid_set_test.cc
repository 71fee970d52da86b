#include "base/uid_set.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random.h"

namespace mailhaul {
namespace {

using Model = std::set<Uid>;

UidSet Of(std::initializer_list<UidRange> ranges) {
  UidSet set;
  for (const UidRange range : ranges) {
    set.AddRange(range);
  }
  return set;
}

void ExpectEqual(const UidSet& set, const Model& model) {
  ASSERT_EQ(set.ToVector(), std::vector<Uid>(model.begin(), model.end()));
  EXPECT_EQ(set.size(), model.size());
  EXPECT_EQ(set.empty(), model.empty());
  EXPECT_EQ(set.min(), model.empty() ? 0 : *model.begin());
  EXPECT_EQ(set.max(), model.empty() ? 0 : *model.rbegin());
  for (size_t i = 1; i < set.ranges().size(); ++i) {
    // Sorted, disjoint and not adjacent: equal sets have equal ranges.
    ASSERT_GT(set.ranges()[i].first, uint64_t{set.ranges()[i - 1].last} + 1);
  }
}

struct Pair {
  UidSet set;
  Model model;
};

Pair RandomPair(SeededRandom& random, Uid universe, int ranges) {
  Pair pair;
  for (int i = 0; i < ranges; ++i) {
    const auto first = static_cast<Uid>(1 + random.Below(universe));
    const auto last = static_cast<Uid>(std::min<uint64_t>(universe, first + random.Below(6)));
    pair.set.AddRange({first, last});
    for (Uid uid = first; uid <= last; ++uid) {
      pair.model.insert(uid);
    }
  }
  return pair;
}

TEST(UidSetTest, RandomSetsBehaveLikeSets) {
  SeededRandom random(20);
  for (int round = 0; round < 2000; ++round) {
    const auto universe = static_cast<Uid>(5 + random.Below(80));
    Pair a = RandomPair(random, universe, static_cast<int>(random.Below(15)));
    const Pair b = RandomPair(random, universe, static_cast<int>(random.Below(15)));
    ExpectEqual(a.set, a.model);
    Model both;
    Model minus;
    for (const Uid uid : a.model) {
      (b.model.contains(uid) ? both : minus).insert(uid);
    }
    ExpectEqual(a.set.Intersect(b.set), both);
    ExpectEqual(a.set.Minus(b.set), minus);
    for (Uid uid = 1; uid <= universe; ++uid) {
      ASSERT_EQ(a.set.Contains(uid), a.model.contains(uid));
    }
    const uint64_t count = random.Below(universe + 2);
    Model greatest;
    for (auto it = a.model.rbegin(); it != a.model.rend() && greatest.size() < count; ++it) {
      greatest.insert(*it);
    }
    ExpectEqual(a.set.Greatest(count), greatest);
    UidSet removed = a.set;
    removed.Remove(b.set);
    EXPECT_EQ(removed, a.set.Minus(b.set));
    a.set.AddAll(b.set);
    a.model.insert(b.model.begin(), b.model.end());
    ExpectEqual(a.set, a.model);
  }
}

TEST(UidSetTest, TheGreatestUidsDoNotOverflow) {
  constexpr Uid kMax = UINT32_MAX;
  UidSet set = Of({{kMax - 2, kMax}});
  set.Add(1);
  EXPECT_EQ(set.size(), 4U);
  EXPECT_TRUE(set.Contains(kMax));
  EXPECT_EQ(set.Greatest(2), Of({{kMax - 1, kMax}}));
  EXPECT_EQ(Of({{1, kMax}}).size(), uint64_t{kMax});
  EXPECT_EQ(Of({{1, kMax}}).Minus(Of({{kMax, kMax}})), Of({{1, kMax - 1}}));
  EXPECT_EQ(Of({{1, kMax}}).Minus(Of({{1, kMax}})), UidSet());
  set.AddRange({1, kMax});
  EXPECT_EQ(set, Of({{1, kMax}}));
  EXPECT_EQ(set.ToSequenceSet(), "1:4294967295");
}

TEST(UidSetTest, NeighboursMergeInAnyOrder) {
  EXPECT_EQ(Of({{1, 1}, {3, 3}, {2, 2}}), Of({{1, 3}}));
  EXPECT_EQ(Of({{5, 9}, {1, 4}}), Of({{1, 9}}));
  EXPECT_EQ(Of({{10, 20}, {30, 40}, {5, 50}}), Of({{5, 50}}));
}

TEST(UidSetTest, PrintsAsASequenceSet) {
  EXPECT_EQ(UidSet().ToSequenceSet(), "");
  EXPECT_EQ(Of({{1, 3}, {7, 7}, {9, 10}}).ToSequenceSet(), "1:3,7,9:10");
}

TEST(UidSetDeathTest, UidZeroIsADefect) {
  UidSet set;
  EXPECT_DEATH(set.Add(0), "internal error");
  EXPECT_DEATH(set.AddRange({5, 4}), "internal error");
}

}  // namespace
}  // namespace mailhaul
