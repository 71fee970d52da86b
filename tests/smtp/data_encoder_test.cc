#include "connectors/smtp/data_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/random.h"
#include "tests/support/smtp_data_decoder.h"

namespace mailhaul::smtp {
namespace {

using test_support::LineEnds;
using test_support::SmtpDataDecoder;

std::string Encode(std::string_view input, DotStuffing stuffing, size_t piece) {
  DataEncoder encoder(stuffing);
  std::string out;
  for (size_t at = 0; at < input.size(); at += piece) {
    encoder.Append(input.substr(at, piece), &out);
  }
  encoder.Finish(&out);
  return out;
}

std::string Normalized(std::string_view input) {
  return Encode(input, DotStuffing::kNo, SIZE_MAX / 2);
}

TEST(DataEncoderTest, LineEndsBecomeCrlf) {
  EXPECT_EQ(Normalized(""), "");
  EXPECT_EQ(Normalized("a"), "a\r\n");
  EXPECT_EQ(Normalized("a\r\n"), "a\r\n");
  EXPECT_EQ(Normalized("a\n"), "a\r\n");
  EXPECT_EQ(Normalized("a\r"), "a\r\n");
  EXPECT_EQ(Normalized("a\nb\rc\r\nd"), "a\r\nb\r\nc\r\nd\r\n");
  EXPECT_EQ(Normalized("\n\r"), "\r\n\r\n");
  EXPECT_EQ(Normalized("\r\r\n"), "\r\n\r\n");
  EXPECT_EQ(Normalized("\r\n\n"), "\r\n\r\n");
}

TEST(DataEncoderTest, DotsAreDoubledAfterThat) {
  const auto stuffed = [](std::string_view input) { return Encode(input, DotStuffing::kYes, 1); };
  EXPECT_EQ(stuffed("."), "..\r\n");
  EXPECT_EQ(stuffed(".."), "...\r\n");
  EXPECT_EQ(stuffed("a."), "a.\r\n");
  EXPECT_EQ(stuffed("a\n.\nb"), "a\r\n..\r\nb\r\n");
  EXPECT_EQ(stuffed("a\r.\rb"), "a\r\n..\r\nb\r\n");
  EXPECT_EQ(stuffed("a\r\n.\r\nb"), "a\r\n..\r\nb\r\n");
  EXPECT_EQ(stuffed("a\r\n.b"), "a\r\n..b\r\n");
}

// Few kinds of bytes, so that all mixtures of line ends and dots come up.
std::string RandomMessage(Random& random) {
  constexpr std::string_view kBytes("\r\n.\r\n.a", 7);
  std::string message;
  for (uint64_t left = random.Below(24); left > 0; --left) {
    message.push_back(random.Chance(1, 20) ? static_cast<char>(random.Below(256))
                                           : kBytes[random.Below(kBytes.size())]);
  }
  return message;
}

TEST(DataEncoderTest, EveryServerSeesOneEndAndTheSameMessage) {
  SeededRandom random(20261124);
  for (int round = 0; round < 20'000; ++round) {
    const std::string message = RandomMessage(random);
    const std::string wire =
        Encode(message, DotStuffing::kYes, 1 + random.Below(5)).append(kEndOfDataLine);
    EXPECT_TRUE(wire == kEndOfDataLine || wire.ends_with("\r\n.\r\n"));
    for (const LineEnds line_ends : {LineEnds::kStrict, LineEnds::kLenient}) {
      SmtpDataDecoder server(line_ends);
      ASSERT_EQ(server.Take(wire + "MAIL"), wire.size()) << "round " << round;
      ASSERT_TRUE(server.done());
      ASSERT_EQ(server.message(), Normalized(message));
    }
  }
}

TEST(DataEncoderTest, NoBareLineEndLeaves) {
  SeededRandom random(7);
  for (int round = 0; round < 5'000; ++round) {
    const std::string wire = Normalized(RandomMessage(random));
    for (size_t i = 0; i < wire.size(); ++i) {
      ASSERT_EQ(wire[i] == '\r', i + 1 < wire.size() && wire[i + 1] == '\n');
    }
    EXPECT_EQ(Normalized(wire), wire);
  }
}

MessageFacts Scan(std::string_view input, size_t piece) {
  MessageScanner scanner;
  for (size_t at = 0; at < input.size(); at += piece) {
    scanner.Append(input.substr(at, piece));
  }
  return scanner.Finish();
}

TEST(MessageScannerTest, FindsTheFacts) {
  const MessageFacts facts = Scan("a: b\n\nf\xC3\xBC\nlonger line", 3);
  EXPECT_EQ(facts.wire_bytes, 4U + 2 + 2 + 3 + 2 + 11 + 2);
  EXPECT_EQ(facts.line_bytes_max, 11U);
  EXPECT_TRUE(facts.eight_bit);
  EXPECT_FALSE(facts.eight_bit_header);
  EXPECT_FALSE(facts.has_nul);
  EXPECT_TRUE(Scan("a: \xC3\xBC\n\n", 1).eight_bit_header);
  EXPECT_TRUE(Scan(std::string_view("a\0b", 3), 1).has_nul);
  EXPECT_EQ(Scan("", 1), MessageFacts());
}

TEST(MessageScannerTest, CountsWhatTheEncoderWrites) {
  SeededRandom random(3);
  for (int round = 0; round < 5'000; ++round) {
    const std::string message = RandomMessage(random);
    const MessageFacts facts = Scan(message, 1 + random.Below(4));
    ASSERT_EQ(facts.wire_bytes, Normalized(message).size());
    ASSERT_EQ(facts, Scan(message, 100));
  }
}

}  // namespace
}  // namespace mailhaul::smtp
