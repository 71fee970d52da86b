#include "connectors/pop3/response_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "connectors/pop3/pop3_session.h"
#include "tests/pop3/parser_trace.h"

namespace mailhaul::pop3 {
namespace {

// The same whatever the size of the pieces.
ParserTrace Trace(const std::string& input, const std::vector<Body>& expected) {
  ParserTrace whole(expected);
  whole.Feed(input);
  for (size_t piece = 1; piece < 8; ++piece) {
    ParserTrace pieces(expected);
    for (size_t at = 0; at < input.size(); at += piece) {
      pieces.Feed(std::string_view(input).substr(at, piece));
    }
    EXPECT_EQ(pieces.text(), whole.text()) << "in pieces of " << piece;
    EXPECT_EQ(pieces.parser().idle(), whole.parser().idle());
  }
  return whole;
}

std::string Message(const std::string& input) {
  const ParserTrace trace = Trace(input, {Body::kData});
  EXPECT_FALSE(trace.failed()) << trace.failure().ToString();
  EXPECT_TRUE(trace.parser().idle()) << input;
  return trace.data();
}

TEST(ResponseParser, StatusLines) {
  const struct {
    const char* line;
    const char* told;
  } kCases[] = {
      {"+OK", "status 0 [] \n"},
      {"+OK ", "status 0 [] \n"},
      {"+OK hello", "status 0 [] hello\n"},
      {"+ok  hello there", "status 0 [] hello there\n"},
      {"-ERR", "status 1 [] \n"},
      {"-ERR no", "status 1 [] no\n"},
      {"-err [IN-USE] locked", "status 1 [IN-USE] locked\n"},
      {"-ERR [in-use]locked", "status 1 [IN-USE] locked\n"},
      {"-ERR [SYS/TEMP] [x] y", "status 1 [SYS/TEMP] [x] y\n"},
      {"-ERR [LOGIN-DELAY 60] wait", "status 1 [LOGIN-DELAY] wait\n"},
      {"-ERR [] x", "status 1 [] [] x\n"},
      {"-ERR [x", "status 1 [] [x\n"},
      {"-ERR [x\x01] y", "status 1 [] [x\x01] y\n"},
      {"+ ", "status 2 [] \n"},
      {"+", "status 2 [] \n"},
      {"+ PDE4OTY+ [x]", "status 2 [] PDE4OTY+ [x]\n"},
  };
  for (const auto& row : kCases) {
    EXPECT_EQ(Trace(row.line + std::string("\r\n"), {}).text(), row.told);
    EXPECT_EQ(Trace(row.line + std::string("\n"), {}).text(), row.told);
  }
}

TEST(ResponseParser, WhatIsNoStatusLineFailsForGood) {
  for (const char* line :
       {"", "OK", "+OKAY", "-ERROR", "* OK IMAP4rev1", "220 smtp", " +OK", "SSH-2.0-x", "+O", "-",
        "+OK\tx", "\x16\x03\x01", "HTTP/1.1 400 Bad Request", "."}) {
    const ParserTrace trace = Trace(line + std::string("\r\n+OK\r\n"), {});
    EXPECT_EQ(trace.text(), "FAILED") << line;
    EXPECT_EQ(trace.failure().code(), Code::kProtocol);
  }
}

TEST(ResponseParser, ListingsEndAtTheDot) {
  const ParserTrace trace =
      Trace("+OK 2\r\n1 100\r\n2 200\n..x\r\n...\r\n\r\n.\r\n+OK next\r\n", {Body::kLines});
  EXPECT_EQ(trace.text(),
            "status 0 [] 2\nline 1 100\nline 2 200\nline .x\nline ..\nline \nend\nstatus 0 [] "
            "next\n");
}

TEST(ResponseParser, ANegativeAnswerHasNoBody) {
  EXPECT_EQ(Trace("-ERR no\r\n+OK\r\nx\r\n.\r\n", {Body::kData, Body::kLines}).text(),
            "status 1 [] no\nstatus 0 [] \nline x\nend\n");
}

TEST(ResponseParser, MessagesComeByteForByte) {
  EXPECT_EQ(Message("+OK\r\n.\r\n"), "");
  EXPECT_EQ(Message("+OK\r\n\r\n.\r\n"), "\r\n");
  EXPECT_EQ(Message("+OK\r\na\r\n.\r\n"), "a\r\n");
  EXPECT_EQ(Message("+OK\r\n..\r\n.\r\n"), ".\r\n");
  EXPECT_EQ(Message("+OK\r\n..a\r\n...\r\n.\r\n"), ".a\r\n..\r\n");
  EXPECT_EQ(Message("+OK\r\na.\r\n \r\n.\r\n"), "a.\r\n \r\n");
  EXPECT_EQ(Message(std::string("+OK\r\n\0\xff\x80\r\n.\r\n", 13)),
            std::string("\0\xff\x80\r\n", 5));
}

TEST(ResponseParser, OnlyCrlfDotCrlfEndsAMessage) {
  const struct {
    const char* body;
    const char* message;
  } kCases[] = {
      {"a\n.\r\nb", "a\n.\r\nb\r\n"},      // LF before the dot,
      {"a\r.\r\nb", "a\r.\r\nb\r\n"},      // CR,
      {"a\r\n.\nb", "a\r\n.\nb\r\n"},      // LF behind it,
      {"a\r\n.\rb", "a\r\n.\rb\r\n"},      // CR,
      {"a\r\n.\r\rb", "a\r\n.\r\rb\r\n"},  // and two of them.
      {"a\n.\nb", "a\n.\nb\r\n"},          // None at all.
      {"a\r\r\n..\r\nb", "a\r\r\n.\r\nb\r\n"},
      {"a\r\n.\r\r\n..x", "a\r\n.\r\r\n.x\r\n"},
      {"a\n..b", "a\n..b\r\n"},  // A dot behind LF is not stuffed.
      {"\r\r.\r\n..", "\r\r.\r\n.\r\n"},
  };
  for (const auto& row : kCases) {
    EXPECT_EQ(Message("+OK\r\n" + std::string(row.body) + "\r\n.\r\n"), row.message) << row.body;
  }
}

TEST(ResponseParser, ADotThatNobodyStuffedStays) {
  EXPECT_EQ(Message("+OK\r\n.b\r\n.\r\n"), ".b\r\n");
  EXPECT_EQ(Message("+OK\r\na\r\n. \r\n.\t.\r\n.\r\n"), "a\r\n. \r\n.\t.\r\n");
  EXPECT_EQ(Message("+OK\n.b\n.\n"), ".b\n");
}

TEST(ResponseParser, AnAnswerInsideAMessageIsText) {
  const std::string smuggled = "a\n.\r\n+OK 5 octets\r\nevil\r\n";
  EXPECT_EQ(Message("+OK\r\n" + smuggled + ".\r\n"), smuggled);
}

TEST(ResponseParser, AServerThatEndsItsOwnLinesInLfIsTakenAtItsWord) {
  EXPECT_EQ(Message("+OK\n.\n"), "");
  EXPECT_EQ(Message("+OK\na\n..b\n.\n"), "a\n.b\n");
  EXPECT_EQ(Message("+OK\na\r\nb\n.\r\n"), "a\r\nb\n");
  EXPECT_EQ(Message("+OK\n.\rx\n.\n"), ".\rx\n");
  // Each answer for itself.
  const ParserTrace trace = Trace("+OK\na\n.\n+OK\r\nb\n.\nc\r\n.\r\n", {Body::kData, Body::kData});
  EXPECT_EQ(trace.data(), "a\nb\n.\nc\r\n");
  EXPECT_TRUE(trace.parser().idle());
}

TEST(ResponseParser, LongLinesAreFineWithinMessagesOnly) {
  const std::string line(10 * kLineBytesMax, 'x');
  EXPECT_EQ(Message("+OK\r\n" + line + "\r\n.\r\n"), line + "\r\n");
  EXPECT_TRUE(Trace("+OK " + line + "\r\n", {}).failed());
  EXPECT_TRUE(Trace("+OK\r\n" + line + "\r\n", {Body::kLines}).failed());
  const std::string fits(kLineBytesMax - 6, 'x');
  EXPECT_FALSE(Trace("+OK " + fits + "\r\n", {}).failed());
  EXPECT_TRUE(Trace("+OK " + fits + "x\r\n", {}).failed());
}

TEST(ResponseParser, ALineWithoutEndFailsBeforeItIsKept) {
  ParserTrace trace({});
  for (int i = 0; i < 100 && !trace.failed(); ++i) {
    trace.Feed(std::string(1000, '+'));
  }
  EXPECT_EQ(trace.failure().code(), Code::kProtocol);
  EXPECT_LT(trace.failure().message().size(), 400U);
}

TEST(ResponseParser, IsIdleOnlyBetweenAnswers) {
  ResponseParser parser;
  EXPECT_TRUE(parser.idle());
  for (const char* part : {"+OK", "\r", "\n1 2", "\r\n.", "\r"}) {
    parser.Expect(Body::kLines);
    std::string_view input = part;
    while (!input.empty()) {
      ASSERT_TRUE(parser.Next(&input).ok());
    }
    EXPECT_FALSE(parser.idle()) << part;
  }
  std::string_view input = "\n";
  const Result<ResponseParser::Event> event = parser.Next(&input);
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(*event, ResponseParser::Event::kEnd);
  EXPECT_TRUE(parser.idle());
}

TEST(ResponseParser, SmallMessagesAreViewsOfTheInput) {
  const std::string input = "+OK\r\nSubject: x\r\n\r\nbody\r\n.\r\n";
  ResponseParser parser;
  parser.Expect(Body::kData);
  std::string_view rest = input;
  ASSERT_TRUE(parser.Next(&rest).ok());
  ASSERT_TRUE(parser.Next(&rest).ok());
  EXPECT_EQ(parser.data(), "Subject: x\r\n\r\nbody\r\n");
  EXPECT_EQ(parser.data().data(), input.data() + 5);
}

}  // namespace
}  // namespace mailhaul::pop3
