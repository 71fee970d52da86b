#include "connectors/imap/fetch_plan.h"

#include <gtest/gtest.h>

#include <vector>

#include "connectors/imap/imap_session.h"

namespace mailhaul::imap {
namespace {

std::vector<size_t> BatchSizes(const std::vector<uint64_t>& sizes) {
  std::vector<MessageMeta> metas(sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) {
    metas[i].uid = static_cast<Uid>(i + 1);
    metas[i].size = sizes[i];
  }
  std::span<const MessageMeta> rest(metas);
  std::vector<size_t> batches;
  while (!rest.empty()) {
    const std::span<const MessageMeta> batch = TakeBodyBatch(rest, kUidSetBytesMax);
    batches.push_back(batch.size());
    rest = rest.subspan(batch.size());
  }
  return batches;
}

using Sizes = std::vector<size_t>;

TEST(FetchPlanTest, PacksMessagesUpToTheByteLimit) {
  constexpr uint64_t kHalf = kBatchBytesMax / 2;
  EXPECT_EQ(BatchSizes({kHalf, kHalf, kHalf}), Sizes({2, 1}));
  EXPECT_EQ(BatchSizes({kHalf, kHalf + 1, 1}), Sizes({1, 2}));
}

TEST(FetchPlanTest, AMessageAboveTheLimitTravelsAlone) {
  EXPECT_EQ(BatchSizes({10, kBatchBytesMax + 1, 10, 10}), Sizes({1, 1, 2}));
  EXPECT_EQ(BatchSizes({UINT64_MAX, UINT64_MAX, 1}), Sizes({1, 1, 1}));
}

TEST(FetchPlanTest, PacksNoMoreThanTheMessageLimit) {
  EXPECT_EQ(BatchSizes(std::vector<uint64_t>(kBatchMessagesMax * 2 + 1, 0)),
            Sizes({kBatchMessagesMax, kBatchMessagesMax, 1}));
}

UidSet Joined(const std::deque<UidSet>& sets) {
  UidSet all;
  for (const UidSet& set : sets) {
    all.AddAll(set);
  }
  return all;
}

TEST(FetchPlanTest, SplitsALongRangeByMembers) {
  UidSet uids;
  uids.AddRange({5, 2504});
  const std::deque<UidSet> sets = SplitUids(uids, kMetaMessagesMax, kUidSetBytesMax);
  ASSERT_EQ(sets.size(), 3U);
  EXPECT_EQ(sets[0].ToSequenceSet(), "5:1004");
  EXPECT_EQ(sets[1].ToSequenceSet(), "1005:2004");
  EXPECT_EQ(sets[2].ToSequenceSet(), "2005:2504");
}

TEST(FetchPlanTest, SplitsScatteredUidsByTheLengthOfTheCommand) {
  UidSet uids;
  for (Uid uid = 4'000'000'001; uid < 4'000'003'001; uid += 2) {
    uids.Add(uid);
  }
  const std::deque<UidSet> sets = SplitUids(uids, kMetaMessagesMax, kUidSetBytesMax);
  EXPECT_GT(sets.size(), 1U);
  for (const UidSet& set : sets) {
    EXPECT_LE(set.ToSequenceSet().size(), kUidSetBytesMax);
    EXPECT_LE(set.size(), kMetaMessagesMax);
  }
  EXPECT_EQ(Joined(sets), uids);
}

TEST(FetchPlanTest, ReachesTheLastUidWithoutOverflow) {
  UidSet uids;
  uids.AddRange({UINT32_MAX - 1500, UINT32_MAX});
  EXPECT_EQ(Joined(SplitUids(uids, kMetaMessagesMax, kUidSetBytesMax)), uids);
}

TEST(FetchPlanTest, NothingToAskGivesNoCommand) {
  EXPECT_TRUE(SplitUids(UidSet(), kMetaMessagesMax, kUidSetBytesMax).empty());
}

TEST(FetchPlanTest, KeepsToShortCommandLines) {
  EXPECT_EQ(UidSetBytes(4096 + 1000), kUidSetBytesMax);
  EXPECT_LT(UidSetBytes(1000), 1000U);
  EXPECT_GT(UidSetBytes(0), 0U);
  UidSet uids;
  for (Uid uid = 4'000'000'001; uid < 4'000'001'001; uid += 3) {
    uids.Add(uid);
  }
  const std::deque<UidSet> sets = SplitUids(uids, kMetaMessagesMax, 200);
  for (const UidSet& set : sets) {
    EXPECT_LE(set.ToSequenceSet().size(), 200U);
  }
  EXPECT_EQ(Joined(sets), uids);
  const std::vector<MessageMeta> metas(100);
  EXPECT_EQ(TakeBodyBatch(metas, 200).size(), 18U);
  EXPECT_EQ(TakeBodyBatch(metas, 0).size(), 1U);
}

}  // namespace
}  // namespace mailhaul::imap
