#include "connectors/pop3/arrival_date.h"

#include <gtest/gtest.h>

#include <string>

namespace mailhaul::pop3 {
namespace {

int64_t Seconds(std::optional<WallTime> time) {
  return time ? std::chrono::duration_cast<std::chrono::seconds>(time->time_since_epoch()).count()
              : -1;
}

TEST(ArrivalDate, ReadsDates) {
  const struct {
    const char* text;
    int64_t seconds;
  } kCases[] = {
      {"Thu, 1 Jan 1970 00:00:01 +0000", 1},
      {"Tue, 24 Nov 2026 15:09:25 +0100", 1795529365},
      {"24 Nov 2026 15:09:25 +0100", 1795529365},
      {" Tue,24 nov 2026 15:09:25 +0100 (CET)", 1795529365},
      {"Tue, 24 November 2026 14:09:25 GMT", 1795529365},
      {"Tue, 24 Nov 26 09:09:25 EST", 1795529365},
      {"(x (y) z) Tue (a), 24 Nov 2026 14:09:25", 1795529365},
      {"Tue, 24 Nov 2026\r\n\t14:09:25 Z", 1795529365},
      {"1 Jan 99 00:00 -0000", 915148800},
      {"1 Jan 101 00:00:00 UT", 978307200},
      {"31 Dec 2016 23:59:60 +0000", 1483228800},
  };
  for (const auto& row : kCases) {
    EXPECT_EQ(Seconds(ParseMailDate(row.text)), row.seconds) << row.text;
  }
}

TEST(ArrivalDate, RefusesWhatIsNoDate) {
  for (const char* text :
       {"", "x", "24", "Tue, 24 Nov 2026", "30 Feb 2026 00:00:00", "0 Jan 2026 00:00:00",
        "1 Foo 2026 00:00:00", "1 Jan 2026 24:00:00", "1 Jan 2026 00:60:00", "1 Jan 2026 0000",
        "1 Jan 2026 -1:00:00", "1 Jan 20260 00:00:00", "((((((", "1 Jan 2 00:00:00"}) {
    EXPECT_FALSE(ParseMailDate(text).has_value()) << text;
  }
  EXPECT_FALSE(ParseMailDate(std::string(100000, '1')).has_value());
}

TEST(ArrivalDate, PrefersTheTopmostReceived) {
  EXPECT_EQ(Seconds(ArrivalDate(
                "X: y\r\n"
                "Received: from a (b; c)\r\n by d;\r\n\tThu, 1 Jan 1970 00:00:09 +0000\r\n"
                "Received: by e; Thu, 1 Jan 1970 00:00:05 +0000\r\n"
                "Date: Thu, 1 Jan 1970 00:00:01 +0000\r\n\r\n")),
            9);
}

TEST(ArrivalDate, GoesOnWhereAFieldCannotBeRead) {
  EXPECT_EQ(Seconds(ArrivalDate("Date: Thu, 1 Jan 1970 00:00:01 +0000\n"
                                "received: by nobody\n"
                                "RECEIVED: by e; Thu, 1 Jan 1970 00:00:05 +0000\n\n")),
            5);
  EXPECT_EQ(Seconds(ArrivalDate("Received: x; y\r\nDate: Thu, 1 Jan 1970 00:00:01 +0000")), 1);
}

TEST(ArrivalDate, StopsAtTheBody) {
  EXPECT_FALSE(ArrivalDate("Subject: x\r\n\r\nDate: Thu, 1 Jan 1970 00:00:01 +0000\r\n"));
  EXPECT_FALSE(ArrivalDate(""));
  EXPECT_FALSE(ArrivalDate("\r\n"));
  EXPECT_FALSE(ArrivalDate("Date"));
}

TEST(ArrivalDate, EveryPrefixOfAHeaderIsHandled) {
  const std::string header =
      "Received: from a;\r\n Thu, 1 Jan 1970 00:00:09 +0000\r\nDate: Thu, 1 Jan 1970 00:00:01 "
      "Z\r\n";
  for (size_t size = 0; size <= header.size(); ++size) {
    const int64_t seconds = Seconds(ArrivalDate(header.substr(0, size)));
    EXPECT_TRUE(seconds == -1 || (seconds >= 0 && seconds <= 9)) << size;
  }
}

}  // namespace
}  // namespace mailhaul::pop3
