#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/pop3/session_fixture.h"

namespace mailhaul::pop3 {
namespace {

WallTime Day(int day) { return WallTime(std::chrono::hours(24 * day)); }

std::string DateLine(int day) { return std::to_string(day) + " Jan 1971 12:00:00 +0000"; }
WallTime DayOf1971(int day) { return Day(365 + day - 1); }

class Pop3SessionTest : public SessionTest {
 protected:
  // One message on each of the first 28 days of 1971.
  void FillDays(const std::string& field) {
    for (int day = 1; day <= 28; ++day) {
      std::string raw = "Subject: x\r\n";
      raw += field;
      raw += field == "Received" ? ": by mail; " : ": ";
      server_.Folder(kUser).Add(raw + DateLine(day) + "\r\n\r\nhello\r\n", WallTime());
    }
  }
};

TEST_F(Pop3SessionTest, HasOneFolder) {
  ASSERT_TRUE(Open().ok());
  const auto folders = loop_.Await(session_->ListFolders(true));
  ASSERT_TRUE(folders.ok());
  ASSERT_EQ(folders->size(), 1U);
  EXPECT_EQ((*folders)[0].name, "INBOX");
  EXPECT_EQ((*folders)[0].role, FolderRole::kInbox);
  EXPECT_FALSE((*folders)[0].status.has_value());
  FolderInfo other = Inbox();
  other.wire_name = "Sent";
  EXPECT_EQ(loop_.Await(session_->OpenFolder(other, nullptr)).status().code(), Code::kNotFound);
  EXPECT_FALSE(session_->listing_is_complete());
}

TEST_F(Pop3SessionTest, OpensTheMaildropWithUidlAlone) {
  Fill(3);
  ASSERT_TRUE(Open().ok());
  const auto opened = loop_.Await(session_->OpenFolder(Inbox(), nullptr));
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->uid_validity, 1U);
  EXPECT_EQ(opened->uid_next, 0U);
  EXPECT_EQ(opened->messages, 3U);
  EXPECT_EQ(opened->modseq, 0U);
  EXPECT_EQ(Listed(), "1:3");
  EXPECT_EQ(server_.counters.lines.back(), "UIDL");
  ASSERT_TRUE(loop_.Await(session_->OpenFolder(Inbox(), nullptr)).ok());
  EXPECT_EQ(Commands("UIDL"), 1U);
}

TEST_F(Pop3SessionTest, AnEmptyMaildropIsEmpty) {
  OpenInbox();
  EXPECT_EQ(Listed(), "");
  EXPECT_EQ(Listed(Day(5)), "");
  EXPECT_TRUE(FetchAll().ok());
}

TEST_F(Pop3SessionTest, CallsThatNeedAFolderAreRefusedWithoutOne) {
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(ListUids().status().code(), Code::kServerRefused);
  EXPECT_EQ(FetchBodies({}).code(), Code::kServerRefused);
  OpenInbox();
  EXPECT_TRUE(ListUids().ok());
  ASSERT_TRUE(loop_.Await(session_->ListFolders(false)).ok());
  EXPECT_EQ(ListUids().status().code(), Code::kServerRefused);
}

TEST_F(Pop3SessionTest, UidsStayWhenMessageNumbersChange) {
  Fill(5);
  OpenInbox();
  EXPECT_EQ(Listed(), "1:5");
  server_.Folder(kUser).Expunge(2);
  Fill(1);
  Reopen();
  EXPECT_EQ(Listed(), "1,3:6");
  EXPECT_TRUE(FetchAll().ok());
  ExpectAllDelivered();
}

TEST_F(Pop3SessionTest, AFailureOfTheDirectoryEndsTheSession) {
  Fill(1);
  directory_.fail_with = Status(Code::kDiskFull, "no room");
  EXPECT_EQ(TryOpenInbox().code(), Code::kDiskFull);
  EXPECT_EQ(ListUids().status().code(), Code::kDiskFull);
}

TEST_F(Pop3SessionTest, FewSizesAreAskedForOneByOne) {
  Fill(3, 200);
  OpenInbox();
  UidSet some;
  some.Add(2);
  some.Add(9);  // Not listed.
  const auto metas = loop_.Await(session_->FetchMeta(some));
  ASSERT_TRUE(metas.ok());
  ASSERT_EQ(metas->size(), 1U);
  EXPECT_EQ((*metas)[0].uid, 2U);
  EXPECT_EQ((*metas)[0].size, 200U);
  EXPECT_EQ((*metas)[0].flags, 0);
  EXPECT_EQ((*metas)[0].internal_date, WallTime());
  EXPECT_EQ(server_.counters.lines.back(), "LIST 2");
  ASSERT_TRUE(loop_.Await(session_->FetchMeta(some)).ok());
  EXPECT_EQ(Commands("LIST"), 1U);
}

TEST_F(Pop3SessionTest, ManySizesAreAskedForAtOnce) {
  Fill(kSingleListMax + 1, 200);
  OpenInbox();
  const auto metas = FetchMeta();
  ASSERT_TRUE(metas.ok());
  EXPECT_EQ(metas->size(), kSingleListMax + 1);
  EXPECT_EQ(metas->back().size, 200U);
  EXPECT_EQ(server_.counters.lines.back(), "LIST");
}

TEST_F(Pop3SessionTest, TheWindowIsFoundByReceivedElseDate) {
  for (const char* field : {"Received", "Date"}) {
    server_.Folder(kUser) = test_support::ScriptedFolder();
    directory_ = test_support::FakeUidlDirectory();
    FillDays(field);
    OpenInbox();
    // The day of `since` less one.
    EXPECT_EQ(Listed(DayOf1971(20)), "19:28") << field;
    const auto metas = FetchMeta();
    ASSERT_TRUE(metas.ok());
    EXPECT_EQ(metas->back().internal_date, WallTime());
    CloseSession();
  }
}

TEST_F(Pop3SessionTest, MessagesWithoutADateAreInTheWindow) {
  FillDays("Date");
  server_.Folder(kUser).Add("Subject: no date\r\n\r\n", WallTime());
  OpenInbox();
  EXPECT_EQ(Listed(DayOf1971(28)), "27:29");
}

TEST_F(Pop3SessionTest, TheSearchForTheWindowStopsAfterARunOfOlderOnes) {
  for (int i = 0; i < 500; ++i) {
    server_.Folder(kUser).Add(
        "Date: " + DateLine(i < 490 ? 1 : 20) + "\r\n\r\n" + std::to_string(i) + "\r\n",
        WallTime());
  }
  OpenInbox();
  EXPECT_EQ(Listed(DayOf1971(20)), "491:500");
  EXPECT_GE(Commands("TOP"), 10 + kBeforeWindowRun);
  EXPECT_LE(Commands("TOP"), 10 + kBeforeWindowRun + kPipelineMessagesMax);
  const uint64_t asked = Commands("TOP");
  EXPECT_EQ(Listed(DayOf1971(20)), "491:500");
  EXPECT_EQ(Commands("TOP"), asked);
}

TEST_F(Pop3SessionTest, WithoutTopTheWindowIsEverything) {
  FillDays("Date");
  std::erase(script_.capabilities, "TOP");
  OpenInbox();
  EXPECT_EQ(Listed(DayOf1971(20)), "1:28");
  EXPECT_EQ(Commands("TOP"), 0U);
}

TEST_F(Pop3SessionTest, AnUnknownTopIsAskedOnce) {
  FillDays("Date");
  script_.capabilities = {};
  script_.unknown = {"TOP"};
  OpenInbox();
  EXPECT_EQ(Listed(DayOf1971(20)), "1:28");
  EXPECT_EQ(Listed(DayOf1971(20)), "1:28");
  EXPECT_EQ(Commands("TOP"), 1U);
}

class KeepingHeaders final : public HeaderSink {
 public:
  void OnHeader(Uid uid, std::string_view header) override { headers[uid] = header; }
  std::map<Uid, std::string> headers;
};

TEST_F(Pop3SessionTest, GivesHeadersAlone) {
  server_.Folder(kUser).Add("A: 1\r\n\r\nbody\r\n", WallTime());
  server_.Folder(kUser).Add(".B: 1\r\n\r\n", WallTime());
  server_.Folder(kUser).Add("C: 1\r\n\r\nbody\r\n\r\nmore\r\n", WallTime());
  for (const bool sends_all : {false, true}) {
    script_.top_sends_all = sends_all;
    KeepingHeaders sink;
    OpenInbox();
    UidSet uids;
    uids.AddRange({2, 9});
    ASSERT_TRUE(loop_.Await(session_->FetchHeaders(uids, sink)).ok());
    ASSERT_EQ(sink.headers.size(), 2U);
    EXPECT_EQ(sink.headers[2], ".B: 1\r\n\r\n");
    EXPECT_EQ(sink.headers[3], "C: 1\r\n\r\n");
    CloseSession();
  }
}

TEST_F(Pop3SessionTest, RefusesWhatPop3CannotDoAndGoesOn) {
  Fill(1);
  std::erase(script_.capabilities, "TOP");
  KeepingHeaders sink;
  OpenInbox();
  const UidSet uids = *ListUids();
  EXPECT_EQ(loop_.Await(session_->FetchHeaders(uids, sink)).code(), Code::kServerRefused);
  EXPECT_EQ(loop_.Await(session_->FetchFlags(uids, 0)).status().code(), Code::kServerRefused);
  EXPECT_EQ(loop_.Await(session_->WaitForNews(std::chrono::seconds(1))).status().code(),
            Code::kServerRefused);
  const auto polled = loop_.Await(session_->Poll());
  ASSERT_TRUE(polled.ok());
  EXPECT_FALSE(*polled);
  EXPECT_EQ(server_.counters.lines.back(), "NOOP");
  EXPECT_TRUE(FetchAll().ok());
  ExpectAllDelivered();
}

TEST_F(Pop3SessionTest, SaysQuit) {
  OpenInbox();
  CloseSession();
  EXPECT_EQ(server_.counters.lines.back(), "QUIT");
}

TEST_F(Pop3SessionTest, AServerThatIgnoresQuitIsLeftSoon) {
  OpenInbox();
  script_.hangs = "QUIT";
  const TimePoint before = clock_.Now();
  CloseSession();
  EXPECT_LE(clock_.Now() - before, std::chrono::seconds(3));
}

TEST_F(Pop3SessionTest, AfterAbortEverythingIsCancelled) {
  Fill(1);
  OpenInbox();
  loop_.Post([this] { session_->Abort(); });
  loop_.RunDue();
  EXPECT_EQ(ListUids().status().code(), Code::kCancelled);
  EXPECT_EQ(loop_.Await(session_->Poll()).status().code(), Code::kCancelled);
}

}  // namespace
}  // namespace mailhaul::pop3
