#include "store/change_log.h"

#include <set>

#include "store/key_layout.h"
#include "tests/store/mail_store_fixture.h"

namespace mailhaul::store {
namespace {

using Type = ChangeEntry::Type;

class ChangeLogTest : public MailStoreFixture {
 protected:
  ChangePage Page(const ChangePosition& after, size_t limit = 1000) const {
    Result<ChangePage> page = store_->ListChanges(tenant_, after, limit);
    EXPECT_TRUE(page.ok()) << page.status().ToString();
    return page.ok() ? std::move(page).value() : ChangePage();
  }
};

TEST_F(ChangeLogTest, TellsWhatHappenedInTheOrderItHappened) {
  Onboard();
  AppendOk({MessageOf(1, "one"), MessageOf(2, "two")});
  FolderSync sync;
  sync.mailbox = mailbox_;
  sync.folder = inbox_;
  sync.uid_validity = 1;
  sync.vanished.Add(1);
  ASSERT_TRUE(store_->ApplySync(sync).ok());
  ASSERT_EQ(store_->RemoveGone(mailbox_, 10).value(), 1U);
  const ChangePage page = Page({});
  std::vector<Type> types;
  uint64_t before = 0;
  for (const Change& change : page.changes) {
    types.push_back(change.entry.type);
    EXPECT_EQ(change.entry.mailbox, mailbox_);
    EXPECT_GT(change.sequence, before);
    before = change.sequence;
  }
  EXPECT_EQ(types, (std::vector{Type::kMessageCreated, Type::kMessageCreated, Type::kMessageUpdated,
                                Type::kMessageDeleted}));
  EXPECT_EQ(page.changes[0].entry.message, page.changes[3].entry.message);
  EXPECT_FALSE(page.more);
}

TEST_F(ChangeLogTest, GoesOnWhereItStoppedAlsoAfterARestart) {
  Onboard();
  for (Uid uid = 1; uid <= 7; ++uid) {
    AppendOk({MessageOf(uid, "body " + std::to_string(uid))});
  }
  ChangePosition position;
  std::vector<uint64_t> messages;
  for (int pages = 0; pages < 4; ++pages) {
    ChangePage page = Page(position, 2);
    EXPECT_EQ(page.more, pages < 3);
    for (const Change& change : page.changes) {
      messages.push_back(change.entry.message.value);
    }
    position = ChangePosition::Decode(page.position.Encode()).value();
    Reopen();
  }
  EXPECT_EQ(messages.size(), 7U);
  EXPECT_EQ(std::set<uint64_t>(messages.begin(), messages.end()).size(), 7U);
  EXPECT_TRUE(Page(position).changes.empty());
  AppendOk({MessageOf(8, "late")});
  EXPECT_EQ(Page(position).changes.size(), 1U);
}

TEST_F(ChangeLogTest, WhoListensIsToldWhenTheEntriesAreThere) {
  Onboard();
  std::vector<size_t> seen;
  store_->OnChanges([&](TenantId tenant) {
    EXPECT_EQ(tenant, tenant_);
    seen.push_back(Page({}).changes.size());
  });
  AppendOk({MessageOf(1, "one"), MessageOf(2, "two")});
  AppendOk({MessageOf(1, "one")});  // Known already: nothing is logged, and nobody told.
  AppendOk({MessageOf(3, "three")});
  EXPECT_EQ(seen, (std::vector<size_t>{2, 3}));
}

TEST_F(ChangeLogTest, TheEndIsBehindAllThatHappened) {
  Onboard();
  AppendOk({MessageOf(1, "one")});
  const ChangePosition end = store_->EndOfChanges(tenant_).value();
  EXPECT_TRUE(Page(end).changes.empty());
  AppendOk({MessageOf(2, "two")});
  ASSERT_EQ(Page(end).changes.size(), 1U);
  EXPECT_EQ(store_->EndOfChanges(tenant_).value().Encode(), Page({}).position.Encode());
}

TEST_F(ChangeLogTest, ShardsTakeTurnsAndNoneIsLeftOut) {
  tenant_ = store_->EnsureTenant("acme").value();
  std::vector<MailStore::NewMailbox> mailboxes(600);
  for (size_t i = 0; i < mailboxes.size(); ++i) {
    mailboxes[i].name = "m" + std::to_string(i);
    mailboxes[i].address = mailboxes[i].name + "@acme.example";
  }
  const std::vector<MailboxId> ids = store_->EnsureMailboxes(tenant_, mailboxes).value();
  // Three shards, the first of which is busy.
  for (const size_t i : {size_t{0}, size_t{300}, size_t{599}}) {
    mailbox_ = ids[i];
    inbox_ = store_->EnsureFolder(mailbox_, "INBOX", "inbox").value();
    for (Uid uid = 1; uid <= (i == 0 ? 40U : 4U); ++uid) {
      AppendOk({MessageOf(uid, "body " + std::to_string(i) + " " + std::to_string(uid))});
    }
  }
  const ChangePage first = Page({}, 12);
  std::set<MailboxId> seen;
  for (const Change& change : first.changes) {
    seen.insert(change.entry.mailbox);
  }
  EXPECT_EQ(seen.size(), 3U);
  EXPECT_EQ(first.changes.size(), 12U);
  EXPECT_TRUE(first.more);
  EXPECT_EQ(Page(first.position).changes.size(), 36U);
}

TEST_F(ChangeLogTest, OfAnotherTenantNothingIsTold) {
  Onboard();
  AppendOk({MessageOf(1, "one")});
  tenant_ = store_->EnsureTenant("other").value();
  EXPECT_TRUE(Page({}).changes.empty());
}

TEST_F(ChangeLogTest, ADamagedEntryIsNotTakenForAnotherOne) {
  Onboard();
  AppendOk({MessageOf(1, "one")});
  Batch batch;
  batch.shard = mailbox_.shard();
  batch.Put(ChangeKey(mailbox_.shard(), tenant_, 1), "x");
  Outcome outcome;
  records_.Commit({&batch, 1}, {&outcome, 1});
  EXPECT_EQ(store_->ListChanges(tenant_, {}, 10).status().code(), Code::kCorrupt);
}

TEST(ChangePositionTest, SurvivesBeingWrittenDown) {
  ChangePosition position;
  for (const uint64_t sequence : {uint64_t{0}, uint64_t{127}, uint64_t{128}, UINT64_MAX}) {
    position.Set(1, sequence);
    position.Set(65'535, 5);
    const ChangePosition back = ChangePosition::Decode(position.Encode()).value();
    EXPECT_EQ(back.Last(1), sequence);
    EXPECT_EQ(back.Last(65'535), 5U);
    EXPECT_EQ(back.Last(2), 0U);
  }
}

TEST(ChangePositionTest, OtherBytesAreRefused) {
  const std::string ones(20, '\xff');
  for (const std::string& bytes :
       {std::string("\0\1", 2), std::string("\1"), std::string("\1\xff"), ones, "\1" + ones,
        std::string("\xff\xff\x03\1\1\1"), std::string("\1\1\0\1", 4)}) {
    EXPECT_EQ(ChangePosition::Decode(bytes).status().code(), Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace mailhaul::store
