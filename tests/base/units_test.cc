#include "base/units.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace mailhaul {
namespace {

using std::chrono::milliseconds;

TEST(ParseByteSizeTest, KnowsBinaryAndDecimalUnits) {
  EXPECT_EQ(*ParseByteSize("0"), 0U);
  EXPECT_EQ(*ParseByteSize("512"), 512U);
  EXPECT_EQ(*ParseByteSize("3KiB"), 3072U);
  EXPECT_EQ(*ParseByteSize("64MiB"), 64U << 20);
  EXPECT_EQ(*ParseByteSize("2GiB"), uint64_t{2} << 30);
  EXPECT_EQ(*ParseByteSize("1TiB"), uint64_t{1} << 40);
  EXPECT_EQ(*ParseByteSize("1kB"), 1000U);
  EXPECT_EQ(*ParseByteSize("2500MB"), 2'500'000'000U);
  EXPECT_EQ(*ParseByteSize("9GB"), 9'000'000'000U);
  EXPECT_EQ(*ParseByteSize("1TB"), 1'000'000'000'000U);
}

TEST(ParseByteSizeTest, RefusesEverythingElse) {
  for (const char* const text : {"", "MiB", "-1", "+1", " 1", "1 ", "1.5GiB", "1 MiB", "1mib",
                                 "1KB", "1B", "0x10", "1MiBs", "1e3"}) {
    const Result<uint64_t> size = ParseByteSize(text);
    EXPECT_EQ(size.status().code(), Code::kInvalidArgument) << text;
  }
}

TEST(ParseByteSizeTest, RefusesWhatDoesNotFit63Bits) {
  EXPECT_EQ(*ParseByteSize("9223372036854775807"), 9223372036854775807U);
  EXPECT_FALSE(ParseByteSize("9223372036854775808").ok());
  EXPECT_FALSE(ParseByteSize("18446744073709551616").ok());
  EXPECT_EQ(*ParseByteSize("8388607TiB"), uint64_t{8388607} << 40);
  EXPECT_EQ(ParseByteSize("8388608TiB").status(),
            Status(Code::kInvalidArgument, "\"8388608TiB\" is too large"));
}

TEST(ParseDurationTest, KnowsItsUnitsAndPlainZero) {
  EXPECT_EQ(*ParseDuration("250ms"), milliseconds(250));
  EXPECT_EQ(*ParseDuration("10s"), std::chrono::seconds(10));
  EXPECT_EQ(*ParseDuration("5m"), std::chrono::minutes(5));
  EXPECT_EQ(*ParseDuration("1h"), std::chrono::hours(1));
  EXPECT_EQ(*ParseDuration("30d"), std::chrono::hours(720));
  EXPECT_EQ(*ParseDuration("0"), milliseconds(0));
  EXPECT_EQ(*ParseDuration("0s"), milliseconds(0));
}

TEST(ParseDurationTest, RefusesEverythingElseAndSaysWhatIsExpected) {
  for (const char* const text :
       {"", "10", "s", "-1s", "1.5h", "1 h", "1h30m", "1S", "1w", "00:10", "106751991168d"}) {
    EXPECT_EQ(ParseDuration(text).status().code(), Code::kInvalidArgument) << text;
  }
  EXPECT_EQ(ParseDuration("10").status().message(),
            "\"10\" is not a duration such as 250ms, 10s or 30d");
}

TEST(FormatByteSizeTest, ShowsOneDecimalUnlessItIsZero) {
  EXPECT_EQ(FormatByteSize(0), "0 B");
  EXPECT_EQ(FormatByteSize(1023), "1023 B");
  EXPECT_EQ(FormatByteSize(1024), "1 KiB");
  EXPECT_EQ(FormatByteSize(1536), "1.5 KiB");
  EXPECT_EQ(FormatByteSize(uint64_t{64} << 20), "64 MiB");
  EXPECT_EQ(FormatByteSize((uint64_t{3} << 30) / 2), "1.5 GiB");
  EXPECT_EQ(FormatByteSize((1U << 20) - 1), "1 MiB");
  EXPECT_EQ(FormatByteSize(UINT64_MAX), "16 EiB");
}

TEST(FormatDurationTest, ShowsTheTwoGreatestUnits) {
  EXPECT_EQ(FormatDuration(milliseconds(0)), "0ms");
  EXPECT_EQ(FormatDuration(milliseconds(999)), "999ms");
  EXPECT_EQ(FormatDuration(milliseconds(2500)), "2.5s");
  EXPECT_EQ(FormatDuration(std::chrono::seconds(59)), "59s");
  EXPECT_EQ(FormatDuration(std::chrono::seconds(63)), "1m 3s");
  EXPECT_EQ(FormatDuration(std::chrono::minutes(65)), "1h 5m");
  EXPECT_EQ(FormatDuration(std::chrono::hours(2)), "2h");
  EXPECT_EQ(FormatDuration(std::chrono::hours(75)), "3d 3h");
  EXPECT_EQ(FormatDuration(std::chrono::seconds(-63)), "-1m 3s");
  EXPECT_EQ(FormatDuration(milliseconds::min()).front(), '-');
}

WallTime At(int64_t millis) { return WallTime(milliseconds(millis)); }

TEST(Rfc3339Test, PrintsUtcWithMillisecondsOnlyWhenThereAreSome) {
  EXPECT_EQ(FormatRfc3339(At(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatRfc3339(At(1'700'000'000'000)), "2023-11-14T22:13:20Z");
  EXPECT_EQ(FormatRfc3339(At(1'700'000'000'007)), "2023-11-14T22:13:20.007Z");
  EXPECT_EQ(FormatRfc3339(At(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatRfc3339(WallTime::max()), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatRfc3339(WallTime::min()), "0000-01-01T00:00:00Z");
}

TEST(Rfc3339Test, ReadsEveryOffsetAndCutsTheFraction) {
  EXPECT_EQ(*ParseRfc3339("2023-11-14T22:13:20Z"), At(1'700'000'000'000));
  EXPECT_EQ(*ParseRfc3339("2023-11-14t22:13:20z"), At(1'700'000'000'000));
  EXPECT_EQ(*ParseRfc3339("2023-11-14 22:13:20Z"), At(1'700'000'000'000));
  EXPECT_EQ(*ParseRfc3339("2023-11-14T23:13:20+01:00"), At(1'700'000'000'000));
  EXPECT_EQ(*ParseRfc3339("2023-11-14T16:43:20-05:30"), At(1'700'000'000'000));
  EXPECT_EQ(*ParseRfc3339("2023-11-14T22:13:20.1Z"), At(1'700'000'000'100));
  EXPECT_EQ(*ParseRfc3339("2023-11-14T22:13:20.0079999999Z"), At(1'700'000'000'007));
  EXPECT_EQ(*ParseRfc3339("2024-02-29T00:00:00Z"), At(1'709'164'800'000));
  EXPECT_EQ(*ParseRfc3339("2016-12-31T23:59:60Z"), *ParseRfc3339("2017-01-01T00:00:00Z"));
}

TEST(Rfc3339Test, RefusesEverythingElse) {
  for (const char* const text :
       {"", "2023-11-14", "2023-11-14T22:13:20", "2023-11-14T22:13Z", "2023-02-29T00:00:00Z",
        "2023-13-01T00:00:00Z", "2023-00-01T00:00:00Z", "2023-01-01T24:00:00Z",
        "2023-01-01T00:60:00Z", "2023-01-01T00:00:61Z", "2023-01-01T00:00:00.Z",
        "2023-01-01T00:00:00+0100", "2023-01-01T00:00:00+24:00", "2023-01-01T00:00:00+01:60",
        "2023-01-01T00:00:00ZZ", "23-01-01T00:00:00Z", "+023-01-01T00:00:00Z",
        " 2023-01-01T00:00:00Z", "2023-1-1T00:00:00Z"}) {
    EXPECT_EQ(ParseRfc3339(text).status().code(), Code::kInvalidArgument) << text;
  }
}

TEST(Rfc3339Test, EveryPrefixOfATimeIsRefused) {
  const std::string_view whole = "2023-11-14T22:13:20.123+01:30";
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(ParseRfc3339(whole.substr(0, length)).ok()) << length;
  }
  EXPECT_TRUE(ParseRfc3339(whole).ok());
}

TEST(Rfc3339Test, WhatItPrintsItReadsBack) {
  SeededRandom random(3339);
  for (int i = 0; i < 10'000; ++i) {
    const WallTime time = At(static_cast<int64_t>(random.Below(253'402'300'800'000ULL)));
    EXPECT_EQ(*ParseRfc3339(FormatRfc3339(time)), time);
  }
}

}  // namespace
}  // namespace mailhaul
