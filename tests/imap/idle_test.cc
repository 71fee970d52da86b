#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/imap/session_fixture.h"

namespace mailhaul::imap {
namespace {

class IdleTest : public SessionTest {
 protected:
  IdleTest() { server_.options.capabilities.emplace_back("IDLE"); }
  void At(Duration after, std::function<void()> what) {
    loop_.AddTimer(clock_.Now() + after, std::move(what));
  }
  Result<bool> Wait(Duration wait_max) { return loop_.Await(session_->WaitForNews(wait_max)); }
};

TEST_F(IdleTest, TellsOfNewMailWhenItComes) {
  OpenInbox();
  At(std::chrono::minutes(5), [this] {
    server_.Folder(kUser).Add("new", WallTime());
    server_.Announce();
  });
  const TimePoint before = clock_.Now();
  const Result<bool> news = Wait(std::chrono::hours(1));
  ASSERT_TRUE(news.ok()) << news.status().ToString();
  EXPECT_TRUE(*news);
  EXPECT_EQ(clock_.Now() - before, std::chrono::minutes(5));
  EXPECT_FALSE(loop_.Await(session_->Poll()).value());
  EXPECT_EQ(loop_.Await(session_->ListUids(std::nullopt)).value().size(), 1U);
}

TEST_F(IdleTest, IsIssuedAnewEvery28MinutesAndEndsInTime) {
  OpenInbox();
  const TimePoint before = clock_.Now();
  const Result<bool> news = Wait(std::chrono::minutes(60));
  ASSERT_TRUE(news.ok()) << news.status().ToString();
  EXPECT_FALSE(*news);
  EXPECT_EQ(clock_.Now() - before, std::chrono::minutes(60));
  EXPECT_EQ(server_.counters.commands["IDLE"], 3U);
  EXPECT_TRUE(loop_.Await(session_->Poll()).ok());
}

TEST_F(IdleTest, StopsWhenAsked) {
  OpenInbox();
  At(std::chrono::minutes(7), [this] { session_->StopWaiting(); });
  const TimePoint before = clock_.Now();
  const Result<bool> news = Wait(std::chrono::hours(5));
  ASSERT_TRUE(news.ok());
  EXPECT_FALSE(*news);
  EXPECT_EQ(clock_.Now() - before, std::chrono::minutes(7));
  session_->StopWaiting();  // Nothing waits: does nothing.
  EXPECT_FALSE(Wait(std::chrono::seconds(1)).value());
}

TEST_F(IdleTest, NewsFromBeforeIsToldAtOnce) {
  Fill(3);
  OpenInbox();
  server_.faults.unsolicited = true;
  UidSet uids;
  uids.Add(1);
  ASSERT_TRUE(loop_.Await(session_->FetchMeta(uids)).ok());
  EXPECT_TRUE(Wait(std::chrono::hours(1)).value());
  EXPECT_EQ(server_.counters.commands["IDLE"], 0U);
}

TEST_F(IdleTest, IsRefusedAtOnceWhereItIsNotOffered) {
  server_.options.capabilities = {};
  OpenInbox();
  EXPECT_EQ(Wait(std::chrono::hours(1)).status().code(), Code::kServerRefused);
  EXPECT_EQ(server_.counters.commands["IDLE"], 0U);
}

TEST_F(IdleTest, ARefusalLeavesTheSessionUsable) {
  OpenInbox();
  server_.faults.answers["IDLE"] = "NO not now";
  EXPECT_EQ(Wait(std::chrono::hours(1)).status().code(), Code::kServerRefused);
  EXPECT_TRUE(loop_.Await(session_->Poll()).ok());
}

TEST_F(IdleTest, ByeEndsIt) {
  OpenInbox();
  server_.faults.bye_while_idle = "* BYE idle for too long";
  EXPECT_EQ(Wait(std::chrono::hours(1)).status().code(), Code::kUnreachable);
}

TEST_F(IdleTest, AnAbortCancelsIt) {
  OpenInbox();
  At(std::chrono::minutes(3), [this] { session_->Abort(); });
  const TimePoint before = clock_.Now();
  EXPECT_EQ(Wait(std::chrono::hours(1)).status().code(), Code::kCancelled);
  EXPECT_EQ(clock_.Now() - before, std::chrono::minutes(3));
}

TEST_F(IdleTest, AServerThatDoesNotAnswerToDoneTimesOut) {
  canned_.replies = {"* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hi\r\n",
                     "* OK [UIDVALIDITY 1] x\r\n%T OK done\r\n", "+ idling\r\n* OK still here\r\n"};
  canned_.stays = true;
  UseCanned();
  OpenInbox();
  const TimePoint before = clock_.Now();
  EXPECT_EQ(Wait(std::chrono::minutes(10)).status().code(), Code::kTimeout);
  EXPECT_EQ(clock_.Now() - before, std::chrono::minutes(11));
  EXPECT_EQ(canned_.received.back(), "DONE");
}

TEST_F(IdleTest, AServerThatDoesNotAcceptIdleTimesOut) {
  canned_.replies = {"* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hi\r\n",
                     "* OK [UIDVALIDITY 1] x\r\n%T OK done\r\n", "* OK wait\r\n"};
  canned_.stays = true;
  UseCanned();
  OpenInbox();
  const TimePoint before = clock_.Now();
  EXPECT_EQ(Wait(std::chrono::hours(10)).status().code(), Code::kTimeout);
  EXPECT_EQ(clock_.Now() - before, options_.command_timeout);
}

TEST_F(IdleTest, AVerdictBeforeDoneIsAProtocolError) {
  canned_.replies = {"* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hi\r\n",
                     "* OK [UIDVALIDITY 1] x\r\n%T OK done\r\n", "+ idling\r\n%T OK done\r\n"};
  canned_.stays = true;
  UseCanned();
  OpenInbox();
  EXPECT_EQ(Wait(std::chrono::hours(1)).status().code(), Code::kProtocol);
}

}  // namespace
}  // namespace mailhaul::imap
