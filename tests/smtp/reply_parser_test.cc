#include "connectors/smtp/reply_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "connectors/smtp/limits.h"
#include "tests/smtp/parser_trace.h"

namespace mailhaul::smtp {
namespace {

TEST(ReplyParserTest, TakesCodeEnhancedCodeAndText) {
  struct Case {
    const char* input;
    uint16_t code;
    const char* enhanced;
    const char* text;
  };
  for (const Case& c : {
           Case{"250 OK\r\n", 250, "", "OK"},
           Case{"250\r\n", 250, "", ""},
           Case{"250 \r\n", 250, "", ""},
           Case{"250 OK\n", 250, "", "OK"},
           Case{"235 2.7.0 Accepted\r\n", 235, "2.7.0", "Accepted"},
           Case{"550 5.7.57\r\n", 550, "5.7.57", ""},
           Case{"451 4.7.500 Server busy\r\n", 451, "4.7.500", "Server busy"},
           Case{"550-5.1.1 no such\r\n550 5.1.1 user\r\n", 550, "5.1.1", "no such\nuser"},
           Case{"250-a\r\n250-b\r\n250 c\r\n", 250, "", "a\nb\nc"},
           Case{"550 4.1.1 class differs\r\n", 550, "", "4.1.1 class differs"},
           Case{"550 5.1 short\r\n", 550, "", "5.1 short"},
           Case{"550 5.1.1no space\r\n", 550, "", "5.1.1no space"},
           Case{"550 5.01.1 zero\r\n", 550, "", "5.01.1 zero"},
           Case{"550 5.1.1000 long\r\n", 550, "", "5.1.1000 long"},
           Case{"354 3.0.0 no such class\r\n", 354, "", "3.0.0 no such class"},
           Case{"220 a\rb\r\n", 220, "", "a\rb"},
       }) {
    ReplyParser parser;
    std::string_view input(c.input);
    const Result<bool> complete = parser.Next(&input);
    ASSERT_TRUE(complete.ok()) << c.input;
    EXPECT_TRUE(*complete) << c.input;
    EXPECT_TRUE(input.empty()) << c.input;
    EXPECT_TRUE(parser.idle()) << c.input;
    EXPECT_EQ(parser.reply().code, c.code) << c.input;
    EXPECT_EQ(parser.reply().enhanced.ToString(), c.enhanced) << c.input;
    EXPECT_EQ(parser.reply().text, c.text) << c.input;
  }
}

TEST(ReplyParserTest, LeavesWhatFollowsTheReply) {
  ReplyParser parser;
  std::string_view input = "250 one\r\n250 two\r\n25";
  EXPECT_TRUE(*parser.Next(&input));
  EXPECT_EQ(parser.reply().text, "one");
  EXPECT_TRUE(*parser.Next(&input));
  EXPECT_EQ(parser.reply().text, "two");
  EXPECT_FALSE(*parser.Next(&input));
  EXPECT_FALSE(parser.idle());
}

TEST(ReplyParserTest, RefusesWhatIsNoReply) {
  for (const char* input :
       {"\r\n", "25\r\n", "abc hello\r\n", "150 no such class\r\n", "650 none\r\n", " 250 ok\r\n",
        "2500 four\r\n", "250_ok\r\n", "250\tok\r\n", "* OK IMAP4rev1\r\n", "+OK POP3\r\n",
        "HTTP/1.1 400 Bad Request\r\n", "250-a\r\n251 b\r\n", "250-a\r\nb\r\n", "250-a\r\n\r\n",
        "\xFF\xFB\x01 220\r\n", "-250 a\r\n", "SSH-2.0-OpenSSH\r\n"}) {
    ParserTrace trace;
    trace.Feed(input);
    EXPECT_NE(trace.text().find("protocol"), std::string::npos) << input;
  }
}

TEST(ReplyParserTest, AFailureIsFinal) {
  ReplyParser parser;
  std::string_view bad = "what\r\n";
  EXPECT_EQ(parser.Next(&bad).status().code(), Code::kProtocol);
  std::string_view good = "250 OK\r\n";
  EXPECT_EQ(parser.Next(&good).status().code(), Code::kProtocol);
}

TEST(ReplyParserTest, KeepsItsLimits) {
  std::string lines;
  for (size_t i = 1; i < kReplyLinesMax; ++i) {
    lines += "250-x\r\n";
  }
  ParserTrace most;
  most.Feed(lines + "250 end\r\n");
  EXPECT_EQ(most.text().substr(0, 4), "250 ");
  ParserTrace too_many;
  too_many.Feed(lines + "250-x\r\n250 end\r\n");
  EXPECT_NE(too_many.text().find("protocol"), std::string::npos);

  ParserTrace longest;
  longest.Feed("250 " + std::string(kReplyLineBytesMax - 5, 'x') + "\r\n");
  EXPECT_EQ(longest.text().substr(0, 4), "250 ");
  ParserTrace too_long;  // Found before the line ends.
  too_long.Feed("250 " + std::string(kReplyLineBytesMax, 'x'));
  EXPECT_NE(too_long.text().find("protocol"), std::string::npos);

  std::string large;
  for (size_t bytes = 0; bytes <= kReplyBytesMax; bytes += 4000) {
    large += "250-" + std::string(4000, 'x') + "\r\n";
  }
  ParserTrace too_large;
  too_large.Feed(large);
  EXPECT_NE(too_large.text().find("protocol"), std::string::npos);
}

TEST(ReplyParserTest, PiecesDoNotMatter) {
  for (const char* input :
       {"220 mx ESMTP\r\n250-mx\r\n250-SIZE 1\r\n250 DSN\r\n", "250-5.1.1 a\n550 b\r\n",
        "250 a\r\n\r\n", "421 4.7.0 \xFF\r\n354 go\r\nxyz\r\n", "250-2.0.0 a\r\n250 2.0.0 b\n"}) {
    const std::string text(input);
    ParserTrace whole;
    whole.Feed(text);
    for (size_t piece = 1; piece <= text.size(); ++piece) {
      ParserTrace pieces;
      for (size_t at = 0; at < text.size(); at += piece) {
        pieces.Feed(std::string_view(text).substr(at, piece));
      }
      EXPECT_EQ(pieces.text(), whole.text()) << input << " in pieces of " << piece;
    }
  }
}

TEST(ReplyTest, MessagesAreEscapedLines) {
  Reply reply;
  reply.code = 550;
  reply.enhanced = {5, 1, 1};
  reply.text = "no\nsuch\x1B[31m";
  EXPECT_EQ(reply.ToString(), "550 5.1.1 no such\\x1b[31m");
}

}  // namespace
}  // namespace mailhaul::smtp
