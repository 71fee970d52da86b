#include "store/base64_lines.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/random.h"
#include "tests/store/base64_mail.h"

namespace mailhaul::store {
namespace {

std::string Join(const SplitBytes& split, size_t size) {
  std::string out(size, '?');
  JoinBase64(split.runs, split.rest, split.decoded, out);
  return out;
}

void ExpectComesBack(std::string_view bytes) {
  const SplitBytes split = SplitBase64(bytes);
  if (split.runs.empty()) {
    EXPECT_TRUE(split.rest.empty() && split.decoded.empty());
    return;
  }
  for (const Base64Run& run : split.runs) {
    ASSERT_TRUE(IsPossibleRun(run));
  }
  EXPECT_TRUE(Join(split, bytes.size()) == bytes) << bytes.size();
  EXPECT_LT(split.rest.size() + split.decoded.size(), bytes.size());
}

TEST(Base64LinesTest, AnAttachmentIsOneRun) {
  for (const bool crlf : {true, false}) {
    for (const size_t size :
         {size_t{192}, size_t{1000}, size_t{1001}, size_t{1002}, size_t{1140}}) {
      const std::string raw = NoiseOf(size, 1);
      const std::string mail = "Subject: x\r\n\r\n" + Lines(raw, 76, crlf) + "\r\n--end\r\n";
      const SplitBytes split = SplitBase64(mail);
      ASSERT_EQ(split.runs.size(), 1U) << size;
      EXPECT_EQ(
          split.runs[0],
          (Base64Run{
              .before = 14, .decoded = static_cast<uint32_t>(size), .line = 76, .crlf = crlf}));
      EXPECT_EQ(split.decoded, raw);
      EXPECT_EQ(split.rest, "Subject: x\r\n\r\n\r\n--end\r\n");
      EXPECT_TRUE(Join(split, mail.size()) == mail);
    }
  }
}

TEST(Base64LinesTest, SeveralRunsOfDifferentLinesAreFound) {
  const std::string first = NoiseOf(700, 1);
  const std::string second = NoiseOf(800, 2);
  const std::string third = NoiseOf(900, 3);
  const std::string mail = Lines(first, 76, true) + "\r\n--x\r\n\r\n" + Lines(second, 64, false) +
                           "\n\n<img src=\"data:image/png;base64," + Base64Encode(third) + "\">";
  const SplitBytes split = SplitBase64(mail);
  ASSERT_EQ(split.runs.size(), 3U);
  EXPECT_EQ(split.decoded, first + second + third);
  EXPECT_EQ(split.runs[2].line, 1200U);
  EXPECT_FALSE(split.runs[2].crlf);
  EXPECT_EQ(split.rest, "\r\n--x\r\n\r\n\n\n<img src=\"data:image/png;base64,\">");
  EXPECT_TRUE(Join(split, mail.size()) == mail);
}

TEST(Base64LinesTest, WhatAnEncoderWouldNotWriteStaysAsItIs) {
  const std::string body = Lines(NoiseOf(57 * 20, 1), 76, true) + "\r\n";
  const size_t before = SplitBase64(body).decoded.size();
  ASSERT_EQ(before, 57U * 20);
  struct Case {
    std::string_view end;
    size_t decoded;
  };
  // The last line, and how many of its bytes a run takes.
  for (const Case& one :
       {Case{"QUJD", 3}, Case{"QUI=", 2}, Case{"QQ==", 1}, Case{"QR==", 0}, Case{"QUJ=", 0},
        Case{"QUJDQR==", 3}, Case{"QUJDQUJ=", 3}, Case{"QQ=", 0}, Case{"QQ", 0}, Case{"Q===", 0},
        Case{"====", 0}, Case{"QQ=Q", 0}, Case{"QUJDR", 3}, Case{"QUI=QUI=", 2}, Case{" QUJD", 0},
        Case{"QUJD ", 3}, Case{"QUJD=", 3}, Case{"-_-_", 0}}) {
    for (const std::string_view behind : {"", "\r\n", "\n", "\r"}) {
      const std::string mail = body + std::string(one.end) + std::string(behind);
      EXPECT_EQ(SplitBase64(mail).decoded.size(), before + one.decoded) << one.end;
      ExpectComesBack(mail);
    }
  }
}

TEST(Base64LinesTest, ARunEndsWhereItsLinesDo) {
  const std::string line = Base64Encode(NoiseOf(57, 1));
  std::string ten;
  for (int i = 0; i < 10; ++i) {
    ten += line + "\r\n";
  }
  struct Case {
    std::string between;
    std::vector<size_t> decoded;
  };
  for (const Case& one : {
           Case{"", {57 * 20}},                                    // The same goes on.
           Case{line + "\n", {57 * 11, 57 * 10}},                  // Another line end.
           Case{line + " \r\n", {57 * 11, 57 * 10}},               // White space behind it,
           Case{" " + line + "\r\n", {57 * 10, 57 * 11}},          // and before.
           Case{line.substr(4) + "\r\n", {57 * 11 - 3, 57 * 10}},  // A shorter line.
           Case{"\r\n", {57 * 10, 57 * 10}},                       // An empty one.
           Case{line + line + "\r\n", {57 * 10, 57 * 9}},  // A longer one, and another as its last.
           Case{line + "\r\r\n", {57 * 11, 57 * 10}},      // A stray CR.
       }) {
    const std::string mail = ten + one.between + ten;
    const SplitBytes split = SplitBase64(mail);
    std::vector<size_t> decoded;
    for (const Base64Run& run : split.runs) {
      decoded.push_back(run.decoded);
    }
    EXPECT_EQ(decoded, one.decoded) << one.between;
    ExpectComesBack(mail);
  }
}

TEST(Base64LinesTest, LittleAndOtherTextIsLeftAlone) {
  for (const std::string& mail :
       {std::string(), std::string("Hello\r\n"), std::string(kRunDigitsMin - 1, 'A'),
        Lines(NoiseOf(189, 1), 76, true), std::string(5000, ' '), NoiseOf(5000, 2),
        Lines(NoiseOf(9000, 1), 28, true), Lines(NoiseOf(9000, 1), 75, true)}) {
    EXPECT_TRUE(SplitBase64(mail).runs.empty()) << mail.substr(0, 80);
  }
  EXPECT_EQ(SplitBase64(std::string(kRunDigitsMin, 'A')).runs.size(), 1U);
}

// The ends of frames fall anywhere.
TEST(Base64LinesTest, EveryCutOfAMailComesBack) {
  const std::string mail = "To: you\r\n\r\n" + Lines(NoiseOf(500, 1), 76, true) + "\r\n--x\r\n" +
                           Lines(NoiseOf(301, 2), 60, false) + "\n--x--\n";
  for (size_t begin = 0; begin < mail.size(); begin += 1 + begin / 20) {
    for (size_t end = begin; end <= mail.size(); ++end) {
      ExpectComesBack(std::string_view(mail).substr(begin, end - begin));
    }
  }
}

TEST(Base64LinesTest, AnyMixOfBase64AndOtherBytesComesBack) {
  size_t found = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    SeededRandom random(seed);
    const std::string mail = MixOf(random);
    ExpectComesBack(mail);
    found += SplitBase64(mail).runs.empty() ? 0 : 1;
  }
  EXPECT_GT(found, 1500U);
}

TEST(Base64LinesTest, RoomThatSufficesIsUsedAgain) {
  RawBuffer room(1000);
  const char* const given = room.view().data();
  const std::string raw = NoiseOf(600, 1);
  SplitBytes split = SplitBase64(Lines(raw, 76, true), std::move(room));
  EXPECT_EQ(split.room.view().data(), given);
  EXPECT_EQ(split.decoded, raw);
  split = SplitBase64("no base64", std::move(split.room));
  EXPECT_EQ(split.room.view().data(), given);
  EXPECT_TRUE(split.runs.empty() && split.decoded.empty());
  const std::string larger = NoiseOf(2000, 2);
  split = SplitBase64("x " + Lines(larger, 76, true), std::move(split.room));
  EXPECT_GT(split.room.size(), 2000U);
  EXPECT_EQ(split.decoded, larger);
}

TEST(Base64LinesTest, RunsHaveOneFormOnly) {
  const Base64Run run{.before = 0, .decoded = 192, .line = 76, .crlf = true};
  EXPECT_TRUE(IsPossibleRun(run));
  EXPECT_EQ(EncodedBytes(run), 256U + 3 * 2);
  EXPECT_FALSE(IsPossibleRun({.before = 0, .decoded = 189, .line = 76, .crlf = true}));
  EXPECT_FALSE(IsPossibleRun({.before = 0, .decoded = 192, .line = 0, .crlf = true}));
  EXPECT_FALSE(IsPossibleRun({.before = 0, .decoded = 192, .line = 75, .crlf = true}));
  EXPECT_TRUE(IsPossibleRun({.before = 0, .decoded = 192, .line = 256, .crlf = false}));
  EXPECT_FALSE(IsPossibleRun({.before = 0, .decoded = 192, .line = 256, .crlf = true}));
  EXPECT_FALSE(IsPossibleRun({.before = 0, .decoded = 192, .line = 260, .crlf = false}));
  const Base64Run huge{.before = 0, .decoded = UINT32_MAX, .line = 4, .crlf = true};
  EXPECT_TRUE(IsPossibleRun(huge));
  EXPECT_EQ(EncodedBytes(huge), uint64_t{5'726'623'060} + (uint64_t{1'431'655'765} - 1) * 2);
}

}  // namespace
}  // namespace mailhaul::store
