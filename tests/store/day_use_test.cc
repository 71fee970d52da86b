#include "store/day_use.h"

#include <gtest/gtest.h>

#include "store/key_layout.h"
#include "store/memory_key_value_store.h"

namespace mailhaul::store {
namespace {

TEST(DayUse, ComesBackAsItWasSavedLast) {
  MemoryKeyValueStore records;
  EXPECT_TRUE(ReadDayUse(records)->empty());
  std::vector<DayUseRow> rows;
  for (uint32_t i = 0; i < 2500; ++i) {  // More than one batch and one scan.
    rows.push_back({.name = "mailbox/" + std::to_string(10'000 + i), .day = 7, .new_bytes = i});
  }
  ASSERT_TRUE(SaveDayUse(records, rows).ok());
  rows[3] = {.name = rows[3].name, .day = 8, .new_bytes = 1, .bulk_bytes = UINT64_MAX};
  ASSERT_TRUE(SaveDayUse(records, {&rows[3], 1}).ok());
  EXPECT_EQ(ReadDayUse(records).value(), rows);
}

TEST(DayUse, ADamagedRowIsNotTakenForNothing) {
  MemoryKeyValueStore records;
  Batch batch;
  batch.Put(DayUseKey("pool"), "short");
  Outcome outcome;
  records.Commit({&batch, 1}, {&outcome, 1});
  EXPECT_EQ(ReadDayUse(records).status().code(), Code::kCorrupt);
}

}  // namespace
}  // namespace mailhaul::store
