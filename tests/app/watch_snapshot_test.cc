// What a server tells `status --watch`: read whole or refused, and turned into speeds.
#include "engine/app/watch_snapshot.h"

#include <gtest/gtest.h>

namespace mailhaul::app {
namespace {

constexpr std::string_view kAnswer = R"({"watch":1,"started":"2026-11-28T10:00:00Z","at_ms":5000,
"messages":70,"bytes":900,"checks":12,
"mailboxes":{"total":9,"collecting":1,"pending":2,"late":3,"trouble":4},
"tenants":[{"name":"acme","mailboxes":9,"pending":2,"late":3,
"trouble":4,"lag_seconds":77,"checks":12}],
"tenants_left_out":5,
"pools":[{"host":"imap.example.com","egress":null,"limit":4,"configured_limit":8,
"connections":3,
"waiting":1,"cause":null,"until":null,"blocked":false,"throttles":2,"outages":0}],
"pools_left_out":6,
"troubles":[{"mailbox":"acme/alice",
"state":"error","attempts":3,"detail":"no"}],
"troubles_left_out":7,
"disk":{"free_bytes":null,"collecting_paused":true},
"configuration":{"refused":[{"file":"a.yaml","problem":"bad"}],"needs_restart":["threads"]}})";

TEST(WatchSnapshotTest, ReadsWhatTheServerTells) {
  const Result<WatchSnapshot> told = ParseWatch(kAnswer);
  ASSERT_TRUE(told.ok()) << told.status().ToString();
  EXPECT_EQ(told->messages, 70U);
  EXPECT_EQ(told->trouble, 4U);
  ASSERT_EQ(told->tenants.size(), 1U);
  EXPECT_EQ(told->tenants[0].lag_seconds, 77U);
  EXPECT_EQ(told->tenants_left_out, 5U);
  ASSERT_EQ(told->pools.size(), 1U);
  EXPECT_EQ(told->pools[0].egress, "");
  EXPECT_EQ(told->pools[0].window, 4U);
  ASSERT_EQ(told->troubles.size(), 1U);
  EXPECT_EQ(told->troubles[0].detail, "no");
  EXPECT_FALSE(told->disk_free_bytes.has_value());
  EXPECT_TRUE(told->collecting_paused);
  EXPECT_EQ(told->warnings.size(), 2U);
}

TEST(WatchSnapshotTest, WhatIsNotWholeIsRefused) {
  for (size_t length = 0; length < kAnswer.size(); ++length) {
    EXPECT_EQ(ParseWatch(kAnswer.substr(0, length)).status().code(), Code::kProtocol) << length;
  }
}

TEST(WatchSnapshotTest, AnotherVersionAndWrongTypesAreRefused) {
  const std::string_view changes[][2] = {{"\"watch\":1", "\"watch\":2"},
                                         {"\"messages\":70", "\"messages\":-70"},
                                         {"\"messages\":70", "\"messages\":\"70\""},
                                         {"\"host\":\"imap.example.com\"", "\"host\":{}"},
                                         {"\"blocked\":false", "\"blocked\":0"},
                                         {"\"attempts\":3", "\"attempts\":1e40"}};
  for (const auto& [before, after] : changes) {
    std::string answer(kAnswer);
    answer.replace(answer.find(before), before.size(), after);
    EXPECT_FALSE(ParseWatch(answer).ok()) << after;
  }
  EXPECT_FALSE(ParseWatch("[]").ok());
  EXPECT_FALSE(ParseWatch(std::string(100'000, '[')).ok());
}

WatchSnapshot At(uint64_t seconds, uint64_t messages) {
  WatchSnapshot snapshot;
  snapshot.started = "then";
  snapshot.at_ms = seconds * 1000;
  snapshot.messages = messages;
  snapshot.bytes = messages * 100;
  snapshot.checks = messages / 2;
  return snapshot;
}

TEST(WatchRatesTest, SpeedsComeFromTheCounters) {
  WatchRates rates;
  EXPECT_FALSE(rates.Now().has_value());
  rates.Note(At(10, 100));
  EXPECT_FALSE(rates.Now().has_value());
  rates.Note(At(12, 300));
  rates.Note(At(14, 300));
  ASSERT_TRUE(rates.Now().has_value());
  EXPECT_DOUBLE_EQ(rates.Now()->messages, 50);
  EXPECT_DOUBLE_EQ(rates.Now()->bytes, 5000);
  EXPECT_DOUBLE_EQ(rates.Now()->checks, 25);
  EXPECT_EQ(rates.History(), (std::deque<double>{100, 0}));
}

TEST(WatchRatesTest, WhatIsLongAgoDoesNotCount) {
  WatchRates rates;
  rates.Note(At(0, 0));
  rates.Note(At(2, 10'000));
  for (uint64_t second = 4; second <= 20; second += 2) {
    rates.Note(At(second, 10'000));
  }
  EXPECT_DOUBLE_EQ(rates.Now()->messages, 0);
}

TEST(WatchRatesTest, ASlowWatcherStillSeesSpeeds) {
  WatchRates rates;
  rates.Note(At(0, 0));
  rates.Note(At(3600, 3600));
  EXPECT_DOUBLE_EQ(rates.Now()->messages, 1);
}

TEST(WatchRatesTest, ARestartBeginsAnewAndTheSameMomentIsNoSpeed) {
  WatchRates rates;
  rates.Note(At(10, 100));
  rates.Note(At(12, 200));
  WatchSnapshot other = At(14, 300);
  other.started = "later";
  rates.Note(other);
  EXPECT_FALSE(rates.Now().has_value());
  rates.Note(other);
  EXPECT_FALSE(rates.Now().has_value());
  rates.Note(At(16, 5));
  EXPECT_FALSE(rates.Now().has_value());
  EXPECT_EQ(rates.History(), (std::deque<double>{50}));
}

TEST(WatchRatesTest, TheHistoryIsBounded) {
  WatchRates rates;
  for (uint64_t i = 0; i < 3 * kWatchHistoryMax; ++i) {
    rates.Note(At(i, i));
  }
  EXPECT_EQ(rates.History().size(), kWatchHistoryMax);
}

}  // namespace
}  // namespace mailhaul::app
