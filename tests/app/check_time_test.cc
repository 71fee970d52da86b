// What checks took: the running mean, and that the engine keeps it over restarts.
#include "engine/app/check_time.h"

#include "store/key_layout.h"
#include "tests/app/engine_fixture.h"

namespace mailhaul::app {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(CheckTime, FewSamplesHaveTheirMeanAndDeviation) {
  CheckTime time;
  EXPECT_EQ(time.ToRow("h"), (store::CheckTimeRow{"h", 0, {}, {}}));
  for (const int value : {1, 2, 3, 4}) {
    time.Record(seconds(value));
  }
  EXPECT_EQ(time.ToRow("h"),
            (store::CheckTimeRow{"h", 4, milliseconds(2500), microseconds(1'118'034)}));
}

TEST(CheckTime, OldSamplesFade) {
  CheckTime time;
  for (int i = 0; i < 10'000; ++i) {
    time.Record(seconds(4));
  }
  for (int i = 0; i < 300; ++i) {
    time.Record(seconds(3));
  }
  EXPECT_NEAR(static_cast<double>(time.ToRow("h").mean.count()), 3.05e6, 1e4);
}

TEST(CheckTime, GoesOnFromItsRow) {
  CheckTime whole;
  CheckTime first;
  for (int i = 1; i <= 80; ++i) {
    whole.Record(milliseconds(i * 7 % 50));
    if (i <= 40) {
      first.Record(milliseconds(i * 7 % 50));
    }
  }
  CheckTime second(first.ToRow("h"));
  for (int i = 41; i <= 80; ++i) {
    second.Record(milliseconds(i * 7 % 50));
  }
  EXPECT_EQ(second.samples(), 80U);
  EXPECT_NEAR(static_cast<double>(second.ToRow("h").mean.count()),
              static_cast<double>(whole.ToRow("h").mean.count()), 2);
  EXPECT_NEAR(static_cast<double>(second.ToRow("h").deviation.count()),
              static_cast<double>(whole.ToRow("h").deviation.count()), 2);
}

TEST(CheckTime, AbsurdTimesCanBeStored) {
  CheckTime time;
  time.Record(std::chrono::hours(100'000));
  time.Record(seconds(0));
  store::MemoryKeyValueStore records;
  const store::CheckTimeRow row = time.ToRow("h");
  ASSERT_TRUE(store::SaveCheckTimes(records, {&row, 1}).ok());
  EXPECT_EQ(store::ReadCheckTimes(records).value().front(), row);
}

class CheckTimesTest : public EngineFixture {
 protected:
  CheckTimesTest() : EngineFixture(milliseconds(5)) {}

  store::CheckTimeRow Row() {
    const std::vector<store::CheckTimeRow> rows = store::ReadCheckTimes(records_).value();
    return rows.empty() ? store::CheckTimeRow() : rows.front();
  }

  void PrepareMailboxes() {
    for (const char* id : {"alice", "bob"}) {
      AddMailbox(id);
      AddMessage(id, "one");
    }
  }
};

TEST_F(CheckTimesTest, ARestartGoesOnFromWhatWasMeasured) {
  PrepareMailboxes();
  Start();
  RunFor(minutes(25));
  Stop();
  const store::CheckTimeRow first = Row();
  EXPECT_EQ(first.host, "imap.example.com");
  EXPECT_GE(first.samples, 8U);
  // Some round trips of 10 ms.
  EXPECT_GE(first.mean, milliseconds(20));
  EXPECT_LE(first.mean, milliseconds(100));
  Start();
  RunFor(minutes(25));
  Stop();
  EXPECT_GE(Row().samples, first.samples + 8);
}

TEST_F(CheckTimesTest, WhatWasMeasuredSurvivesAnEndWithoutOrder) {
  PrepareMailboxes();
  Start();
  EXPECT_TRUE(RunUntil([this] { return Row().samples >= CheckTime::kSamplesMin; }, minutes(120)));
}

TEST_F(CheckTimesTest, ChecksThatFetchAreNotCounted) {
  PrepareMailboxes();
  Start();
  RunFor(minutes(1));
  for (int i = 0; i < 10; ++i) {
    AddMessage("alice", "new");
    AddMessage("bob", "new");
    RunFor(minutes(5));
  }
  Stop();
  EXPECT_EQ(Messages("alice"), 11U);
  EXPECT_LT(Row().samples, 6U);
}

TEST_F(CheckTimesTest, ADamagedRowIsMeasuredAnew) {
  PrepareMailboxes();
  store::Batch batch;
  batch.Put(store::CheckTimeKey("imap.example.com"), "rubbish");
  store::Outcome outcome;
  records_.Commit({&batch, 1}, {&outcome, 1});
  Start();
  RunFor(minutes(25));
  Stop();
  EXPECT_GE(Row().samples, 8U);
}

}  // namespace
}  // namespace mailhaul::app
