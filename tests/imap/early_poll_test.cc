// A check of an unchanged mailbox: the login and all it needs in one write.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/imap/session_fixture.h"

namespace mailhaul::imap {
namespace {

using Lines = std::vector<std::string>;

constexpr Duration kLatency = std::chrono::milliseconds(100);

test_support::MemoryNetworkOptions FarAway() {
  test_support::MemoryNetworkOptions options;
  options.latency = kLatency;
  return options;
}

class EarlyPollTest : public SessionTest {
 protected:
  EarlyPollTest() : SessionTest(FarAway()) {
    server_.options.capabilities = {"SASL-IR",     "LITERAL+", "ID",          "AUTH=PLAIN",
                                    "SPECIAL-USE", "ENABLE",   "LIST-STATUS", "NAMESPACE",
                                    "CONDSTORE",   "QRESYNC"};
  }
  // One session to learn from.
  void Learn() {
    std::shared_ptr<const KnownServer> learned;
    options_.learned = &learned;
    ASSERT_TRUE(Open().ok());
    CloseSession();
    options_.learned = nullptr;
    options_.remembered = learned;
    server_.counters.lines.clear();
  }
  Result<std::vector<FolderInfo>> Poll() {
    const Status opened = Open();
    if (!opened.ok()) {
      return opened;
    }
    return loop_.Await(session_->ListFolders(true));
  }
  static constexpr const char* kList =
      "LIST \"\" \"*\" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY UNSEEN "
      "HIGHESTMODSEQ))";
};

TEST_F(EarlyPollTest, CostsTheGreetingAndOneRoundTrip) {
  Fill(3);
  Learn();
  const TimePoint before = clock_.Now();
  const auto folders = Poll();
  ASSERT_TRUE(folders.ok()) << folders.status().ToString();
  // Connecting takes one latency, the greeting one, the round trip two.
  EXPECT_EQ(clock_.Now() - before, 4 * kLatency);
  ASSERT_EQ(folders->size(), 1U);
  EXPECT_EQ((*folders)[0].status->messages, 3U);
  EXPECT_EQ(server_.counters.lines, Lines({"AUTHENTICATE", "NAMESPACE", kList}));
  // The session is like any other.
  KnownFolder known;
  known.uid_validity = 1;
  known.modseq = 1;
  known.uid_next = 4;
  const auto opened = loop_.Await(session_->OpenFolder((*folders)[0], &known));
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(opened->resynchronized);
  EXPECT_EQ(server_.counters.lines.size(), 6U);
  EXPECT_EQ(server_.counters.lines[3], "ID (\"name\" \"mailhaul\")");
  EXPECT_EQ(server_.counters.lines[4], "ENABLE QRESYNC CONDSTORE");
}

TEST_F(EarlyPollTest, AnotherFirstCallIsCorrectToo) {
  Fill(3);
  Learn();
  OpenInbox();
  EXPECT_EQ(loop_.Await(session_->ListUids(std::nullopt)).value().size(), 3U);
  EXPECT_EQ(loop_.Await(session_->ListFolders(false)).value().size(), 1U);
}

TEST_F(EarlyPollTest, ARefusedLoginIsSaidAndLeavesNothingOpen) {
  Learn();
  credentials_.password = Secret("wrong");
  EXPECT_EQ(Poll().status().code(), Code::kAuthFailed);
  server_.faults.refuse_login = "NO [LIMIT] too many";
  EXPECT_EQ(Poll().status().code(), Code::kThrottled);
  for (const auto& [key, count] : network_.pools()) {
    EXPECT_EQ(count.open, 0U);
  }
}

TEST_F(EarlyPollTest, ARefusedTokenIsExplainedAlthoughNothingIsAnswered) {
  server_.options.capabilities.emplace_back("AUTH=XOAUTH2");
  credentials_.access_token = Secret(kPassword);
  Learn();
  EXPECT_TRUE(Poll().ok());
  CloseSession();
  credentials_.access_token = Secret("expired-token");
  EXPECT_EQ(Poll().status().code(), Code::kAuthFailed);
}

TEST_F(EarlyPollTest, AServerThatHasLostItsExtensionsIsAskedPlainly) {
  Fill(3);
  Learn();
  server_.options.capabilities = {"SASL-IR", "AUTH=PLAIN"};
  server_.faults.answers["NAMESPACE"] = "BAD what";
  server_.faults.answers["ID"] = "BAD what";
  const auto folders = Poll();
  ASSERT_TRUE(folders.ok()) << folders.status().ToString();
  EXPECT_EQ((*folders)[0].status->messages, 3U);
  CloseSession();
  server_.faults.answers["LIST"] = "BAD what";
  EXPECT_EQ(Poll().status().code(), Code::kServerRefused);
  EXPECT_EQ(server_.counters.lines.back(), "LIST \"\" \"*\"");
}

TEST_F(EarlyPollTest, WhereTheLoginNeedsMoreThanALineNothingIsSentEarly) {
  Learn();
  server_.options.capabilities = {"AUTH=PLAIN", "ID"};
  ASSERT_TRUE(Poll().ok());
  EXPECT_EQ(server_.counters.lines,
            Lines({"AUTHENTICATE", "LIST \"\" \"*\"",
                   "STATUS \"INBOX\" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)"}));
}

TEST_F(EarlyPollTest, AfterStartTlsNothingIsAskedThatIsRemembered) {
  network_.RegisterImap(kHost, 143, server_);
  server_.options.capabilities.emplace_back("STARTTLS");
  address_.port = 143;
  address_.security = Security::kStartTls;
  Fill(1);
  Learn();
  ASSERT_TRUE(Poll().ok());
  EXPECT_EQ(server_.counters.lines, Lines({"STARTTLS", "AUTHENTICATE", "NAMESPACE", kList}));
}

TEST_F(EarlyPollTest, WhereItDecidesHowNamesAreEncodedTheIntroductionComesFirst) {
  server_.options.capabilities.emplace_back("UTF8=ACCEPT");
  Learn();
  ASSERT_TRUE(Poll().ok());
  EXPECT_EQ(server_.counters.lines,
            Lines({"AUTHENTICATE", "ID (\"name\" \"mailhaul\")",
                   "ENABLE QRESYNC CONDSTORE UTF8=ACCEPT", "NAMESPACE", kList}));
}

TEST_F(EarlyPollTest, AServerThatWantsToKnowUsIsToldFirst) {
  Learn();
  options_.id_before_select = true;
  ASSERT_TRUE(Poll().ok());
  EXPECT_EQ(server_.counters.lines, Lines({"AUTHENTICATE", "ID (\"name\" \"mailhaul\")",
                                           "ENABLE QRESYNC CONDSTORE", "NAMESPACE", kList}));
}

TEST_F(EarlyPollTest, WhatIsStillRightIsNotLearnedAnew) {
  Learn();
  std::shared_ptr<const KnownServer> learned;
  options_.learned = &learned;
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(learned, options_.remembered);
  CloseSession();
  server_.options.capabilities.pop_back();
  ASSERT_TRUE(Open().ok());
  EXPECT_NE(learned, options_.remembered);
}

// With folders remembered.
class FolderMemoryTest : public EarlyPollTest {
 protected:
  FolderMemoryTest() {
    options_.folders = &memory_;
    Fill(3);
  }
  // After a session that has listed the folders.
  void LearnFolders() {
    Learn();
    ASSERT_TRUE(Poll().ok());
    CloseSession();
    loop_.Await(network_.Drain());
    server_.counters.lines.clear();
  }
  FolderMemory memory_;
  static constexpr const char* kStatus =
      "STATUS \"INBOX\" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)";
};

TEST_F(FolderMemoryTest, FewUnchangedFoldersCostAStatusEach) {
  LearnFolders();
  const auto folders = Poll();
  ASSERT_TRUE(folders.ok()) << folders.status().ToString();
  EXPECT_EQ(server_.counters.lines, Lines({"AUTHENTICATE", kStatus}));
  ASSERT_EQ(folders->size(), 1U);
  EXPECT_EQ((*folders)[0].status->messages, 3U);
  // Asked again, the session lists.
  ASSERT_TRUE(loop_.Await(session_->ListFolders(true)).ok());
  EXPECT_EQ(server_.counters.lines.back(), kList);
}

TEST_F(FolderMemoryTest, WhereSomethingChangedTheFoldersAreListed) {
  LearnFolders();
  Fill(1);
  server_.Folder("alice", "New").uid_validity = 9;
  const auto folders = Poll();
  ASSERT_TRUE(folders.ok()) << folders.status().ToString();
  EXPECT_EQ(server_.counters.lines, Lines({"AUTHENTICATE", kStatus, "NAMESPACE", kList}));
  EXPECT_EQ(folders->size(), 2U);
  EXPECT_EQ(memory_.folders.size(), 2U);
}

TEST_F(FolderMemoryTest, AFolderThatIsGoneOrRefusedIsAReasonToList) {
  LearnFolders();
  server_.faults.answers["STATUS"] = "NO no such mailbox";
  const auto folders = Poll();
  ASSERT_TRUE(folders.ok()) << folders.status().ToString();
  EXPECT_EQ(server_.counters.lines.back(), kList);
  CloseSession();
  server_.faults.answers["STATUS"] = "NO [LIMIT] slow down";
  EXPECT_EQ(Poll().status().code(), Code::kThrottled);
}

TEST_F(FolderMemoryTest, NowAndThenTheyAreListedAllTheSame) {
  LearnFolders();
  clock_.AdvanceTo(clock_.Now() + kListEvery);
  ASSERT_TRUE(Poll().ok());
  EXPECT_EQ(server_.counters.lines, Lines({"AUTHENTICATE", "NAMESPACE", kList}));
}

TEST_F(FolderMemoryTest, ManyFoldersAreListedAndNotRemembered) {
  for (const char* name : {"One", "Two", "Three"}) {
    server_.Folder("alice", name).uid_validity = 9;
  }
  LearnFolders();
  EXPECT_TRUE(memory_.folders.empty());
  ASSERT_TRUE(Poll().ok());
  EXPECT_EQ(server_.counters.lines, Lines({"AUTHENTICATE", "NAMESPACE", kList}));
}

TEST_F(FolderMemoryTest, AnotherFirstCallIsCorrectToo) {
  LearnFolders();
  OpenInbox();
  EXPECT_EQ(loop_.Await(session_->ListUids(std::nullopt)).value().size(), 3U);
}

// Where no news is expected the farewell goes with the question.
class EarlyLeaveTest : public FolderMemoryTest {
 protected:
  EarlyLeaveTest() { options_.leave_unless_news = true; }
};

TEST_F(EarlyLeaveTest, SavesTheRoundTripOfTheLogout) {
  LearnFolders();
  const TimePoint before = clock_.Now();
  const auto folders = Poll();
  ASSERT_TRUE(folders.ok()) << folders.status().ToString();
  EXPECT_EQ(folders->size(), 1U);
  EXPECT_FALSE(session_->left_with_news());
  EXPECT_EQ(server_.counters.lines, Lines({"AUTHENTICATE", kStatus, "LOGOUT"}));
  loop_.Await(session_->Close());
  EXPECT_EQ(clock_.Now() - before, 4 * kLatency);
  EXPECT_EQ(server_.counters.lines.size(), 3U);
}

TEST_F(EarlyLeaveTest, NewsIsForAnotherSession) {
  LearnFolders();
  Fill(1);
  EXPECT_EQ(Poll().status().code(), Code::kCancelled);
  EXPECT_TRUE(session_->left_with_news());
  EXPECT_EQ(server_.counters.lines, Lines({"AUTHENTICATE", kStatus, "LOGOUT"}));
  EXPECT_EQ(loop_.Await(session_->ListFolders(true)).status().code(), Code::kCancelled);
  CloseSession();
  options_.leave_unless_news = false;
  const auto folders = Poll();
  ASSERT_TRUE(folders.ok()) << folders.status().ToString();
  EXPECT_EQ((*folders)[0].status->messages, 4U);
}

TEST_F(EarlyLeaveTest, NothingElseCanBeAsked) {
  LearnFolders();
  ASSERT_TRUE(Poll().ok());
  const FolderInfo inbox = memory_.folders.front();
  EXPECT_EQ(loop_.Await(session_->OpenFolder(inbox, nullptr)).status().code(), Code::kCancelled);
  EXPECT_TRUE(session_->left_with_news());
}

TEST_F(EarlyLeaveTest, WhereFoldersAreListedItStays) {
  Learn();
  const auto folders = Poll();
  ASSERT_TRUE(folders.ok());
  EXPECT_EQ(server_.counters.lines, Lines({"AUTHENTICATE", "NAMESPACE", kList}));
  EXPECT_TRUE(loop_.Await(session_->OpenFolder(folders->front(), nullptr)).ok());
}

}  // namespace
}  // namespace mailhaul::imap
