#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/imap/session_fixture.h"

namespace mailhaul::imap {
namespace {

class ImapSessionTest : public SessionTest {
 protected:
  // One message on each of the first nine days of 1970, in an INBOX that was empty.
  void FillDays() {
    server_.Folder(kUser) = test_support::ScriptedFolder();
    for (int day = 0; day < 9; ++day) {
      server_.Folder(kUser).Add("x", WallTime(std::chrono::hours(24 * day + 1)));
    }
  }
};

TEST_F(ImapSessionTest, ListsFoldersWithRoles) {
  ASSERT_TRUE(Open().ok());
  server_.Folder(kUser, "Gesendet").attributes = {"\\Sent"};
  server_.Folder(kUser, "Entw&APw-rfe").attributes = {"\\Drafts", "\\HasNoChildren"};
  server_.Folder(kUser, "Parent").attributes = {"\\Noselect"};
  const auto folders = loop_.Await(session_->ListFolders(false));
  ASSERT_TRUE(folders.ok());
  ASSERT_EQ(folders->size(), 3U);
  EXPECT_EQ((*folders)[0].name, "Entwürfe");
  EXPECT_EQ((*folders)[0].wire_name, "Entw&APw-rfe");
  EXPECT_EQ((*folders)[0].role, FolderRole::kDrafts);
  EXPECT_EQ((*folders)[1].role, FolderRole::kSent);
  EXPECT_EQ((*folders)[2].role, FolderRole::kInbox);
  EXPECT_EQ(server_.counters.lines.back(), "LIST \"\" \"*\" RETURN (SPECIAL-USE)");
}

TEST_F(ImapSessionTest, AsksPlainlyWhereSpecialUseIsNotOffered) {
  server_.options.capabilities = {};
  server_.options.delimiter = '.';
  ASSERT_TRUE(Open().ok());
  server_.Folder(kUser, "INBOX.Trash");
  const auto folders = loop_.Await(session_->ListFolders(false));
  ASSERT_TRUE(folders.ok());
  ASSERT_EQ(folders->size(), 2U);
  EXPECT_EQ((*folders)[1].name, "INBOX/Trash");
  EXPECT_EQ((*folders)[1].role, FolderRole::kTrash);
  EXPECT_EQ(server_.counters.lines.back(), "LIST \"\" \"*\"");
}

TEST_F(ImapSessionTest, OpensFoldersReadOnly) {
  Fill(3);
  server_.Folder(kUser).uid_validity = 77;
  ASSERT_TRUE(Open().ok());
  const auto opened = loop_.Await(session_->OpenFolder(Inbox(), nullptr));
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->uid_validity, 77U);
  EXPECT_EQ(opened->uid_next, 4U);
  EXPECT_EQ(opened->messages, 3U);
  EXPECT_EQ(server_.counters.lines.back(), "EXAMINE \"INBOX\"");
}

TEST_F(ImapSessionTest, AFolderThatIsGoneLeavesTheSessionUsable) {
  ASSERT_TRUE(Open().ok());
  FolderInfo gone;
  gone.wire_name = "gone \"quoted\"";
  EXPECT_EQ(loop_.Await(session_->OpenFolder(gone, nullptr)).status().code(), Code::kNotFound);
  EXPECT_TRUE(loop_.Await(session_->OpenFolder(Inbox(), nullptr)).ok());
}

TEST_F(ImapSessionTest, AFolderWithoutUidValidityIsRefusedButNotTheSession) {
  ASSERT_TRUE(Open().ok());
  server_.faults.answers["EXAMINE"] = "OK [READ-ONLY] done";
  EXPECT_EQ(loop_.Await(session_->OpenFolder(Inbox(), nullptr)).status().code(),
            Code::kServerRefused);
  server_.faults.answers.clear();
  EXPECT_TRUE(loop_.Await(session_->OpenFolder(Inbox(), nullptr)).ok());
}

TEST_F(ImapSessionTest, SearchesAllAndSinceTheDayBefore) {
  for (const bool extended : {true, false}) {
    if (!extended) {
      server_.options.capabilities = {};
    }
    FillDays();
    OpenInbox();
    const auto all = loop_.Await(session_->ListUids(std::nullopt));
    ASSERT_TRUE(all.ok());
    EXPECT_EQ(all->size(), server_.Folder(kUser).messages().size());
    const WallTime since = WallTime(std::chrono::hours(24 * 5 + 7));
    const auto recent = loop_.Await(session_->ListUids(since));
    ASSERT_TRUE(recent.ok());
    EXPECT_EQ(recent->min(), 5U);  // Day 4: one before the day of `since`.
    EXPECT_EQ(server_.counters.lines.back(), extended ? "UID SEARCH RETURN (ALL) SINCE 5-Jan-1970"
                                                      : "UID SEARCH SINCE 5-Jan-1970");
    CloseSession();
  }
}

TEST_F(ImapSessionTest, AnEmptyFolderHasNoUids) {
  OpenInbox();
  const auto all = loop_.Await(session_->ListUids(std::nullopt));
  ASSERT_TRUE(all.ok());
  EXPECT_TRUE(all->empty());
}

TEST_F(ImapSessionTest, FourBillionUidsInASmallFolderAreRefused) {
  CannedServer& canned = canned_;
  canned.replies = {"* PREAUTH [CAPABILITY IMAP4rev1 ESEARCH] hi\r\n",
                    "* 3 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n%T OK done\r\n",
                    "* ESEARCH UID ALL 1:4294967295\r\n%T OK done\r\n"};
  canned.stays = true;
  UseCanned();
  OpenInbox();
  EXPECT_EQ(loop_.Await(session_->ListUids(std::nullopt)).status().code(), Code::kProtocol);
}

TEST_F(ImapSessionTest, FetchesMetadataInChunks) {
  Fill(2500);
  server_.Folder(kUser).Find(7)->flags = kFlagSeen | kFlagFlagged;
  server_.Folder(kUser).Find(7)->keywords = {"$Work"};
  OpenInbox();
  UidSet uids;
  uids.AddRange({1, 3000});
  const auto metas = loop_.Await(session_->FetchMeta(uids));
  ASSERT_TRUE(metas.ok());
  ASSERT_EQ(metas->size(), 2500U);
  EXPECT_EQ((*metas)[6].uid, 7U);
  EXPECT_EQ((*metas)[6].flags, kFlagSeen | kFlagFlagged);
  EXPECT_EQ((*metas)[6].keywords, std::vector<std::string>({"$Work"}));
  EXPECT_EQ((*metas)[6].internal_date, WallTime(std::chrono::seconds(6)));
  EXPECT_EQ((*metas)[6].size, 100U);
  EXPECT_EQ(server_.counters.commands["UID FETCH"], 3U);
}

TEST_F(ImapSessionTest, UnsolicitedFlagsNeitherAddNorDoubleMetadata) {
  Fill(20);
  server_.faults.unsolicited = true;
  OpenInbox();
  UidSet uids;
  uids.AddRange({5, 10});
  const auto metas = loop_.Await(session_->FetchMeta(uids));
  ASSERT_TRUE(metas.ok());
  ASSERT_EQ(metas->size(), 6U);
  for (const MessageMeta& meta : *metas) {
    EXPECT_EQ(meta.size, 100U);
  }
}

TEST_F(ImapSessionTest, OneUnreadableMessageDoesNotHideTheOthers) {
  Fill(300);
  server_.faults.refuse_uids = {123};
  OpenInbox();
  UidSet uids;
  uids.AddRange({1, 300});
  const auto metas = loop_.Await(session_->FetchMeta(uids));
  ASSERT_TRUE(metas.ok());
  EXPECT_EQ(metas->size(), 300U);
  for (const MessageMeta& meta : *metas) {
    EXPECT_EQ(meta.size, meta.uid == 123 ? 0U : 100U);
  }
}

TEST_F(ImapSessionTest, AServerThatRefusesAllMetadataIsNotAskedForever) {
  Fill(300);
  OpenInbox();
  server_.faults.answers["UID FETCH"] = "NO [SERVERBUG] broken";
  UidSet uids;
  uids.AddRange({1, 300});
  EXPECT_EQ(loop_.Await(session_->FetchMeta(uids)).status().code(), Code::kServerRefused);
  EXPECT_LT(server_.counters.commands["UID FETCH"], 50U);
  server_.faults.answers.clear();
  EXPECT_TRUE(loop_.Await(session_->FetchMeta(uids)).ok());
}

TEST_F(ImapSessionTest, ThrottlingEndsTheSession) {
  OpenInbox();
  server_.faults.answers["UID SEARCH"] = "NO [THROTTLED] slow down";
  EXPECT_EQ(loop_.Await(session_->ListUids(std::nullopt)).status().code(), Code::kThrottled);
  EXPECT_EQ(loop_.Await(session_->ListFolders(false)).status().code(), Code::kThrottled);
}

TEST_F(ImapSessionTest, IntroducesItselfTogetherWithTheFirstCommand) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(loop_.Await(session_->OpenFolder(Inbox(), nullptr)).ok());
  ASSERT_TRUE(loop_.Await(session_->ListUids(std::nullopt)).ok());
  EXPECT_EQ(server_.counters.lines,
            std::vector<std::string>({"AUTHENTICATE", "ID (\"name\" \"mailhaul\")",
                                      "EXAMINE \"INBOX\"", "UID SEARCH RETURN (ALL) ALL"}));
}

TEST_F(ImapSessionTest, IntroducesItselfUnaskedWhereTheProfileSaysSo) {
  server_.options.capabilities = {};
  options_.id_before_select = true;
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(loop_.Await(session_->OpenFolder(Inbox(), nullptr)).ok());
  EXPECT_EQ(server_.counters.commands["ID"], 1U);
}

TEST_F(ImapSessionTest, DoesNotUseWhatIsBroken) {
  options_.broken = {"ESEARCH", "ID"};
  OpenInbox();
  ASSERT_TRUE(loop_.Await(session_->ListUids(std::nullopt)).ok());
  EXPECT_EQ(server_.counters.lines.back(), "UID SEARCH ALL");
  EXPECT_EQ(server_.counters.commands["ID"], 0U);
}

TEST_F(ImapSessionTest, ClosesWithLogout) {
  ASSERT_TRUE(Open().ok());
  loop_.Await(session_->Close());
  EXPECT_EQ(server_.counters.lines.back(), "LOGOUT");
  EXPECT_EQ(network_.pools().begin()->second.open, 0U);
}

TEST_F(ImapSessionTest, ASilentServerCannotDelayClosingBeyondTheLimit) {
  ASSERT_TRUE(Open().ok());
  server_.faults.silent = true;
  const TimePoint before = clock_.Now();
  loop_.Await(session_->Close());
  EXPECT_EQ(clock_.Now() - before, std::chrono::seconds(2));
}

TEST_F(ImapSessionTest, AfterAbortCallsAreCancelledAndClosingIsImmediate) {
  OpenInbox();
  loop_.Post([this] { session_->Abort(); });
  loop_.RunDue();
  EXPECT_EQ(loop_.Await(session_->ListUids(std::nullopt)).status().code(), Code::kCancelled);
  const uint64_t commands = server_.counters.lines.size();
  loop_.Await(session_->Close());
  EXPECT_EQ(server_.counters.lines.size(), commands);
}

TEST_F(ImapSessionTest, AnAbortCancelsTheCallThatWaits) {
  OpenInbox();
  server_.faults.silent = true;
  loop_.AddTimer(clock_.Now() + std::chrono::seconds(3), [this] { session_->Abort(); });
  EXPECT_EQ(loop_.Await(session_->ListUids(std::nullopt)).status().code(), Code::kCancelled);
}

TEST_F(ImapSessionTest, ByeDuringACommandEndsTheSession) {
  CannedServer& canned = canned_;
  canned.replies = {"* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n", "* BYE shutting down\r\n"};
  UseCanned();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(loop_.Await(session_->ListFolders(false)).status().code(), Code::kUnreachable);
}

}  // namespace
}  // namespace mailhaul::imap
