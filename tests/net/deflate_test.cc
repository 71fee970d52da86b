#include "connectors/net/deflate.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace mailhaul::net {
namespace {

constexpr std::string_view kDialogue =
    "* 1 FETCH (UID 1 FLAGS (\\Seen) BODY[] {5}\r\nhello)\r\n"
    "* 2 FETCH (UID 2 FLAGS (\\Seen) BODY[] {5}\r\nworld)\r\na1 OK FETCH completed\r\n";

std::string Compressed(std::string_view bytes) {
  Deflater deflater;
  std::string out;
  deflater.Deflate(bytes, out);
  return out;
}

// What comes of `input` in pieces of `step` bytes, `space` bytes at a time.
struct Outcome {
  std::string bytes;
  Status status;
  bool ended = false;
  std::string left;
};
Outcome InflateInPieces(std::string_view input, size_t step, size_t space) {
  Inflater inflater;
  Outcome outcome;
  std::string out(space, '\0');
  while (true) {
    std::string_view piece = input.substr(0, step);
    input.remove_prefix(piece.size());
    const bool last = input.empty();
    while (true) {
      const Result<size_t> count = inflater.Inflate(piece, out);
      if (!count.ok()) {
        outcome.status = count.status();
        return outcome;
      }
      outcome.bytes.append(out, 0, *count);
      if (*count == 0) {
        break;
      }
    }
    if (inflater.ended() || last) {
      outcome.ended = inflater.ended();
      outcome.left = std::string(piece) + std::string(input);
      return outcome;
    }
  }
}

std::string RandomBytes(size_t size) {
  SeededRandom random(1);
  std::string bytes(size, '\0');
  std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<char>(random.Below(256)); });
  return bytes;
}

TEST(DeflateTest, ComesBackTheSameInEverySplit) {
  const std::string compressed = Compressed(kDialogue);
  EXPECT_LT(compressed.size(), kDialogue.size());
  for (size_t step = 1; step <= compressed.size(); ++step) {
    for (const size_t space : {size_t{1}, size_t{2}, size_t{7}, size_t{1000}}) {
      const Outcome outcome = InflateInPieces(compressed, step, space);
      EXPECT_TRUE(outcome.status.ok()) << outcome.status.ToString();
      EXPECT_EQ(outcome.bytes, kDialogue) << step << ' ' << space;
    }
  }
}

TEST(DeflateTest, EveryWriteCanBeInflatedAtOnce) {
  Deflater deflater;
  Inflater inflater;
  char out[1000];
  for (const std::string_view line : {"a1 SELECT INBOX\r\n", "a2 NOOP\r\n", "x", "a2 NOOP\r\n"}) {
    std::string compressed;
    deflater.Deflate(line, compressed);
    std::string_view input = compressed;
    const Result<size_t> count = inflater.Inflate(input, out);
    ASSERT_TRUE(count.ok());
    EXPECT_EQ(std::string_view(out, *count), line);
    EXPECT_TRUE(input.empty());
  }
}

TEST(DeflateTest, NothingIsNothing) {
  EXPECT_EQ(Compressed(""), "");
  Inflater inflater;
  std::string_view none;
  char out[1];
  EXPECT_EQ(*inflater.Inflate(none, out), 0U);
  EXPECT_FALSE(inflater.ended());
}

TEST(DeflateTest, WhatDoesNotCompressHardlyGrows) {
  const std::string bytes = RandomBytes(300'000);
  const std::string compressed = Compressed(bytes);
  EXPECT_LT(compressed.size(), bytes.size() + bytes.size() / 100);
  EXPECT_TRUE(InflateInPieces(compressed, 1000, 4096).bytes == bytes);
}

// A stored block "hi", final, and what follows it: RFC 1951 section 3.2.4.
constexpr std::string_view kFinalBlock("\x01\x02\x00\xFD\xFFhi", 7);

TEST(DeflateTest, TheFinalBlockEndsTheStreamAndLeavesTheRest) {
  const std::string input = std::string(kFinalBlock) + "rest";
  for (const size_t step : {size_t{1}, size_t{7}, size_t{100}}) {
    const Outcome outcome = InflateInPieces(input, step, 100);
    EXPECT_EQ(outcome.bytes, "hi");
    EXPECT_TRUE(outcome.ended);
    EXPECT_EQ(outcome.left, "rest");
  }
}

TEST(DeflateTest, DamagedDataFailsAfterWhatCameBefore) {
  const std::string before = Compressed("good");
  const std::pair<const char*, std::string> cases[] = {
      {"a block of the reserved kind", "\x07"},
      {"a stored block whose lengths differ", std::string("\x00\x02\x00\x00\x00hi", 7)},
      {"more length symbols than there are", "\xFD\xFF\xFF\xFF"},
  };
  for (const auto& [what, bytes] : cases) {
    for (const size_t step : {size_t{1}, size_t{100}}) {
      const Outcome outcome = InflateInPieces(before + bytes, step, 100);
      EXPECT_EQ(outcome.status, Status(Code::kProtocol, "the compressed data is damaged")) << what;
      EXPECT_EQ(outcome.bytes, "good") << what;
    }
  }
}

TEST(DeflateTest, ADistanceBeforeTheBeginningFails) {
  const Outcome outcome = InflateInPieces({"\x63\x00\x42\x00", 4}, 100, 100);
  EXPECT_EQ(outcome.status.code(), Code::kProtocol);
}

TEST(DeflateTest, AFailureStays) {
  Inflater inflater;
  char out[100];
  std::string_view bad = "\x07";
  EXPECT_EQ(inflater.Inflate(bad, out).status(),
            Status(Code::kProtocol, "the compressed data is damaged"));
  std::string_view good = kFinalBlock;
  EXPECT_EQ(inflater.Inflate(good, out).status().code(), Code::kProtocol);
}

TEST(DeflateTest, ABombIsRefusedAfterItsFirstMebibyte) {
  const std::string bomb = Compressed(std::string(size_t{64} << 20, '\0'));
  const Outcome outcome = InflateInPieces(bomb, 4096, 16384);
  EXPECT_EQ(outcome.status.code(), Code::kProtocol);
  EXPECT_NE(outcome.status.message().find("bomb"), std::string::npos) << outcome.status.message();
  EXPECT_GE(outcome.bytes.size(), kInflatedBytesFree);
  EXPECT_LE(outcome.bytes.size(), kInflatedBytesFree + 2 * 16384);
}

TEST(DeflateTest, TheMostCompressibleMailPasses) {
  // Equal bytes in base64, and lines as long as RFC 5322 allows them.
  for (const auto& [length, fill] : {std::pair(76, 'A'), std::pair(998, ' ')}) {
    std::string text;
    while (text.size() < 16'000'000) {
      text += std::string(static_cast<size_t>(length), fill) + "\r\n";
    }
    const std::string compressed = Compressed(text);
    EXPECT_GT(text.size() / compressed.size(), 280U);  // Else these are not the worst there are.
    const Outcome outcome = InflateInPieces(compressed, 4096, 16384);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status.ToString();
    EXPECT_TRUE(outcome.bytes == text);
  }
}

}  // namespace
}  // namespace mailhaul::net
