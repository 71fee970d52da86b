#include "tests/store/follow_fixture.h"

namespace mailhaul::store {
namespace {

constexpr int64_t kDay = 86'400'000;

// Further names of numbers: for POP3 servers without UIDL.
class MailStoreUidlNames : public FollowFixture {
 protected:
  static std::vector<UidlKey> KeysOf(const std::vector<std::string>& texts) {
    std::vector<UidlKey> keys;
    for (const std::string& text : texts) {
      const Sha256 hash = ComputeSha256(text);
      UidlKey& key = keys.emplace_back();
      std::copy_n(hash.begin(), key.size(), key.begin());
    }
    return keys;
  }
  std::vector<Uid> Assign(const std::vector<std::string>& texts, int64_t day) {
    return store_->AssignUidls(mailbox_, inbox_, KeysOf(texts), At(day * kDay)).value();
  }
  std::vector<Uid> Find(const std::vector<std::string>& texts) {
    return store_->FindUidls(mailbox_, inbox_, KeysOf(texts)).value();
  }
  Status Bind(const std::vector<std::string>& texts, const std::vector<Uid>& uids, int64_t day) {
    return store_->BindUidls(mailbox_, inbox_, KeysOf(texts), uids, At(day * kDay));
  }
};

using Uids = std::vector<Uid>;

TEST_F(MailStoreUidlNames, FindingRemembersNothing) {
  EXPECT_EQ(Find({"a", "b"}), (Uids{0, 0}));
  EXPECT_EQ(Assign({"b"}, 1000), Uids{1});
  EXPECT_EQ(Find({"a", "b"}), (Uids{0, 1}));
  EXPECT_EQ(Find({}), Uids{});
}

TEST_F(MailStoreUidlNames, ABoundKeyNamesItsNumberForGood) {
  EXPECT_EQ(Assign({"a", "b"}, 1000), (Uids{1, 2}));
  ASSERT_TRUE(Bind({"first", "second", "twin"}, {2, 1, 2}, 1000).ok());
  EXPECT_EQ(Find({"first", "second", "twin", "a"}), (Uids{2, 1, 2, 1}));
  ASSERT_TRUE(Bind({"first"}, {1}, 1000).ok());
  Reopen();
  EXPECT_EQ(Find({"first", "second"}), (Uids{1, 1}));
  EXPECT_EQ(Assign({"twin", "new"}, 1001), (Uids{2, 3}));
}

TEST_F(MailStoreUidlNames, AnUnusedNameIsForgottenLikeAnyKey) {
  Assign({"a"}, 1000);
  ASSERT_TRUE(Bind({"name"}, {1}, 1000).ok());
  Assign({"a"}, 1060);
  EXPECT_EQ(Find({"name"}), Uids{1});
  Assign({"a"}, 1121);
  EXPECT_EQ(Find({"name", "a"}), (Uids{0, 1}));
}

TEST_F(MailStoreUidlNames, ManyNamesTakeSeveralBatches) {
  Assign({"a"}, 1000);
  std::vector<std::string> names;
  for (int i = 0; i < 40'000; ++i) {
    names.push_back(std::to_string(i));
  }
  const uint64_t commits = records_.commits();
  ASSERT_TRUE(Bind(names, Uids(names.size(), 1), 1000).ok());
  EXPECT_GT(records_.commits(), commits + 1);
  EXPECT_EQ(Find(names), Uids(names.size(), 1));
}

}  // namespace
}  // namespace mailhaul::store
