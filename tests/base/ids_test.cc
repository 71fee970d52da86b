#include "base/ids.h"

#include <gtest/gtest.h>

#include <unordered_set>

namespace mailhaul {
namespace {

TEST(IdsTest, AnIdCarriesItsShardAndSequence) {
  const MailboxId id = MailboxId::Make(0xABCD, 0x123456789ABC);
  EXPECT_EQ(id.value, 0xABCD123456789ABCU);
  EXPECT_EQ(id.shard(), 0xABCD);
  EXPECT_EQ(id.sequence(), 0x123456789ABCU);
  EXPECT_EQ(MessageId::Make(1, uint64_t{1} << 48).sequence(), 0U);
  EXPECT_LT(MessageId::Make(1, 2), MessageId::Make(1, 3));
}

TEST(IdsTest, TextGoesBothWays) {
  EXPECT_EQ(FormatId(0), "0000000000000000");
  EXPECT_EQ(FormatId(0xABCD123456789ABC), "abcd123456789abc");
  EXPECT_EQ(*ParseId("abcd123456789abc"), 0xABCD123456789ABCU);
  EXPECT_EQ(*ParseId("ffffffffffffffff"), UINT64_MAX);
}

TEST(IdsTest, OtherTextIsNotFound) {
  for (const char* const text :
       {"", "1", "0x00000000000000", "abcd123456789abcd", "-000000000000001", "+000000000000001",
        " 00000000000001 ", "g000000000000000"}) {
    EXPECT_EQ(ParseId(text).status().code(), Code::kNotFound) << text;
  }
}

TEST(IdsTest, IdsHash) {
  std::unordered_set<MessageId> ids;
  for (uint64_t i = 0; i < 1000; ++i) {
    ids.insert(MessageId::Make(7, i));
  }
  EXPECT_EQ(ids.size(), 1000U);
  EXPECT_TRUE(ids.contains(MessageId::Make(7, 999)));
}

}  // namespace
}  // namespace mailhaul
