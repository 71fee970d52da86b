// SMTP smuggling (CVE-2023-51764, -51765, -51766): a body that one server reads as one message and
// another as two.
#include <gtest/gtest.h>

#include <string>

#include "connectors/smtp/data_encoder.h"
#include "tests/support/smtp_data_decoder.h"

namespace mailhaul::smtp {
namespace {

using test_support::LineEnds;
using test_support::SmtpDataDecoder;

constexpr const char* kEnds[] = {
    "\n.\n",     "\n.\r\n",     "\r.\r",     "\r.\n",       "\r\n.\r",  "\r\n.\n",
    "\r\n.\r\n", "\r.\r\n",     "\n.\r",     "\r\n\r.\r\n", "\n\n.\n",  "\r\n.\r\r\n",
    "\r\r\n.\n", "\r\n.\n\r\n", "\n\r.\n\r", "\r\n..\r\n.", "\n.\r\n.", "\r\n.\r\n.\r\n",
};
constexpr const char* kSecond =
    "MAIL FROM:<ceo@victim.example>\r\nRCPT TO:<all@victim.example>\r\nDATA\r\n"
    "Subject: smuggled\r\n\r\nhi\r\n.\r\n";

TEST(SmugglingTest, NoServerSeesASecondMessage) {
  for (const char* end : kEnds) {
    const std::string message = "Subject: first\r\n\r\nhello" + std::string(end) + kSecond;
    for (size_t piece = 1; piece < 5; ++piece) {
      DataEncoder encoder(DotStuffing::kYes);
      std::string wire;
      for (size_t at = 0; at < message.size(); at += piece) {
        encoder.Append(std::string_view(message).substr(at, piece), &wire);
      }
      encoder.Finish(&wire);
      wire += kEndOfDataLine;
      for (const LineEnds line_ends : {LineEnds::kStrict, LineEnds::kLenient}) {
        SmtpDataDecoder server(line_ends);
        EXPECT_EQ(server.Take(wire), wire.size()) << message;
        EXPECT_TRUE(server.done());
        EXPECT_NE(server.message().find("MAIL FROM:<ceo@victim.example>\r\n"), std::string::npos);
      }
    }
  }
}

// The test's servers must be able to fail it.
TEST(SmugglingTest, LenientServersDoFallForIt) {
  SmtpDataDecoder lenient(LineEnds::kLenient);
  const std::string wire = "hello\n.\n" + std::string(kSecond) + ".\r\n";
  EXPECT_EQ(lenient.Take(wire), 8U);
  EXPECT_TRUE(lenient.done());
  SmtpDataDecoder strict(LineEnds::kStrict);
  EXPECT_GT(strict.Take(wire), 8U);
}

}  // namespace
}  // namespace mailhaul::smtp
