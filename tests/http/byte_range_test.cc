#include "engine/http/byte_range.h"

#include <gtest/gtest.h>

#include <string>

namespace mailhaul::http {
namespace {

// "FIRST+BYTES", "none" if nothing of it is there, "all" if the field is ignored.
std::string Parsed10(std::string_view field) {
  const std::optional<ByteRange> range = ParseRange(field, 10);
  if (!range.has_value()) {
    return "all";
  }
  return range->bytes == 0 ? "none"
                           : std::to_string(range->first) + "+" + std::to_string(range->bytes);
}

TEST(ByteRangeTest, OneRangeOfEachForm) {
  EXPECT_EQ(Parsed10("bytes=0-0"), "0+1");
  EXPECT_EQ(Parsed10("bytes=0-9"), "0+10");
  EXPECT_EQ(Parsed10("bytes=2-4"), "2+3");
  EXPECT_EQ(Parsed10("bytes=9-"), "9+1");
  EXPECT_EQ(Parsed10("bytes=0-"), "0+10");
  EXPECT_EQ(Parsed10("bytes=-1"), "9+1");
  EXPECT_EQ(Parsed10("bytes=-10"), "0+10");
  EXPECT_EQ(Parsed10("Bytes= 2-4 "), "2+3");
}

TEST(ByteRangeTest, EndsBehindTheLastByteAreCut) {
  EXPECT_EQ(Parsed10("bytes=8-10"), "8+2");
  EXPECT_EQ(Parsed10("bytes=-11"), "0+10");
  EXPECT_EQ(Parsed10("bytes=3-18446744073709551615"), "3+7");
  EXPECT_EQ(Parsed10("bytes=3-99999999999999999999999999"), "3+7");
  EXPECT_EQ(Parsed10("bytes=-99999999999999999999999999"), "0+10");
}

TEST(ByteRangeTest, NothingOfItIsThere) {
  EXPECT_EQ(Parsed10("bytes=10-"), "none");
  EXPECT_EQ(Parsed10("bytes=10-20"), "none");
  EXPECT_EQ(Parsed10("bytes=-0"), "none");
  EXPECT_EQ(Parsed10("bytes=99999999999999999999999999-"), "none");
}

TEST(ByteRangeTest, WhatIsNotOneRangeIsIgnored) {
  for (const char* field :
       {"", "bytes", "bytes=", "bytes=-", "bytes=1", "bytes=5-4", "bytes=a-b", "bytes=1-b",
        "bytes=+1-2", "bytes=1--2", "bytes=--2", "bytes=0-1,3-4", "bytes=0-1,", "bytes=0x1-2",
        "lines=0-1", "bytes 0-1", "bytes=1 - 2", "bytes=0-1;q=1"}) {
    EXPECT_EQ(Parsed10(field), "all") << field;
  }
}

TEST(ByteRangeTest, OfNothing) {
  EXPECT_EQ(ParseRange("bytes=0-", 0)->bytes, 0U);
  EXPECT_EQ(ParseRange("bytes=-0", 0)->bytes, 0U);
  EXPECT_FALSE(ParseRange("bytes=-5", 0).has_value());
}

}  // namespace
}  // namespace mailhaul::http
