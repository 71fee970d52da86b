#include <algorithm>
#include <set>

#include "base/random.h"
#include "tests/store/mail_store_fixture.h"

namespace mailhaul::store {
namespace {

class MailStorePaging : public MailStoreFixture {
 protected:
  MessageQuery Query(size_t limit = 100) const {
    MessageQuery query;
    query.tenant = tenant_;
    query.mailbox = mailbox_;
    query.limit = limit;
    return query;
  }
  static std::vector<Uid> Uids(const std::vector<StoredMessage>& messages) {
    std::vector<Uid> uids;
    for (const StoredMessage& message : messages) {
      uids.push_back(message.uid);
    }
    return uids;
  }
  static void ExpectNewestFirst(const std::vector<StoredMessage>& all) {
    for (size_t i = 0; i + 1 < all.size(); ++i) {
      EXPECT_TRUE(all[i].internal_date > all[i + 1].internal_date ||
                  (all[i].internal_date == all[i + 1].internal_date && all[i + 1].id < all[i].id));
    }
  }
};

TEST_F(MailStorePaging, PagesOfEverySizeShowEachMessageOnceNewestFirst) {
  Onboard();
  std::vector<IngestMessage> messages;
  for (Uid uid = 1; uid <= 57; ++uid) {
    messages.push_back(MessageOf(uid, "body " + std::to_string(uid)));
    messages.back().internal_date = At((uid * 31 % 7) * 1000);  // Many of equal date.
  }
  AppendOk(messages);
  for (const size_t limit : {1, 2, 7, 56, 57, 58, 1000}) {
    const std::vector<StoredMessage> all = ListAll(Query(limit));
    EXPECT_EQ(all.size(), 57U);
    ExpectNewestFirst(all);
  }
}

TEST_F(MailStorePaging, MoreIsSaidOnlyWhenThereIsMore) {
  Onboard();
  AppendOk({MessageOf(1, "1"), MessageOf(2, "2"), MessageOf(3, "3")});
  EXPECT_TRUE(store_->ListMessages(Query(2))->more);
  EXPECT_FALSE(store_->ListMessages(Query(3))->more);
}

TEST_F(MailStorePaging, BoundsAreInclusiveAfterAndExclusiveBefore) {
  Onboard();
  AppendOk({MessageOf(1, "1"), MessageOf(2, "2"), MessageOf(3, "3"), MessageOf(4, "4")});
  MessageQuery query = Query();
  query.after = At(2000);
  query.before = At(4000);
  EXPECT_EQ(Uids(ListAll(query)), (std::vector<Uid>{3, 2}));
  query.limit = 1;
  EXPECT_EQ(Uids(ListAll(query)), (std::vector<Uid>{3, 2}));
  query.before = At(2000);
  EXPECT_TRUE(ListAll(query).empty());
}

TEST_F(MailStorePaging, OneFolderIsFoundAmongManyMessagesOfOthers) {
  Onboard();
  std::vector<IngestMessage> messages;
  for (Uid uid = 1; uid <= 3000; ++uid) {
    messages.push_back(MessageOf(uid, "x"));
  }
  AppendOk(messages);
  const FolderId sent = store_->EnsureFolder(mailbox_, "Sent", "sent").value();
  IngestBatch old = BatchOf({MessageOf(1, "y"), MessageOf(2, "z")});
  old.folder = sent;
  ASSERT_TRUE(Append(old).ok());
  MessageQuery query = Query(1);
  query.folder = sent;
  EXPECT_EQ(Uids(ListAll(query)), (std::vector<Uid>{2, 1}));
  query.folder = 77;
  EXPECT_TRUE(ListAll(query).empty());
}

TEST_F(MailStorePaging, PagingWhileMessagesArriveNeitherRepeatsNorSkips) {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    Onboard();
    SeededRandom random(seed);
    Uid next = Inbox().messages == 0 ? 1 : static_cast<Uid>(Inbox().messages) + 1;
    const auto append = [&](uint64_t count) {
      std::vector<IngestMessage> messages;
      for (uint64_t i = 0; i < count; ++i, ++next) {
        messages.push_back(MessageOf(next, "body " + std::to_string(next)));
        messages.back().internal_date = At(static_cast<int64_t>(random.Below(50)));
      }
      AppendOk(messages);
    };
    append(60);
    std::set<MessageId> expected;
    for (const StoredMessage& message : ListMailbox()) {
      expected.insert(message.id);
    }
    std::vector<StoredMessage> seen;
    MessageQuery query = Query(7);
    for (bool more = true; more;) {
      const MessagePage page = store_->ListMessages(query).value();
      ASSERT_FALSE(page.items.empty());
      seen.insert(seen.end(), page.items.begin(), page.items.end());
      query.cursor_date = seen.back().internal_date;
      query.cursor_id = seen.back().id;
      more = page.more;
      append(random.Below(4));
    }
    ExpectNewestFirst(seen);
    std::set<MessageId> ids;
    for (const StoredMessage& message : seen) {
      EXPECT_TRUE(ids.insert(message.id).second);
    }
    EXPECT_TRUE(std::includes(ids.begin(), ids.end(), expected.begin(), expected.end()));
  }
}

TEST_F(MailStorePaging, ATenantsPagesMergeItsShardsAndShowNobodyElses) {
  tenant_ = store_->EnsureTenant("large").value();
  std::vector<MailStore::NewMailbox> names;
  for (int i = 0; i < 600; ++i) {
    names.push_back({.name = "m" + std::to_string(i), .address = "m@x"});
  }
  const std::vector<MailboxId> ids = store_->EnsureMailboxes(tenant_, names).value();
  SeededRandom random(4);
  for (const size_t i : {0, 1, 300, 599}) {
    mailbox_ = ids[i];
    inbox_ = store_->EnsureFolder(mailbox_, "INBOX", "inbox").value();
    std::vector<IngestMessage> messages;
    for (Uid uid = 1; uid <= 25; ++uid) {
      messages.push_back(MessageOf(uid, std::to_string(i) + " " + std::to_string(uid)));
      messages.back().internal_date = At(static_cast<int64_t>(random.Below(20)));
    }
    AppendOk(messages);
  }
  MessageQuery query;
  query.tenant = tenant_;
  for (const size_t limit : {1, 9, 100, 1000}) {
    query.limit = limit;
    const std::vector<StoredMessage> all = ListAll(query);
    EXPECT_EQ(all.size(), 100U);
    ExpectNewestFirst(all);
  }
  const TenantId other = store_->EnsureTenant("other").value();
  query.tenant = other;
  EXPECT_TRUE(ListAll(query).empty());
  query.mailbox = mailbox_;  // Another tenant's.
  EXPECT_TRUE(ListAll(query).empty());
}

TEST_F(MailStorePaging, ImpossibleQueriesAreRefused) {
  Onboard();
  EXPECT_EQ(store_->ListMessages(Query(0)).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(store_->ListMessages(Query(1001)).status().code(), Code::kInvalidArgument);
  MessageQuery query;
  query.tenant = tenant_;
  query.folder = 1;
  EXPECT_EQ(store_->ListMessages(query).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(store_->GetMessage(MessageId::Make(1, 12345)).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace mailhaul::store
