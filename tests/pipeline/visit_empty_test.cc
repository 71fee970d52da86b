// A folder that the listing shows to be empty is read without being opened.
#include <algorithm>
#include <functional>
#include <utility>

#include "tests/pipeline/visit_fixture.h"

namespace mailhaul::pipeline {
namespace {

using Extensions = std::vector<std::string>;

class VisitEmptyTest : public testing::TestWithParam<Extensions>, protected VisitFixture {
 protected:
  VisitEmptyTest() : VisitFixture(GetParam()) {
    Folder("Empty").uid_validity = 3;
    Folder("Empty").uid_next = 5;
    Folder("Empty").modseq = 9;
  }

  bool IsOpened(const std::string& folder) const {
    const std::vector<std::string>& lines = server.counters.lines;
    return std::any_of(lines.begin(), lines.end(), [&folder](const std::string& line) {
      return line.starts_with("EXAMINE \"" + folder + "\"");
    });
  }
  bool TellsModseqs() const { return server.options.Has("CONDSTORE"); }
};

// Adds a message as soon as a body is asked for, and so after the folders were listed.
class LateMessage final : public test_support::ScriptedObserver {
 public:
  explicit LateMessage(std::function<void()> add) : add_(std::move(add)) {}
  void OnConnected(const std::string& /*client*/) override {}
  void OnLoginTried(const std::string& /*client*/) override {}
  void OnLoggedIn(const std::string& /*client*/, const std::string& /*user*/) override {}
  void OnBodies(const std::string& /*client*/, uint64_t /*bytes*/) override {
    if (add_) {
      std::exchange(add_, nullptr)();
    }
  }
  void OnLeft(const std::string& /*client*/, const std::string& /*user*/) override {}

 private:
  std::function<void()> add_;
};

TEST_P(VisitEmptyTest, ItsRecordIsThatOfAnOpening) {
  Add("INBOX", "one");
  Collect();
  EXPECT_TRUE(IsOpened("INBOX"));
  EXPECT_FALSE(IsOpened("Empty"));
  const store::FolderRecord record = Record("Empty");
  EXPECT_TRUE(record.window_complete);
  EXPECT_TRUE(record.backfill_complete);
  EXPECT_EQ(record.uid_validity, 3U);
  EXPECT_EQ(record.uid_next, 5U);
  EXPECT_EQ(record.modseq, TellsModseqs() ? 9U : 0U);
  EXPECT_EQ(record.source_messages, 0U);
  EXPECT_EQ(record.source_unseen, 0U);
  EXPECT_EQ(record.flags_checked_at, clock.WallNow());
  const VisitResult check = Visit(Stage::kNew);
  EXPECT_TRUE(check.status.ok()) << check.status.ToString();
  EXPECT_FALSE(check.window_needed || check.backfill_needed);
  EXPECT_FALSE(IsOpened("Empty"));
}

TEST_P(VisitEmptyTest, BackfillAloneReadsItToo) {
  static_cast<void>(Visit(Stage::kBackfill));
  EXPECT_FALSE(IsOpened("Empty"));
  EXPECT_TRUE(Record("Empty").window_complete);
  EXPECT_TRUE(Record("Empty").backfill_complete);
}

TEST_P(VisitEmptyTest, OpenedBeforeAndEmptiedUnreadItIsNotOpenedAgain) {
  const Uid uid = Add("Empty", "one");
  slice_bytes = 0;
  EXPECT_TRUE(Visit(Stage::kWindow).more);
  slice_bytes = UINT64_MAX;
  ASSERT_EQ(Record("Empty").uid_validity, 3U);
  Folder("Empty").Expunge(uid);
  EXPECT_TRUE(Visit(Stage::kWindow).status.ok());
  EXPECT_FALSE(IsOpened("Empty"));
  EXPECT_TRUE(Record("Empty").window_complete);
  EXPECT_TRUE(Record("Empty").backfill_complete);
  EXPECT_EQ(Record("Empty").uid_next, 6U);
}

TEST_P(VisitEmptyTest, AMessageThatCameAfterTheListingIsFoundByTheNextCheck) {
  Add("INBOX", "one");
  LateMessage late([this] { Add("Empty", "late"); });
  server.observer = &late;
  Collect();
  server.observer = nullptr;
  ASSERT_EQ(Folder("Empty").messages().size(), 1U);
  EXPECT_EQ(Record("Empty").uid_next, 5U);
  EXPECT_EQ(Visit(Stage::kNew).stats.fetched, 1U);
  EXPECT_EQ(Stored().at("late").uid, 5U);
}

TEST_P(VisitEmptyTest, AnEmptyInboxIsOpenedOnlyToBeWatched) {
  server.accounts.at("alice").folders.erase("Empty");
  watches = true;
  Collect();
  EXPECT_TRUE(IsOpened("INBOX"));
  EXPECT_EQ(server.counters.commands["EXAMINE"], 1U);
  Add("INBOX", "late");
  EXPECT_EQ(Visit(Stage::kNew).stats.fetched, 1U);
}

TEST_P(VisitEmptyTest, WithoutAFullStatusItIsOpened) {
  for (const std::string item : {"UIDNEXT", "UIDVALIDITY", "MESSAGES"}) {
    server.faults.no_status_item = item;
    options.mailbox = mail->EnsureMailbox(tenant, item, "alice@example.com").value();
    Collect();
    EXPECT_TRUE(IsOpened("Empty")) << item;
    EXPECT_EQ(Record("Empty").uid_next, 5U) << item;
    EXPECT_TRUE(Record("Empty").backfill_complete) << item;
  }
}

TEST_P(VisitEmptyTest, WithAMessageItIsOpened) {
  Folder("Empty").SetFlags(Add("Empty", "one"), kFlagSeen);
  Collect();
  EXPECT_TRUE(IsOpened("Empty"));
  EXPECT_TRUE(Stored().contains("one"));
}

TEST_P(VisitEmptyTest, WhereMessagesWereReadItIsOpenedSoThatTheyAreFoundGone) {
  const Uid first = Add("Empty", "one");
  const Uid second = Add("Empty", "two");
  slice_bytes = 1;
  EXPECT_TRUE(Visit(Stage::kWindow).more);
  slice_bytes = UINT64_MAX;
  ASSERT_TRUE(Stored().contains("two"));
  Folder("Empty").Expunge(first);
  Folder("Empty").Expunge(second);
  server.faults.refuse_folders = {"Empty"};
  EXPECT_EQ(Visit(Stage::kWindow).status.code(), Code::kServerRefused);
  EXPECT_FALSE(Record("Empty").window_complete);
  server.faults.refuse_folders.clear();
  Collect();
  EXPECT_TRUE(IsOpened("Empty"));
  EXPECT_TRUE(Stored().at("two").gone);
}

TEST_P(VisitEmptyTest, WhereMessagesHaveGoneItIsOpenedSoThatTheyAreFoundIfTheyMovedThere) {
  const Uid uid = Add("INBOX", "one");
  Collect();
  const MessageId id = Stored().at("one").id;
  const test_support::ScriptedMessage moved = *Folder("INBOX").Find(uid);
  Folder("INBOX").Expunge(uid);
  Add("INBOX", "two");
  Folder("New").uid_validity = 4;
  LateMessage late([&] { Folder("New").AddShared(moved.raw, moved.internal_date); });
  server.observer = &late;
  options.mirror = true;
  EXPECT_EQ(Collect().stats.fetched, 1U);
  server.observer = nullptr;
  ASSERT_TRUE(Stored().contains("one"));
  EXPECT_EQ(Stored().at("one").id, id);
  EXPECT_EQ(FolderOf(Stored().at("one")), "New");
}

TEST_P(VisitEmptyTest, WhereMessagesWereGoneBeforeItIsOpened) {
  const Uid uid = Add("INBOX", "one");
  Collect();
  Folder("INBOX").Expunge(uid);
  Collect();
  ASSERT_TRUE(Stored().at("one").gone);
  Folder("New").uid_validity = 4;
  Collect();
  EXPECT_TRUE(IsOpened("New"));
}

TEST_P(VisitEmptyTest, WhatTheStatusDidNotTellOfIsFoundOnceItShows) {
  Collect();
  ASSERT_TRUE(Record("Empty").backfill_complete);
  Folder("Empty").uid_next = 2;
  Folder("Empty").AddWithUid(2, "Subject: hidden\r\n\r\nx",
                             clock.WallNow() - std::chrono::hours(24));
  Folder("Empty").uid_next = 5;
  EXPECT_TRUE(Visit(Stage::kNew).backfill_needed);
  EXPECT_EQ(Visit(Stage::kBackfill).stats.fetched, 1U);
  EXPECT_EQ(Stored().at("hidden").uid, 2U);
  const VisitResult check = Visit(Stage::kNew);
  EXPECT_FALSE(check.backfill_needed);
}

INSTANTIATE_TEST_SUITE_P(Extensions, VisitEmptyTest,
                         testing::Values(Extensions{}, Extensions{"LIST-STATUS"},
                                         Extensions{"LIST-STATUS", "CONDSTORE", "ENABLE"},
                                         Extensions{"CONDSTORE", "ENABLE", "QRESYNC"}),
                         [](const testing::TestParamInfo<Extensions>& chosen) {
                           return "Set" + std::to_string(chosen.index);
                         });

// A folder of which IsKnownEmpty() holds, until `change` is made.
bool IsKnownEmptyAfter(const std::function<void(VisitFolder&)>& change) {
  VisitFolder folder;
  folder.info.status = FolderStatus{.uid_validity = 3, .uid_next = 5};
  change(folder);
  return folder.IsKnownEmpty();
}

// Whether backfill starts again when so many messages are there, and UIDNEXT is this.
bool IsReadAgain(store::FolderRecord record, uint32_t messages, Uid uid_next) {
  record.uid_validity = 3;
  record.window_complete = true;
  record.backfill_complete = true;
  VisitFolder folder;
  folder.record = record;
  OpenedFolder opened;
  opened.uid_validity = 3;
  opened.uid_next = uid_next;
  opened.messages = messages;
  EXPECT_FALSE(folder.Note(opened));
  EXPECT_EQ(folder.changed, !folder.record.backfill_complete);
  return !folder.record.backfill_complete;
}

TEST(VisitFolderTest, IsReadAgainWhenItHoldsMoreThanCanHaveCome) {
  store::FolderRecord record;
  record.uid_next = 5;
  record.source_messages = 2;
  EXPECT_FALSE(IsReadAgain(record, 2, 5));
  EXPECT_FALSE(IsReadAgain(record, 4, 7));
  EXPECT_TRUE(IsReadAgain(record, 3, 5));
  EXPECT_TRUE(IsReadAgain(record, 5, 7));
  EXPECT_FALSE(IsReadAgain(record, 5, 0));  // The server does not say what came.
  EXPECT_FALSE(IsReadAgain(record, 5, 4));
  record.source_messages = kMessagesUnknown;
  EXPECT_FALSE(IsReadAgain(record, UINT32_MAX, 5));
}

TEST(VisitFolderTest, IsKnownToBeEmptyOnlyIfNothingSpeaksAgainstIt) {
  EXPECT_TRUE(IsKnownEmptyAfter([](VisitFolder&) {}));
  EXPECT_TRUE(IsKnownEmptyAfter([](VisitFolder& f) { f.record.uid_validity = 3; }));
  EXPECT_FALSE(IsKnownEmptyAfter([](VisitFolder& f) { f.record.uid_validity = 4; }));
  EXPECT_FALSE(IsKnownEmptyAfter([](VisitFolder& f) { f.record.placed = 1; }));
  EXPECT_FALSE(IsKnownEmptyAfter([](VisitFolder& f) { f.record.gone = 1; }));
  EXPECT_FALSE(IsKnownEmptyAfter([](VisitFolder& f) { f.opened.emplace(); }));
  EXPECT_FALSE(IsKnownEmptyAfter([](VisitFolder& f) { f.info.status.reset(); }));
  EXPECT_FALSE(IsKnownEmptyAfter([](VisitFolder& f) { f.info.status->uid_validity = 0; }));
  EXPECT_FALSE(IsKnownEmptyAfter([](VisitFolder& f) { f.info.status->uid_next = 0; }));
  EXPECT_FALSE(IsKnownEmptyAfter([](VisitFolder& f) { f.info.status->messages = 1; }));
  EXPECT_FALSE(IsKnownEmptyAfter([](VisitFolder& f) { f.info.status->unseen = 1; }));
}

}  // namespace
}  // namespace mailhaul::pipeline
