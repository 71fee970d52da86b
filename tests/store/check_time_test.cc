#include "store/check_time.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "store/key_layout.h"
#include "store/memory_key_value_store.h"

namespace mailhaul::store {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

void Put(MemoryKeyValueStore& records, std::string_view host, std::string value) {
  Batch batch;
  batch.Put(CheckTimeKey(host), std::move(value));
  Outcome outcome;
  records.Commit({&batch, 1}, {&outcome, 1});
  ASSERT_EQ(outcome.kind, Outcome::Kind::kDone);
}

std::string Value(uint32_t samples, uint64_t mean, uint64_t deviation) {
  std::string value;
  AppendU32(value, samples);
  AppendU64(value, mean);
  AppendU64(value, deviation);
  return value;
}

TEST(CheckTime, ComesBackAsItWasSavedLast) {
  MemoryKeyValueStore records;
  EXPECT_TRUE(ReadCheckTimes(records)->empty());
  std::vector<CheckTimeRow> rows = {
      {"a.example", UINT32_MAX, hours(24), microseconds(0)},
      {"b.example", 3, microseconds(1), hours(24)},
  };
  ASSERT_TRUE(SaveCheckTimes(records, rows).ok());
  rows[1] = {"b.example", 4, microseconds(2), microseconds(5)};
  ASSERT_TRUE(SaveCheckTimes(records, {&rows[1], 1}).ok());
  EXPECT_EQ(ReadCheckTimes(records).value(), rows);
}

TEST(CheckTime, TimesThatNobodySavedAreDamage) {
  const auto day = static_cast<uint64_t>(microseconds(hours(24)).count());
  for (const std::string& value :
       {std::string(), Value(1, 2, 3) + 'x', Value(1, 2, 3).substr(1), Value(1, day + 1, 0),
        Value(1, 0, day + 1), Value(1, UINT64_MAX, 0), Value(1, 0, UINT64_MAX)}) {
    MemoryKeyValueStore records;
    Put(records, "good.example", Value(9, day, day));
    ASSERT_TRUE(ReadCheckTimes(records).ok());
    Put(records, "imap\n.example", value);
    const Status status = ReadCheckTimes(records).status();
    EXPECT_EQ(status.code(), Code::kCorrupt);
    EXPECT_EQ(status.message().find('\n'), std::string::npos);
  }
}

TEST(CheckTime, AnyBytesGiveTimesThatCanBeReckonedWith) {
  SeededRandom random(1);
  for (int i = 0; i < 2000; ++i) {
    MemoryKeyValueStore records;
    std::string value;
    for (uint64_t bytes = random.Below(25); bytes > 0; --bytes) {
      // Many zeros, so that some of them are in range.
      value += static_cast<char>(random.Below(3) == 0 ? random.Below(256) : 0);
    }
    Put(records, "a", value);
    const Result<std::vector<CheckTimeRow>> rows = ReadCheckTimes(records);
    if (rows.ok()) {
      ASSERT_EQ(rows->size(), 1U);
      EXPECT_TRUE(rows->front().mean >= microseconds(0) && rows->front().mean <= hours(24));
      EXPECT_TRUE(SaveCheckTimes(records, *rows).ok());
    }
  }
}

}  // namespace
}  // namespace mailhaul::store
