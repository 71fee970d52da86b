#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/imap/session_fixture.h"

namespace mailhaul::imap {
namespace {

class FetchBodiesHostileTest : public SessionTest {
 protected:
  // FetchBodies() of UIDs 1 and 2 from a server that answers with `reply` and then closes.
  Status FetchFrom(const std::string& reply) {
    CannedServer& canned = canned_;
    canned.replies = {"* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n",
                      "* 2 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n%T OK done\r\n", reply};
    UseCanned();
    OpenInbox();
    std::vector<MessageMeta> metas(2);
    metas[0].uid = 1;
    metas[1].uid = 2;
    const Status done = FetchBodies(metas);
    CloseSession();
    loop_.Await(network_.Drain());
    canned_ = CannedServer();
    return done;
  }
};

TEST_F(FetchBodiesHostileTest, TheEndOfTheStreamWithinABodyKeepsNothing) {
  EXPECT_EQ(FetchFrom("* 1 FETCH (UID 1 BODY[] {100}\r\nhalf").code(), Code::kUnreachable);
  EXPECT_EQ(sink_.begun, 1U);
  EXPECT_TRUE(sink_.bodies.empty());
  EXPECT_TRUE(sink_.refused.empty());
}

TEST_F(FetchBodiesHostileTest, AByeThatIsPartOfABodyIsText) {
  EXPECT_EQ(FetchFrom("* 1 FETCH (UID 1 BODY[] {9}\r\n* BYE x\r\n)\r\n").code(),
            Code::kUnreachable);
  EXPECT_EQ(sink_.bodies[1], "* BYE x\r\n");
}

TEST_F(FetchBodiesHostileTest, ABodyWithoutTheEndOfItsResponseDoesNotCount) {
  for (const char* tail : {"", " garbage", " UID 2)\r\n", "\r\n", " BODY[] {1}\r\nx)\r\n"}) {
    EXPECT_FALSE(FetchFrom(std::string("* 1 FETCH (UID 1 BODY[] {2}\r\nhi") + tail).ok()) << tail;
    EXPECT_TRUE(sink_.bodies.empty()) << tail;
  }
}

TEST_F(FetchBodiesHostileTest, GarbageIsAProtocolError) {
  EXPECT_EQ(FetchFrom("garbage\r\n").code(), Code::kProtocol);
  EXPECT_EQ(FetchFrom("* 1 FETCH (UID 0 BODY[] {2}\r\nhi)\r\n").code(), Code::kProtocol);
  EXPECT_EQ(FetchFrom("* 1 FETCH (UID 1 BODY[] {4294967296}\r\n").code(), Code::kProtocol);
  EXPECT_EQ(FetchFrom("A999 OK done\r\n").code(), Code::kProtocol);
  EXPECT_TRUE(sink_.bodies.empty());
  EXPECT_TRUE(sink_.refused.empty());
}

TEST_F(FetchBodiesHostileTest, ByeEndsTheFetch) {
  EXPECT_EQ(FetchFrom("* BYE going down\r\n").code(), Code::kUnreachable);
  EXPECT_EQ(FetchFrom("* BYE [THROTTLED] slow down\r\n").code(), Code::kThrottled);
  EXPECT_TRUE(sink_.refused.empty());
}

TEST_F(FetchBodiesHostileTest, ASilentServerTimesOutWithinABody) {
  CannedServer& canned = canned_;
  canned.replies = {"* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n",
                    "* 2 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n%T OK done\r\n",
                    "* 1 FETCH (UID 1 BODY[] {100}\r\nhalf"};
  canned.stays = true;
  UseCanned();
  OpenInbox();
  std::vector<MessageMeta> metas(1);
  metas[0].uid = 1;
  EXPECT_EQ(FetchBodies(metas).code(), Code::kTimeout);
  EXPECT_TRUE(sink_.bodies.empty());
}

TEST_F(FetchBodiesHostileTest, WhereverTheConnectionIsCutNothingIsHalfOrWrong) {
  const std::vector<MessageMeta> metas = Fill(6, 40);
  server_.faults.unsolicited = true;
  size_t finished = 0;
  for (size_t cut = 0; cut < 6000; cut += 7) {
    sink_ = KeepingSink();
    server_.faults.cut_after_bytes = cut;
    if (!Open().ok()) {
      continue;
    }
    const auto opened = loop_.Await(session_->OpenFolder(Inbox(), nullptr));
    const Status done = opened.ok() ? FetchBodies(metas) : opened.status();
    CloseSession();
    for (const auto& [uid, body] : sink_.bodies) {
      EXPECT_EQ(body, *server_.Folder(kUser).Find(uid)->raw) << cut;
    }
    EXPECT_TRUE(sink_.refused.empty()) << cut;
    EXPECT_EQ(done.ok(), sink_.bodies.size() == metas.size() && done.ok()) << cut;
    finished += done.ok() ? 1 : 0;
  }
  EXPECT_GT(finished, 0U);
}

}  // namespace
}  // namespace mailhaul::imap
