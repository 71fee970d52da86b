#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "connectors/net/deflate.h"
#include "tests/imap/session_fixture.h"

namespace mailhaul::imap {
namespace {

class CompressTest : public SessionTest {
 protected:
  CompressTest() {
    server_.options.capabilities.emplace_back("COMPRESS=DEFLATE");
    options_.compress = true;
  }
};

TEST_F(CompressTest, BodiesComeCompressedWholeAndTheSessionGoesOn) {
  const std::vector<MessageMeta> metas = Fill(50, 5000);
  OpenInbox();
  ASSERT_TRUE(FetchBodies(metas).ok());
  ExpectAllDelivered();
  EXPECT_EQ(server_.counters.commands["COMPRESS"], 1U);
  EXPECT_EQ(loop_.Await(session_->ListUids(std::nullopt)).value().size(), 50U);
  EXPECT_FALSE(loop_.Await(session_->Poll()).value());
}

TEST_F(CompressTest, IsNotUsedForLittle) {
  const std::vector<MessageMeta> metas = Fill(5, 100);
  OpenInbox();
  ASSERT_TRUE(FetchBodies(metas).ok());
  EXPECT_EQ(server_.counters.commands["COMPRESS"], 0U);
}

TEST_F(CompressTest, IsNotUsedUnlessWantedOfferedAndSound) {
  const std::vector<MessageMeta> metas = Fill(50, 5000);
  for (int i = 0; i < 3; ++i) {
    sink_ = KeepingSink();
    options_.compress = i != 0;
    options_.broken =
        i == 1 ? std::vector<std::string>{"COMPRESS=DEFLATE"} : std::vector<std::string>();
    if (i == 2) {
      server_.options.capabilities = {};
    }
    OpenInbox();
    ASSERT_TRUE(FetchBodies(metas).ok());
    CloseSession();
  }
  EXPECT_EQ(server_.counters.commands["COMPRESS"], 0U);
}

TEST_F(CompressTest, ARefusalMeansToGoOnWithout) {
  const std::vector<MessageMeta> metas = Fill(50, 5000);
  server_.faults.answers["COMPRESS"] = "NO [COMPRESSIONACTIVE] TLS does it";
  OpenInbox();
  ASSERT_TRUE(FetchBodies(metas).ok());
  ExpectAllDelivered();
}

TEST_F(CompressTest, PlainTextBehindTheOkEndsTheSession) {
  const std::vector<MessageMeta> metas = Fill(50, 5000);
  server_.faults.after_compress = "* 1 FETCH (UID 1 BODY[] {4}\r\nevil)\r\n";
  OpenInbox();
  EXPECT_EQ(FetchBodies(metas).code(), Code::kProtocol);
  EXPECT_TRUE(sink_.bodies.empty());
}

TEST_F(CompressTest, ABombEndsTheSession) {
  net::Deflater deflater;
  std::string bomb;
  deflater.Deflate("* 1 FETCH (UID 1 BODY[] {60000000}\r\n", bomb);
  for (int i = 0; i < 60; ++i) {
    deflater.Deflate(std::string(1'000'000, '\0'), bomb);
  }
  ASSERT_LT(bomb.size(), size_t{200} * 1024);
  canned_.replies = {"* PREAUTH [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] hi\r\n",
                     "* 1 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n%T OK done\r\n",
                     "%T OK compressing\r\n" + bomb};
  canned_.stays = true;
  UseCanned();
  OpenInbox();
  std::vector<MessageMeta> metas(1);
  metas[0].uid = 1;
  metas[0].size = 60'000'000;
  EXPECT_EQ(FetchBodies(metas).code(), Code::kProtocol);
  EXPECT_TRUE(sink_.bodies.empty());
}

}  // namespace
}  // namespace mailhaul::imap
