#include "store/key_layout.h"

#include <gtest/gtest.h>

#include <vector>

namespace mailhaul::store {
namespace {

WallTime At(int64_t milliseconds) { return WallTime(std::chrono::milliseconds(milliseconds)); }

TEST(KeyLayout, LaterDatesSortBeforeEarlierOnesAlsoAround1970) {
  const MailboxId mailbox = MailboxId::Make(7, 1);
  const MessageId id = MessageId::Make(7, 5);
  const std::vector<int64_t> newest_first = {INT64_MAX, 1700000000000, 1, 0, -1, -5000, INT64_MIN};
  for (size_t i = 0; i + 1 < newest_first.size(); ++i) {
    EXPECT_LT(MailboxDateKey({1}, mailbox, At(newest_first[i]), id),
              MailboxDateKey({1}, mailbox, At(newest_first[i + 1]), id));
  }
}

TEST(KeyLayout, OfOneDateTheGreatestIdSortsFirst) {
  const MailboxId mailbox = MailboxId::Make(7, 1);
  EXPECT_LT(MailboxDateKey({1}, mailbox, At(9), MessageId::Make(7, 300)),
            MailboxDateKey({1}, mailbox, At(9), MessageId::Make(7, 255)));
}

TEST(KeyLayout, ADatePositionComesBackFromItsKey) {
  const MessageId id = MessageId::Make(65535, 0x123456789ABC);
  const DatePosition position = ReadDatePosition(TenantDateKey(65535, {3}, At(-77), id));
  EXPECT_EQ(position.received, At(-77));
  EXPECT_EQ(position.id, id);
}

TEST(KeyLayout, EveryKeyNamesItsShard) {
  const MailboxId mailbox = MailboxId::Make(0xABCD, 1);
  const MessageId id = MessageId::Make(0xABCD, 2);
  const Sha256 hash{};
  for (const std::string& key :
       {ShardSequenceKey(0xABCD), MailboxKey(mailbox), FolderKey(mailbox, 1),
        LedgerKey(mailbox, 1, 2, 3), ContentKey(id), PlacementKey(id),
        MailboxDateKey({1}, mailbox, At(0), id), TenantDateKey(0xABCD, {1}, At(0), id),
        ContentHashKey({1}, mailbox, 1, hash, 2, id), UidKey(mailbox, 1, 2, 3),
        BlobKey(0xABCD, {1}, hash), ChangeKey(0xABCD, {1}, 4)}) {
    EXPECT_EQ(ShardOfKey(key), 0xABCD);
  }
}

TEST(KeyLayout, UidsOfOneFolderSortByNumber) {
  const MailboxId mailbox = MailboxId::Make(1, 1);
  EXPECT_LT(UidKey(mailbox, 1, 9, 255), UidKey(mailbox, 1, 9, 256));
  EXPECT_LT(UidKey(mailbox, 1, 9, UINT32_MAX), UidKey(mailbox, 2, 1, 1));
}

TEST(KeyLayout, PrefixEndLiesBehindEveryKeyOfThePrefix) {
  EXPECT_EQ(PrefixEnd("ab"), "ac");
  EXPECT_EQ(PrefixEnd(std::string("a\xff\xff")), "b");
  EXPECT_GT(PrefixEnd("a"), std::string("a") + std::string(100, '\xff'));
}

}  // namespace
}  // namespace mailhaul::store
