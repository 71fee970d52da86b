#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/pop3/session_fixture.h"

namespace mailhaul::pop3 {
namespace {

class Pop3BodiesTest : public SessionTest {};

TEST_F(Pop3BodiesTest, DeliversEveryBodyByteForByte) {
  Fill(700, 3000);
  OpenInbox();
  EXPECT_TRUE(FetchAll().ok());
  ExpectAllDelivered();
  EXPECT_EQ(server_.counters.bodies(), 700U);
  EXPECT_EQ(sink_.reserved, 700U);
  EXPECT_EQ(sink_.reserves, 1U);
  EXPECT_GT(sink_.tries, 10U);
}

TEST_F(Pop3BodiesTest, OddMessagesComeBackAsTheyAre) {
  for (const char* raw :
       {"\r\n", ".\r\n", "..\r\n.\r\n\r\n", "a\n.\r\nb\r\n", "a\r.\r\n", "\n\n.\n\r\n",
        "S: x\r\n\r\n.hidden\r\n", "+OK\r\n-ERR x\r\n", "a\n.\r\n+OK 3 octets\r\nevil\r\n"}) {
    server_.Folder(kUser).Add(raw, WallTime());
  }
  OpenInbox();
  EXPECT_TRUE(FetchAll().ok());
  ExpectAllDelivered();
}

TEST_F(Pop3BodiesTest, AsksInTheGivenOrder) {
  Fill(3);
  OpenInbox();
  auto metas = FetchMeta();
  ASSERT_TRUE(metas.ok());
  std::reverse(metas->begin(), metas->end());
  EXPECT_TRUE(FetchBodies(*metas).ok());
  EXPECT_EQ(sink_.order, std::vector<Uid>({3, 2, 1}));
}

TEST_F(Pop3BodiesTest, WithoutPipeliningOneCommandAtATime) {
  std::erase(script_.capabilities, "PIPELINING");
  Fill(5);
  OpenInbox();
  EXPECT_TRUE(FetchAll().ok());
  ExpectAllDelivered();
  EXPECT_EQ(sink_.reserves, 5U);
  EXPECT_EQ(sink_.tries, 0U);
}

TEST_F(Pop3BodiesTest, WaitsForMemoryOnlyWithNothingInFlight) {
  Fill(200);
  sink_.refuse_try = true;
  OpenInbox();
  EXPECT_TRUE(FetchAll().ok());
  ExpectAllDelivered();
  EXPECT_EQ(sink_.reserves, 200 / kPipelineMessagesMax);
}

TEST_F(Pop3BodiesTest, SizesAreKnownUpToTheBufferAndNotBeyond) {
  Fill(1, kBodyBufferBytesMax);
  Fill(1, kBodyBufferBytesMax + 1);
  Fill(1, 3 << 20);
  OpenInbox();
  EXPECT_TRUE(FetchAll().ok());
  ExpectAllDelivered();
  EXPECT_EQ(sink_.unsized, 2U);
}

TEST_F(Pop3BodiesTest, SizesMayBeLies) {
  Fill(30);
  Fill(1, 2 << 20);
  for (const int64_t lie : {int64_t{-100}, int64_t{1} << 40, int64_t{-1} << 40}) {
    sink_ = KeepingSink();
    server_.faults.size_lie = lie;
    OpenInbox();
    EXPECT_TRUE(FetchAll().ok());
    ExpectAllDelivered();
    CloseSession();
  }
}

TEST_F(Pop3BodiesTest, AMessageAboveTheLimitIsRejectedAndTheOthersDelivered) {
  Fill(1, 5000);
  Fill(2, 100);
  server_.faults.size_lie = -4900;
  options_.body_bytes_max = 4999;
  OpenInbox();
  EXPECT_TRUE(FetchAll().ok());
  EXPECT_EQ(sink_.bodies.size(), 2U);
  EXPECT_EQ(sink_.refused[1].code(), Code::kMessageRejected);
}

TEST_F(Pop3BodiesTest, AStreamedMessageAboveTheLimitIsDiscardedByTheSink) {
  Fill(1, 3 << 20);
  Fill(1, 100);
  options_.body_bytes_max = 2 << 20;
  OpenInbox();
  EXPECT_TRUE(FetchAll().ok());
  EXPECT_EQ(sink_.unsized, 1U);
  EXPECT_EQ(sink_.bodies.size(), 1U);
  EXPECT_EQ(sink_.refused[1].code(), Code::kMessageRejected);
}

TEST_F(Pop3BodiesTest, AMessageWithoutEndIsRejectedBeforeTheSessionEnds) {
  Fill(1);
  script_.endless = "RETR";
  options_.body_bytes_max = 100000;
  OpenInbox();
  EXPECT_EQ(FetchAll().code(), Code::kProtocol);
  EXPECT_TRUE(sink_.bodies.empty());
  EXPECT_EQ(sink_.refused[1].code(), Code::kMessageRejected);
}

TEST_F(Pop3BodiesTest, ARefusedMessageDoesNotTakeOthersWithIt) {
  Fill(120);
  server_.faults.refuse_uids = {60, 120};
  server_.faults.refusal = "-ERR cannot read \x01";
  OpenInbox();
  EXPECT_TRUE(FetchAll().ok());
  EXPECT_EQ(sink_.bodies.size(), 118U);
  ASSERT_EQ(sink_.refused.size(), 2U);
  EXPECT_EQ(sink_.refused[60].code(), Code::kMessageRejected);
  EXPECT_EQ(sink_.refused[60].message().find('\x01'), std::string::npos);
  EXPECT_EQ(Commands("NOOP"), 1U);  // Whether the server lives after the last refusal.
}

TEST_F(Pop3BodiesTest, TheLastWordOfAServerThatHangsUpCondemnsNoMessage) {
  Fill(3);
  script_.hangs_up = "RETR";
  script_.last_words = "-ERR Disconnected for inactivity\r\n";
  OpenInbox();
  EXPECT_EQ(FetchAll().code(), Code::kUnreachable);
  EXPECT_TRUE(sink_.refused.empty());
}

TEST_F(Pop3BodiesTest, ThrottlingAndTroubleAreNoFaultOfTheMessage) {
  Fill(3);
  server_.faults.refuse_uids = {2};
  const std::pair<const char*, Code> kCases[] = {
      {"-ERR [SYS/TEMP] disk", Code::kUnreachable},
      {"-ERR [IN-USE] lost the lock", Code::kThrottled},
      {"-ERR bandwidth limit exceeded", Code::kThrottled},
  };
  for (const auto& [refusal, code] : kCases) {
    sink_ = KeepingSink();
    server_.faults.refusal = refusal;
    OpenInbox();
    EXPECT_EQ(FetchAll().code(), code) << refusal;
    EXPECT_TRUE(sink_.refused.empty());
    CloseSession();
  }
}

TEST_F(Pop3BodiesTest, AnEmptyMessageThatHasASizeIsRejected) {
  Fill(2);
  script_.raw[1] = ".\r\n";
  OpenInbox();
  EXPECT_TRUE(FetchAll().ok());
  EXPECT_EQ(sink_.bodies.size(), 1U);
  EXPECT_EQ(sink_.refused[1].code(), Code::kMessageRejected);
}

TEST_F(Pop3BodiesTest, AFailureOfTheSinkEndsTheFetchAndTheSession) {
  Fill(5);
  sink_.fail_with = Status(Code::kServerRefused, "a code that would spare the session elsewhere");
  OpenInbox();
  EXPECT_EQ(FetchAll().code(), Code::kServerRefused);
  EXPECT_FALSE(loop_.Await(session_->Poll()).ok());
}

TEST_F(Pop3BodiesTest, AUidThatIsNotListedIsAMistakeOfTheCaller) {
  Fill(1);
  OpenInbox();
  std::vector<MessageMeta> metas(1);
  metas[0].uid = 7;
  EXPECT_EQ(FetchBodies(metas).code(), Code::kInvalidArgument);
  EXPECT_TRUE(sink_.refused.empty());
}

TEST_F(Pop3BodiesTest, BareLfServersAreRead) {
  script_.bare_lf = true;
  server_.Folder(kUser).Add("S: x\n\n.a\nb\n", WallTime());
  server_.Folder(kUser).Add("S: y\n\n\n", WallTime());
  OpenInbox();
  EXPECT_TRUE(FetchAll().ok());
  ExpectAllDelivered();
}

TEST_F(Pop3BodiesTest, WhereverTheConnectionIsCutNothingIsHalfOrWrong) {
  Fill(6, 60);
  size_t finished = 0;
  for (size_t cut = 0; cut < 900; ++cut) {
    sink_ = KeepingSink();
    directory_ = test_support::FakeUidlDirectory();
    server_.faults.cut_after_bytes = cut;
    const Status opened = TryOpenInbox();
    const Status done = opened.ok() ? FetchAll() : opened;
    for (const auto& [uid, body] : sink_.bodies) {
      EXPECT_EQ(body, *server_.Folder(kUser).Find(uid)->raw) << cut;
    }
    EXPECT_TRUE(sink_.refused.empty()) << cut;
    EXPECT_TRUE(done.ok() || done.code() == Code::kUnreachable) << cut << done.ToString();
    EXPECT_TRUE(!done.ok() || sink_.bodies.size() == 6U) << cut;
    finished += done.ok() ? 1 : 0;
    if (session_ != nullptr) {
      CloseSession();
    }
  }
  EXPECT_GT(finished, 0U);
  EXPECT_LT(finished, 500U);
}

}  // namespace
}  // namespace mailhaul::pop3
