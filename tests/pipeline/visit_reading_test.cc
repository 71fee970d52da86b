// A large message is parsed from where it was stored: what cannot be read there is not taken for
// the message.
#include <string>

#include "tests/pipeline/visit_fixture.h"

namespace mailhaul::pipeline {
namespace {

// Its text lies behind what stays in memory.
std::string LargeMail() {
  return "Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
         "--b\r\nContent-Type: application/octet-stream\r\n\r\n" +
         std::string(size_t{2} << 20, 'x') +
         "\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n";
}

class VisitReadingTest : public testing::Test, protected VisitFixture {
 protected:
  VisitReadingTest() : VisitFixture({}) {}
};

TEST_F(VisitReadingTest, ALargeMessageThatCannotBeReadIsFetchedAgain) {
  Folder("INBOX").Add(LargeMail(), clock.WallNow() - std::chrono::hours(24));
  EXPECT_TRUE(Visit(Stage::kNew).window_needed);
  files.FailReads(1, 1, Status(Code::kIo, "too many open files"));
  EXPECT_EQ(Visit(Stage::kWindow).status.code(), Code::kIo);
  EXPECT_TRUE(Stored().empty());
  EXPECT_TRUE(Visit(Stage::kWindow).status.ok());
  const std::map<std::string, store::StoredMessage> stored = Stored();
  ASSERT_TRUE(stored.contains("large"));
  EXPECT_EQ(stored.at("large").content.preview, "hello");
  EXPECT_EQ(stored.at("large").content.unparsed_reason, "");
}

}  // namespace
}  // namespace mailhaul::pipeline
