#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/imap/session_fixture.h"

namespace mailhaul::imap {
namespace {

class FetchBodiesTest : public SessionTest {};

TEST_F(FetchBodiesTest, DeliversEveryBodyByteForByte) {
  const std::vector<MessageMeta> metas = Fill(700, 3000);
  OpenInbox();
  EXPECT_TRUE(FetchBodies(metas).ok());
  ExpectAllDelivered();
  EXPECT_EQ(server_.counters.bodies(), 700U);
  EXPECT_EQ(sink_.reserved, 700U);
}

TEST_F(FetchBodiesTest, NothingToFetchSendsNothing) {
  OpenInbox();
  EXPECT_TRUE(FetchBodies({}).ok());
  EXPECT_EQ(server_.counters.commands.count("UID FETCH"), 0U);
}

TEST_F(FetchBodiesTest, AsksInTheGivenOrder) {
  std::vector<MessageMeta> metas = Fill(401);
  std::reverse(metas.begin(), metas.end());
  OpenInbox();
  EXPECT_TRUE(FetchBodies(metas).ok());
  ExpectAllDelivered();
  const std::vector<std::string>& lines = server_.counters.lines;
  ASSERT_GE(lines.size(), 3U);
  EXPECT_EQ(lines[lines.size() - 3], "UID FETCH 202:401 (UID BODY.PEEK[])");
  EXPECT_EQ(lines[lines.size() - 2], "UID FETCH 2:201 (UID BODY.PEEK[])");
  EXPECT_EQ(lines[lines.size() - 1], "UID FETCH 1 (UID BODY.PEEK[])");
}

TEST_F(FetchBodiesTest, ReservesWithoutWaitingWhileSomethingIsInFlight) {
  const std::vector<MessageMeta> metas = Fill(1000);
  OpenInbox();
  EXPECT_TRUE(FetchBodies(metas).ok());
  EXPECT_EQ(sink_.reserves, 1U);
  EXPECT_GE(sink_.tries, 4U);
}

TEST_F(FetchBodiesTest, WaitsForMemoryOnlyWithNothingInFlight) {
  const std::vector<MessageMeta> metas = Fill(1000);
  sink_.refuse_try = true;
  OpenInbox();
  EXPECT_TRUE(FetchBodies(metas).ok());
  ExpectAllDelivered();
  EXPECT_EQ(sink_.reserves, 5U);
}

TEST_F(FetchBodiesTest, LargeMessagesTravelAloneAndInParts) {
  std::vector<MessageMeta> metas = Fill(2, 3 << 20);
  OpenInbox();
  EXPECT_TRUE(FetchBodies(metas).ok());
  ExpectAllDelivered();
  EXPECT_EQ(server_.counters.commands["UID FETCH"], 2U);
}

TEST_F(FetchBodiesTest, BodiesMayComeInAnyOrder) {
  const std::vector<MessageMeta> metas = Fill(450);
  server_.faults.reverse_order = true;
  OpenInbox();
  EXPECT_TRUE(FetchBodies(metas).ok());
  ExpectAllDelivered();
}

TEST_F(FetchBodiesTest, TheUidMayFollowTheBody) {
  const std::vector<MessageMeta> metas = Fill(450);
  server_.faults.uid_after_body = true;
  OpenInbox();
  EXPECT_TRUE(FetchBodies(metas).ok());
  ExpectAllDelivered();
}

TEST_F(FetchBodiesTest, ALargeBodyBeforeItsUidIsAskedForAlone) {
  const std::vector<MessageMeta> metas = Fill(3, (1 << 20) + 10);
  server_.faults.uid_after_body = true;
  OpenInbox();
  EXPECT_TRUE(FetchBodies(metas).ok());
  ExpectAllDelivered();
}

TEST_F(FetchBodiesTest, AResponseWithoutUidIsTakenWhereItCanMeanOneMessageOnly) {
  const std::vector<MessageMeta> metas = Fill(1);
  server_.faults.no_uid = true;
  OpenInbox();
  EXPECT_TRUE(FetchBodies(metas).ok());
  ExpectAllDelivered();
}

TEST_F(FetchBodiesTest, UnsolicitedResponsesAndForeignBodiesAreIgnored) {
  const std::vector<MessageMeta> metas = Fill(50);
  server_.faults.unsolicited = true;
  OpenInbox();
  EXPECT_TRUE(FetchBodies(metas).ok());
  ExpectAllDelivered();
  EXPECT_EQ(sink_.begun, 50U);
}

TEST_F(FetchBodiesTest, DoubledBodiesAreDeliveredOnce) {
  const std::vector<MessageMeta> metas = Fill(50);
  server_.faults.double_bodies = true;
  OpenInbox();
  EXPECT_TRUE(FetchBodies(metas).ok());
  ExpectAllDelivered();
  EXPECT_EQ(sink_.begun, 50U);
}

TEST_F(FetchBodiesTest, QuotedAndEmptyBodiesAreBodies) {
  std::vector<MessageMeta> metas = Fill(1, 10);
  server_.Folder(kUser).Add("", WallTime{});
  server_.Folder(kUser).Add("in quotes", WallTime{});
  server_.Folder(kUser).Add("", WallTime{});
  for (Uid uid = 2; uid <= 4; ++uid) {
    metas.emplace_back();
    metas.back().uid = uid;
  }
  server_.faults.quoted_uids = {3, 4};
  OpenInbox();
  EXPECT_TRUE(FetchBodies(metas).ok());
  ExpectAllDelivered();
}

TEST_F(FetchBodiesTest, ExpungedMessagesAreNotFound) {
  const std::vector<MessageMeta> metas = Fill(10);
  server_.Folder(kUser).Expunge(4);
  server_.faults.missing_uids = {7};
  OpenInbox();
  EXPECT_TRUE(FetchBodies(metas).ok());
  EXPECT_EQ(sink_.bodies.size(), 8U);
  ASSERT_EQ(sink_.refused.size(), 2U);
  EXPECT_EQ(sink_.refused[4].code(), Code::kNotFound);
  EXPECT_EQ(sink_.refused[7].code(), Code::kNotFound);
}

TEST_F(FetchBodiesTest, ABodyOfNilIsRejected) {
  const std::vector<MessageMeta> metas = Fill(3);
  server_.faults.nil_uids = {2};
  OpenInbox();
  EXPECT_TRUE(FetchBodies(metas).ok());
  EXPECT_EQ(sink_.bodies.size(), 2U);
  EXPECT_EQ(sink_.refused[2].code(), Code::kMessageRejected);
}

TEST_F(FetchBodiesTest, ARefusedMessageDoesNotTakeOthersWithIt) {
  for (const char* refusal : {"NO [SERVERBUG] cannot read \x01", "BAD Command Error. 12"}) {
    sink_ = KeepingSink();
    const std::vector<MessageMeta> metas = Fill(300);
    const Uid bad = metas[150].uid;
    server_.faults.refuse_uids = {bad};
    server_.faults.refusal = refusal;
    OpenInbox();
    EXPECT_TRUE(FetchBodies(metas).ok());
    EXPECT_EQ(sink_.bodies.size(), 299U);
    ASSERT_EQ(sink_.refused.size(), 1U);
    EXPECT_EQ(sink_.refused[bad].code(), Code::kMessageRejected);
    EXPECT_EQ(sink_.refused[bad].message().find('\x01'), std::string::npos);
    EXPECT_EQ(sink_.reserved, 300U);
    CloseSession();
  }
}

TEST_F(FetchBodiesTest, ThrottlingIsNoFaultOfTheMessage) {
  const std::vector<MessageMeta> metas = Fill(3);
  server_.faults.refuse_uids = {2};
  server_.faults.refusal = "NO [THROTTLED] Request is throttled";
  OpenInbox();
  EXPECT_EQ(FetchBodies(metas).code(), Code::kThrottled);
  EXPECT_TRUE(sink_.refused.empty());
}

TEST_F(FetchBodiesTest, SizesMayBeLies) {
  const std::vector<MessageMeta> metas = Fill(30);
  std::vector<MessageMeta> lies = metas;
  for (MessageMeta& meta : lies) {
    meta.size = meta.uid % 2 == 0 ? 0 : uint64_t{1} << 62;
  }
  OpenInbox();
  EXPECT_TRUE(FetchBodies(lies).ok());
  ExpectAllDelivered();
}

TEST_F(FetchBodiesTest, ABodyAboveTheLimitIsRejectedAndTheOthersDelivered) {
  for (const bool uid_after_body : {false, true}) {
    sink_ = KeepingSink();
    server_.Folder(kUser) = test_support::ScriptedFolder();
    server_.faults.uid_after_body = uid_after_body;
    std::vector<MessageMeta> metas = Fill(1, 5000);
    for (MessageMeta& meta : Fill(2, 100)) {
      metas.push_back(meta);
    }
    options_.body_bytes_max = 4999;
    OpenInbox();
    EXPECT_TRUE(FetchBodies(metas).ok());
    EXPECT_EQ(sink_.bodies.size(), 2U);
    EXPECT_EQ(sink_.refused[1].code(), Code::kMessageRejected);
    CloseSession();
  }
}

TEST_F(FetchBodiesTest, AFailureOfTheSinkEndsTheFetchAndTheSession) {
  const std::vector<MessageMeta> metas = Fill(5);
  sink_.fail_with = Status(Code::kNotFound, "a code that would spare the session elsewhere");
  OpenInbox();
  EXPECT_EQ(FetchBodies(metas).code(), Code::kNotFound);
  EXPECT_FALSE(loop_.Await(session_->ListUids(std::nullopt)).ok());
}

class SmallReadsTest : public SessionTest {
 protected:
  static test_support::MemoryNetworkOptions OneByteReads() {
    test_support::MemoryNetworkOptions options;
    options.read_bytes_max = 1;
    return options;
  }
  SmallReadsTest() : SessionTest(OneByteReads()) {}
};

TEST_F(SmallReadsTest, OneByteAtATimeGivesTheSame) {
  const std::vector<MessageMeta> metas = Fill(20);
  server_.faults.unsolicited = true;
  server_.faults.double_bodies = true;
  OpenInbox();
  const auto uids = loop_.Await(session_->ListUids(std::nullopt));
  ASSERT_TRUE(uids.ok());
  const auto fetched = loop_.Await(session_->FetchMeta(*uids));
  ASSERT_TRUE(fetched.ok());
  EXPECT_EQ(fetched->size(), 20U);
  EXPECT_TRUE(FetchBodies(metas).ok());
  ExpectAllDelivered();
}

}  // namespace
}  // namespace mailhaul::imap
