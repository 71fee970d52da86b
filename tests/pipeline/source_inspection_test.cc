// A mailbox compared with what its source lists, over scripted IMAP.
#include "engine/pipeline/source_inspection.h"

#include "engine/pipeline/uidl_lookup.h"
#include "tests/pipeline/visit_fixture.h"

namespace mailhaul::pipeline {
namespace {

using State = FolderInspection::State;

class SourceInspectionTest : public testing::Test, protected VisitFixture {
 protected:
  explicit SourceInspectionTest(const std::vector<std::string>& extensions = {})
      : VisitFixture(extensions) {
    for (int i = 0; i < 5; ++i) {
      Add("INBOX", "mail" + std::to_string(i));
    }
  }

  MailboxInspection Found() {
    Result<MailboxInspection> found = Inspect();
    EXPECT_TRUE(found.ok()) << found.status().ToString();
    return found.ok() ? std::move(found).value() : MailboxInspection();
  }
  // Of the folder; the test fails unless it is told of.
  FolderInspection FolderOf(const MailboxInspection& found, const std::string& name) {
    for (const FolderInspection& folder : found.told) {
      if (folder.name == name) {
        return folder;
      }
    }
    ADD_FAILURE() << name << " is not told of";
    return {};
  }
  // The ledger stays behind what the folder's record promises.
  void PromiseTo(const std::string& folder, Uid uid_next) {
    store::FolderRecord record = Record(folder);
    record.uid_next = uid_next;
    ASSERT_TRUE(mail->SaveFolder(options.mailbox, record).ok());
  }
};

TEST_F(SourceInspectionTest, AllIsRightAfterCollecting) {
  Collect();
  const MailboxInspection found = Found();
  EXPECT_TRUE(found.IsRight());
  EXPECT_EQ(found.folders, 1U);
  EXPECT_EQ(found.counts, (LedgerCounts{.listed = 5, .held = 5}));
  EXPECT_TRUE(FolderOf(found, "INBOX").IsEqual());
}

TEST_F(SourceInspectionTest, AHoleInTheLedgerIsFound) {
  Collect();
  Add("INBOX", "lost");
  Add("INBOX", "new");
  PromiseTo("INBOX", 7);
  const MailboxInspection found = Found();
  EXPECT_FALSE(found.IsRight());
  EXPECT_EQ(found.counts, (LedgerCounts{.listed = 7, .held = 5, .pending = 1, .missing = 1}));
  EXPECT_EQ(FolderOf(found, "INBOX").missing_uids, "6");
}

TEST_F(SourceInspectionTest, AHoleInTheWindowIsFoundWhileBackfillWaits) {
  Collect();
  Folder("INBOX").Add("Subject: old\r\n\r\n", clock.WallNow() - std::chrono::days(100));
  Add("INBOX", "lost");
  store::FolderRecord record = Record("INBOX");
  record.backfill_complete = false;
  record.uid_next = 8;
  ASSERT_TRUE(mail->SaveFolder(options.mailbox, record).ok());
  EXPECT_EQ(Found().counts, (LedgerCounts{.listed = 7, .held = 5, .older = 1, .missing = 1}));
}

TEST_F(SourceInspectionTest, BeforeTheFirstCheckEverythingIsPending) {
  Add("Work", "other");
  const MailboxInspection found = Found();
  EXPECT_TRUE(found.IsRight());
  EXPECT_EQ(found.counts, (LedgerCounts{.listed = 6, .pending = 6}));
  EXPECT_EQ(FolderOf(found, "Work").state, State::kNew);
}

TEST_F(SourceInspectionTest, WhatArrivedOrWentSinceIsToldAndRight) {
  Collect();
  Add("INBOX", "since");
  Add("New", "in a new folder");
  Folder("INBOX").Expunge(2);
  const MailboxInspection found = Found();
  EXPECT_TRUE(found.IsRight());
  EXPECT_EQ(found.counts, (LedgerCounts{.listed = 6, .held = 4, .pending = 2, .stale = 1}));
  EXPECT_EQ(FolderOf(found, "New").state, State::kNew);
}

TEST_F(SourceInspectionTest, AnEmptiedFolderIsNotSearched) {
  Collect();
  for (Uid uid = 1; uid <= 5; ++uid) {
    Folder("INBOX").Expunge(uid);
  }
  EXPECT_EQ(Found().counts, (LedgerCounts{.stale = 5}));
  EXPECT_EQ(server.counters.commands["UID SEARCH"], 0U);
}

TEST_F(SourceInspectionTest, LargeMessagesAreHeldAndSkippedOnesAreLeftOut) {
  options.max_message = 1000;
  Add("INBOX", "large", 5000);
  Folder("INBOX").Add("Subject: expired\r\n\r\n", clock.WallNow() - std::chrono::days(100));
  options.received_from = clock.WallNow() - std::chrono::days(50);
  Collect();
  EXPECT_EQ(Found().counts, (LedgerCounts{.listed = 7, .held = 6, .left_out = 1}));
}

TEST_F(SourceInspectionTest, ARenumberedFolderCannotBeComparedUntilTheNextCheck) {
  Collect();
  Folder("INBOX").Renumber(8);
  MailboxInspection found = Found();
  EXPECT_TRUE(found.IsRight());
  EXPECT_EQ(FolderOf(found, "INBOX").state, State::kRenumbered);
  EXPECT_EQ(found.counts, (LedgerCounts{.listed = 5, .unknown = 5}));
  Collect();
  found = Found();
  EXPECT_EQ(found.counts, (LedgerCounts{.listed = 5, .held = 5}));
}

TEST_F(SourceInspectionTest, AFolderThatIsNoLongerListedIsStale) {
  Add("Work", "one");
  Collect();
  server.accounts["alice"].folders.erase("Work");
  const MailboxInspection found = Found();
  EXPECT_TRUE(found.IsRight());
  EXPECT_EQ(FolderOf(found, "Work").state, State::kUnlisted);
  EXPECT_EQ(found.counts, (LedgerCounts{.listed = 5, .held = 5, .stale = 1}));
}

TEST_F(SourceInspectionTest, ARefusedFolderIsToldOfAndTheOthersAreCompared) {
  Add("Work", "one");
  Collect();
  server.faults.refuse_folders = {"Work"};
  const MailboxInspection found = Found();
  EXPECT_FALSE(found.IsRight());
  EXPECT_EQ(found.folders_failed, 1U);
  EXPECT_EQ(found.told.front().name, "Work") << "what is not right comes first";
  EXPECT_EQ(found.told.front().state, State::kFailed);
  EXPECT_NE(found.told.front().problem.find("Internal error"), std::string::npos);
  EXPECT_EQ(found.counts.held, 5U);
}

TEST_F(SourceInspectionTest, ExcludedFoldersAreNotLookedAt) {
  Add("Work", "one");
  Collect();
  options.exclude = {"work"};
  const MailboxInspection found = Found();
  EXPECT_EQ(found.folders, 1U);
  EXPECT_EQ(found.counts, (LedgerCounts{.listed = 5, .held = 5}));
}

TEST_F(SourceInspectionTest, OfVeryManyFoldersThoseThatDifferAreTold) {
  for (size_t i = 0; i < kFoldersToldMax + 20; ++i) {
    Add("F" + std::to_string(i), "mail of " + std::to_string(i));
  }
  Collect();
  Add("F119", "since");
  PromiseTo("F118", 9);
  Add("F118", "lost");
  const MailboxInspection found = Found();
  EXPECT_EQ(found.folders, kFoldersToldMax + 21);
  ASSERT_EQ(found.told.size(), kFoldersToldMax);
  EXPECT_EQ(found.told[0].name, "F118");
  EXPECT_EQ(found.told[1].name, "F119");
  EXPECT_EQ(found.counts.listed, kFoldersToldMax + 20 + 5 + 2);
}

TEST_F(SourceInspectionTest, ListingsOfHostileServersAreBoundedOrRefused) {
  Collect();
  PromiseTo("INBOX", 5000);
  const std::vector<std::pair<std::string, LedgerCounts>> taken = {
      {"* SEARCH 5 4 3 2 1 1 1 5", {.listed = 5, .held = 5}},
      {"* ESEARCH UID ALL 5:1,3,2:4", {.listed = 5, .held = 5}},
      {"* SEARCH 1 4294967295", {.listed = 2, .held = 1, .pending = 1, .stale = 4}},
      {"* SEARCH 1 4999", {.listed = 2, .held = 1, .missing = 1, .stale = 4}},
      {"* SEARCH", {.stale = 5}}};
  for (const auto& [answer, counts] : taken) {
    server.faults.search = answer;
    EXPECT_EQ(Found().counts, counts) << answer;
  }
  for (const char* answer :
       {"* SEARCH 0", "* SEARCH 1 0 2", "* SEARCH 4294967296", "* SEARCH -1",
        "* ESEARCH UID ALL 1:4294967295", "* ESEARCH UID ALL 0:5", "* ESEARCH UID ALL 1:*"}) {
    server.faults.search = answer;
    EXPECT_EQ(Inspect().status().code(), Code::kProtocol) << answer;
  }
}

class LabelInspectionTest : public SourceInspectionTest {
 protected:
  LabelInspectionTest() : SourceInspectionTest({"X-GM-EXT-1"}) {}
};

TEST_F(LabelInspectionTest, FoldersThatAreLabelsAreNotCounted) {
  Folder("[Gmail]/All Mail").attributes = {"\\All"};
  Folder("[Gmail]/All Mail").uid_validity = 20;
  for (int i = 0; i < 5; ++i) {
    const test_support::ScriptedMessage& message =
        Folder("INBOX").messages()[static_cast<size_t>(i)];
    Folder("[Gmail]/All Mail").AddShared(message.raw, message.internal_date);
  }
  Collect();
  const MailboxInspection found = Found();
  EXPECT_EQ(found.folders, 1U);
  EXPECT_EQ(found.counts, (LedgerCounts{.listed = 5, .held = 5}));
}

pop3::UidlKey Key(unsigned char first) { return {first}; }

TEST_F(SourceInspectionTest, NewUniqueIdsGetNumbersAboveAllAndAreNotRemembered) {
  const store::FolderId inbox = mail->EnsureFolder(options.mailbox, "INBOX", "inbox").value();
  const std::vector<pop3::UidlKey> known = {Key(1), Key(2)};
  ASSERT_TRUE(mail->AssignUidls(options.mailbox, inbox, known, clock.WallNow()).ok());
  UidlLookup lookup(*mail, reads, options.mailbox);
  const std::vector<pop3::UidlKey> listed = {Key(3), Key(2), Key(4), Key(1)};
  const std::vector<Uid> expected = {UINT32_MAX, 2, UINT32_MAX - 1, 1};
  EXPECT_EQ(loop.Await(lookup.Find(listed)).value(), (std::vector<Uid>{0, 2, 0, 1}));
  EXPECT_EQ(loop.Await(lookup.Assign(listed)).value(), expected);
  EXPECT_EQ(loop.Await(lookup.Assign(listed)).value(), expected);
  const std::vector<pop3::UidlKey> bound = {Key(9)};
  const std::vector<Uid> to = {2};
  EXPECT_TRUE(loop.Await(lookup.Bind(bound, to)).ok());
  EXPECT_EQ(loop.Await(lookup.Find(bound)).value(), to);
  EXPECT_EQ(mail->FindUidls(options.mailbox, inbox, listed).value(),
            (std::vector<Uid>{0, 2, 0, 1}));
  UidlLookup of_none(*mail, reads, std::nullopt);
  EXPECT_EQ(loop.Await(of_none.Assign(known)).value(),
            (std::vector<Uid>{UINT32_MAX, UINT32_MAX - 1}));
}

}  // namespace
}  // namespace mailhaul::pipeline
