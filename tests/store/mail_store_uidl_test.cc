#include "store/key_layout.h"
#include "store/mail_store_cache.h"
#include "tests/store/follow_fixture.h"

namespace mailhaul::store {
namespace {

constexpr int64_t kDay = 86'400'000;

UidlKey KeyOf(const std::string& uidl) {
  const Sha256 hash = ComputeSha256(uidl);
  UidlKey key;
  std::copy_n(hash.begin(), key.size(), key.begin());
  return key;
}

class MailStoreUidl : public FollowFixture {
 protected:
  std::vector<Uid> Assign(const std::vector<std::string>& uidls, int64_t day) {
    std::vector<UidlKey> keys;
    keys.reserve(uidls.size());
    for (const std::string& uidl : uidls) {
      keys.push_back(KeyOf(uidl));
    }
    const Result<std::vector<Uid>> uids =
        store_->AssignUidls(mailbox_, inbox_, keys, At(day * kDay));
    EXPECT_TRUE(uids.ok()) << uids.status().ToString();
    return uids.ok() ? *uids : std::vector<Uid>();
  }
  size_t StoredKeys() {
    size_t rows = 0;
    const auto count = [&rows](std::string_view /*key*/, std::string_view /*value*/) {
      ++rows;
      return Status::Ok();
    };
    EXPECT_TRUE(VisitRows(records_, UidlPrefix(mailbox_, inbox_), count).ok());
    return rows;
  }
};

using Uids = std::vector<Uid>;

TEST_F(MailStoreUidl, NumbersAreGivenInOrderAndKept) {
  EXPECT_EQ(Assign({"b", "a", "c"}, 1000), (Uids{1, 2, 3}));
  EXPECT_EQ(Assign({"c", "new", "a"}, 1001), (Uids{3, 4, 2}));
  Reopen();
  EXPECT_EQ(Assign({"b", "newer", "new"}, 1002), (Uids{1, 5, 4}));
  EXPECT_EQ(Assign({}, 1003), Uids{});
}

TEST_F(MailStoreUidl, AKeyThatIsListedTwiceHasOneNumber) {
  EXPECT_EQ(Assign({"a", "b", "a", "c", "b"}, 1000), (Uids{1, 2, 1, 3, 2}));
}

TEST_F(MailStoreUidl, EachFolderCountsForItself) {
  EXPECT_EQ(Assign({"a", "b"}, 1000), (Uids{1, 2}));
  const std::vector<UidlKey> keys = {KeyOf("b")};
  EXPECT_EQ(*store_->AssignUidls(mailbox_, archive_, keys, At(0)), Uids{1});
  EXPECT_EQ(store_->AssignUidls(mailbox_, 77, keys, At(0)).status().code(), Code::kNotFound);
}

TEST_F(MailStoreUidl, AnUnchangedListWritesNothingForThirtyDays) {
  Assign({"a", "b"}, 1000);
  const uint64_t commits = records_.commits();
  EXPECT_EQ(Assign({"b", "a"}, 1030), (Uids{2, 1}));
  EXPECT_EQ(records_.commits(), commits);
  EXPECT_EQ(Assign({"b", "a"}, 1031), (Uids{2, 1}));
  EXPECT_EQ(records_.commits(), commits + 1);
  EXPECT_EQ(Assign({"b", "a"}, 1061), (Uids{2, 1}));
  EXPECT_EQ(records_.commits(), commits + 1);
}

TEST_F(MailStoreUidl, WhatIsNoLongerListedIsForgottenAfterNinetyDays) {
  Assign({"kept", "lost"}, 1000);
  Assign({"kept"}, 1060);
  Assign({"kept"}, 1120);
  EXPECT_EQ(StoredKeys(), 2U);
  EXPECT_EQ(Assign({"kept", "lost"}, 1120), (Uids{1, 2})) << "not yet";
  Assign({"kept"}, 1240);
  EXPECT_EQ(StoredKeys(), 2U);
  Assign({"kept"}, 1241);
  EXPECT_EQ(StoredKeys(), 1U);
  EXPECT_EQ(Assign({"kept", "lost"}, 1242), (Uids{1, 3})) << "a number is never used again";
}

TEST_F(MailStoreUidl, AfterALongPauseNothingThatIsListedIsForgotten) {
  Assign({"a", "b"}, 1000);
  EXPECT_EQ(Assign({"b", "a"}, 5000), (Uids{2, 1}));
  EXPECT_EQ(StoredKeys(), 2U);
}

TEST_F(MailStoreUidl, ForgettingIsBounded) {
  std::vector<std::string> uidls;
  for (size_t i = 0; i < kUidlsForgottenMax + 10; ++i) {
    uidls.push_back(std::to_string(i));
  }
  Assign(uidls, 1000);
  Assign({}, 2000);
  EXPECT_EQ(StoredKeys(), 10U);
  Assign({}, 2000);
  EXPECT_EQ(StoredKeys(), 0U);
}

TEST_F(MailStoreUidl, ManyNewKeysTakeSeveralBatches) {
  std::vector<std::string> uidls;
  for (Uid uid = 1; uid <= 40'000; ++uid) {
    uidls.push_back(std::to_string(uid));
  }
  const uint64_t commits = records_.commits();
  const Uids uids = Assign(uidls, 1000);
  EXPECT_GT(records_.commits(), commits + 1);
  for (Uid uid = 1; uid <= uids.size(); ++uid) {
    ASSERT_EQ(uids[uid - 1], uid);
  }
  std::reverse(uidls.begin(), uidls.end());
  EXPECT_EQ(Assign(uidls, 1040).front(), 40'000U);
  EXPECT_EQ(StoredKeys(), 40'000U);
}

TEST_F(MailStoreUidl, NumbersDoNotWrapAround) {
  Assign({"a"}, 1000);
  const std::string key = FolderKey(mailbox_, inbox_);
  FolderState folder = DecodeFolder(inbox_, **records_.Get(key)).value();
  folder.uidl_next = UINT32_MAX - 1;
  records_.Tamper(key, EncodeFolder(folder));
  Reopen();
  EXPECT_EQ(Assign({"a", "b"}, 1000), (Uids{1, UINT32_MAX - 1}));
  const std::vector<UidlKey> keys = {KeyOf("b"), KeyOf("c")};
  EXPECT_EQ(store_->AssignUidls(mailbox_, inbox_, keys, At(0)).status().code(),
            Code::kResourceExhausted);
  EXPECT_EQ(Assign({"b"}, 1000), Uids{UINT32_MAX - 1});
}

TEST_F(MailStoreUidl, ADamagedRowIsNamed) {
  Assign({"a"}, 1000);
  records_.Tamper(UidlKeyOf(mailbox_, inbox_, KeyOf("a")), "short");
  EXPECT_EQ(store_->AssignUidls(mailbox_, inbox_, {}, At(0)).status().code(), Code::kCorrupt);
  records_.Tamper(UidlKeyOf(mailbox_, inbox_, KeyOf("a")), std::nullopt);
}

class MailStoreRenumbered : public FollowFixture {
 protected:
  IngestBatch AppendListed(std::vector<IngestMessage> messages, UidSet listed) {
    IngestBatch batch = BatchOf(std::move(messages));
    batch.listed = std::move(listed);
    const Status status = Append(batch);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return batch;
  }
  static UidSet Range(Uid first, Uid last) {
    UidSet set;
    set.AddRange({.first = first, .last = last});
    return set;
  }
};

TEST_F(MailStoreRenumbered, MessagesUnderNewNumbersKeepTheirIds) {
  AppendListed({MessageOf(1, "one"), MessageOf(2, "two")}, Range(1, 2));
  const MessageId one = Only("one").id;
  const IngestBatch batch =
      AppendListed({MessageOf(3, "one"), MessageOf(4, "two"), MessageOf(5, "three")}, Range(3, 5));
  EXPECT_EQ(batch.relinked, 2U);
  EXPECT_EQ(batch.stored, 1U);
  EXPECT_EQ(Only("one").id, one);
  EXPECT_EQ(Only("one").uid, 3U);
  EXPECT_EQ(PlacedUids(inbox_), "3:5");
}

TEST_F(MailStoreRenumbered, ATwinThatIsListedIsAnotherMessage) {
  AppendListed({MessageOf(1, "twin")}, Range(1, 1));
  EXPECT_EQ(AppendListed({MessageOf(2, "twin"), MessageOf(3, "twin")}, Range(1, 3)).stored, 2U);
  // One of three was renumbered.
  const IngestBatch batch = AppendListed({MessageOf(4, "twin")}, [] {
    UidSet listed;
    listed.Add(1);
    listed.AddRange({.first = 3, .last = 4});
    return listed;
  }());
  EXPECT_EQ(batch.relinked, 1U);
  EXPECT_EQ(PlacedUids(inbox_), "1,3:4");
}

TEST_F(MailStoreRenumbered, ManyTwinsAreAllRenumbered) {
  std::vector<IngestMessage> messages;
  std::vector<IngestMessage> renumbered;
  for (Uid uid = 1; uid <= 300; ++uid) {
    messages.push_back(MessageOf(uid, "twin"));
    renumbered.push_back(MessageOf(uid + 300, "twin"));
  }
  AppendListed(std::move(messages), Range(1, 300));
  EXPECT_EQ(AppendListed(std::move(renumbered), Range(301, 600)).relinked, 300U);
  EXPECT_EQ(PlacedUids(inbox_), "301:600");
  EXPECT_EQ(ListMailbox().size(), 300U);
}

TEST_F(MailStoreRenumbered, AGoneMessageThatComesBackIsTheSame) {
  AppendListed({MessageOf(1, "one")}, Range(1, 1));
  const MessageId id = Only("one").id;
  Vanish(1, 1);
  EXPECT_EQ(AppendListed({MessageOf(2, "one")}, Range(2, 2)).relinked, 1U);
  EXPECT_EQ(Only("one").id, id);
}

}  // namespace
}  // namespace mailhaul::store
