#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "connectors/imap/imap_session.h"
#include "connectors/imap/response_parser.h"
#include "tests/imap/parser_trace.h"

namespace mailhaul::imap {
namespace {

bool IsRefused(const std::string& text) {
  ParserTrace trace;
  trace.Feed(text);
  EXPECT_TRUE(!trace.failed() || trace.failure().code() == Code::kProtocol);
  return trace.failed();
}

const std::vector<std::string>& BrokenResponses() {
  static const std::vector<std::string> broken = {
      "\r\n",
      "garbage\r\n",
      "A1 MAYBE done\r\n",
      "*\r\n",
      "* \r\n",
      "* 1\r\n",
      "* 0 EXPUNGE\r\n",
      "* 0 FETCH (UID 1)\r\n",
      "* 4294967296 EXISTS\r\n",
      "* 99999999999999999999 EXISTS\r\n",
      "* 1 FETCH (UID 0)\r\n",
      "* 1 FETCH (UID 4294967296)\r\n",
      "* 1 FETCH (UID -5)\r\n",
      "* 1 FETCH (UID 1 UID 2)\r\n",
      "* 1 FETCH (RFC822.SIZE -1)\r\n",
      "* 1 FETCH (RFC822.SIZE 9223372036854775808)\r\n",
      "* 1 FETCH (FLAGS (\\Seen)\r\n",
      "* 1 FETCH (UID 1\r\n",
      "* 1 FETCH UID 1\r\n",
      "* 1 FETCH (UID 1) x\r\n",
      "* 1 FETCH (BODY[] NIL BODY[] NIL)\r\n",
      "* 1 FETCH (BODY[HEADER \"x\")\r\n",
      "* 1 FETCH (X \"unclosed)\r\n",
      "* SEARCH 0\r\n",
      "* SEARCH 1,2\r\n",
      "* SEARCH 4294967296\r\n",
      "* SEARCH 1 x\r\n",
      "* ESEARCH UID ALL 1:\r\n",
      "* ESEARCH UID ALL 1,\r\n",
      "* ESEARCH UID ALL 0:5\r\n",
      "* ESEARCH UID ALL 1:*\r\n",
      "* LIST () \"//\" a\r\n",
      "* LIST () \"/\"\r\n",
      "* LIST (\\Sent \"/\" a\r\n",
      "* STATUS a (MESSAGES)\r\n",
      "* LIST () \"/\" {4294967296}\r\n",
      "* 1 FETCH (BODY[] {99999999999999999999}\r\n",
      "* 1 FETCH (BODY[] {4294967296}\r\n",
  };
  return broken;
}

TEST(ResponseParserHostileTest, RefusesBrokenResponses) {
  for (const std::string& text : BrokenResponses()) {
    EXPECT_TRUE(IsRefused(text)) << text;
  }
}

TEST(ResponseParserHostileTest, RefusesBrokenResponsesOfExtensions) {
  const std::vector<std::string> broken = {
      "* STATUS a (MESSAGES 4294967296)\r\n",
      "* STATUS a (HIGHESTMODSEQ 9223372036854775808)\r\n",
      "* STATUS a (HIGHESTMODSEQ -1)\r\n",
      "* VANISHED\r\n",
      "* VANISHED \r\n",
      "* VANISHED 1,\r\n",
      "* VANISHED 1,,2\r\n",
      "* VANISHED 0\r\n",
      "* VANISHED 0:5\r\n",
      "* VANISHED 1:*\r\n",
      "* VANISHED 1:4294967296\r\n",
      "* VANISHED 1 2\r\n",
      "* VANISHED (EARLIER)\r\n",
      "* VANISHED (EARLIER) 5,\r\n",
      "* VANISHED (LATER) 5\r\n",
      "* 1 FETCH (MODSEQ 5)\r\n",
      "* 1 FETCH (MODSEQ (9223372036854775808))\r\n",
      "* 1 FETCH (MODSEQ (5 6))\r\n",
      "* 1 FETCH (X-GM-LABELS \\Inbox)\r\n",
      "* 1 FETCH (X-GM-LABELS (a)\r\n",
      "* 1 FETCH (THREADID (a b))\r\n",
      "* 1 FETCH (THREADID ())\r\n",
      "* 1 FETCH (BODY[HEADER] NIL BODY[HEADER] NIL)\r\n",
      "* 1 FETCH (BODY[HEADER] {4294967296}\r\n",
      "* NAMESPACE\r\n",
      "* NAMESPACE ((\"\" \"//\")) NIL NIL\r\n",
      "* NAMESPACE ((\"\" \"/\") NIL NIL\r\n",
      "* NAMESPACE NIL NIL\r\n",
  };
  for (const std::string& text : broken) {
    EXPECT_TRUE(IsRefused(text)) << text;
  }
}

TEST(ResponseParserHostileTest, StaysFailedAfterAFailure) {
  ResponseParser parser;
  std::string_view broken = "garbage\r\n";
  EXPECT_FALSE(parser.Next(&broken).ok());
  std::string_view fine = "* OK fine\r\n";
  EXPECT_FALSE(parser.Next(&fine).ok());
}

TEST(ResponseParserHostileTest, RefusesALineWithoutEnd) {
  ParserTrace trace;
  const std::string chunk(64 * 1024, 'x');
  trace.Feed("* OK ");
  for (size_t sent = 0; sent <= kLineBytesMax && !trace.failed(); sent += chunk.size()) {
    trace.Feed(chunk);
  }
  EXPECT_TRUE(trace.failed());
}

TEST(ResponseParserHostileTest, RefusesASearchWithoutEnd) {
  ParserTrace trace;
  std::string chunk;
  while (chunk.size() < 256 * 1024) {
    chunk += " 4294967295";
  }
  trace.Feed("* SEARCH");
  size_t sent = 0;
  for (; sent <= kSearchBytesMax && !trace.failed(); sent += chunk.size()) {
    trace.Feed(chunk);
  }
  EXPECT_TRUE(trace.failed());
  EXPECT_GT(sent, kSearchBytesMax / 2);
}

TEST(ResponseParserHostileTest, RefusesDeepNestingAtTheLimit) {
  const auto nested = [](size_t depth) {
    return "* 1 FETCH (X " + std::string(depth, '(') + std::string(depth, ')') + ")\r\n";
  };
  EXPECT_FALSE(IsRefused(nested(kListDepthMax)));
  EXPECT_TRUE(IsRefused(nested(kListDepthMax + 1)));
  EXPECT_TRUE(IsRefused(nested(100'000)));
}

TEST(ResponseParserHostileTest, RefusesSmallLiteralsBeyondTheirLimits) {
  const auto list = [](size_t bytes) {
    return "* LIST () \"/\" {" + std::to_string(bytes) + "}\r\n" + std::string(bytes, 'a') + "\r\n";
  };
  EXPECT_FALSE(IsRefused(list(kSmallLiteralBytesMax)));
  EXPECT_TRUE(IsRefused(list(kSmallLiteralBytesMax + 1)));
  std::string many = "* 1 FETCH (X (";
  for (size_t i = 0; i <= kLiteralsPerResponseMax; ++i) {
    many += "{1}\r\na ";
  }
  EXPECT_TRUE(IsRefused(many + "))\r\n"));
}

TEST(ResponseParserHostileTest, RefusesALiteralOfAnotherItemHoweverItIsCalled) {
  EXPECT_TRUE(IsRefused("* 1 FETCH (BODY[TEXT] {100000}\r\n"));
  EXPECT_TRUE(IsRefused("* 1 FETCH (BODY[HEADER.FIELDS (DATE)] {100000}\r\n"));
  EXPECT_TRUE(IsRefused("* 1 FETCH (X (BODY[HEADER] {100000}\r\n"));
  EXPECT_TRUE(IsRefused("* 1 FETCH (X \"BODY[] {100000}\r\n"));
  EXPECT_TRUE(IsRefused("* 1 FETCH (X (BODY[] {100000}\r\n"));
  EXPECT_TRUE(IsRefused("* LIST (BODY[] {100000}\r\n"));
}

TEST(ResponseParserHostileTest, ASecondBodyInOneResponseIsRefused) {
  EXPECT_TRUE(IsRefused("* 1 FETCH (UID 1 BODY[] {1}\r\na BODY[] {1}\r\nb)\r\n"));
  EXPECT_TRUE(IsRefused("* 1 FETCH (UID 1 BODY[HEADER] {1}\r\na BODY[] {1}\r\nb)\r\n"));
}

TEST(ResponseParserHostileTest, KeepsBoundedCapabilities) {
  std::string text = "* CAPABILITY";
  for (size_t i = 0; i < kCapabilitiesMax * 2; ++i) {
    text += " C" + std::to_string(i);
  }
  text += "\r\n";
  ResponseParser parser;
  std::string_view input(text);
  ASSERT_TRUE(parser.Next(&input).ok());
  EXPECT_EQ(parser.response().capabilities.size(), kCapabilitiesMax);
}

TEST(ResponseParserHostileTest, FailureMessagesAreEscapedAndShort) {
  ParserTrace trace;
  trace.Feed("\x1b[2J" + std::string(5000, 'x') + "\r\n");
  ASSERT_TRUE(trace.failed());
  EXPECT_LT(trace.failure().message().size(), 300U);
  EXPECT_EQ(trace.failure().message().find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace mailhaul::imap
