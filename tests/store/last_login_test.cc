#include "store/last_login.h"

#include <gtest/gtest.h>

#include "store/key_layout.h"
#include "store/memory_key_value_store.h"

namespace mailhaul::store {
namespace {

TEST(LastLogin, ComesBackAsItWasSavedLast) {
  MemoryKeyValueStore records;
  EXPECT_EQ(ReadLastLogin(records).value(), std::nullopt);
  const WallTime at{std::chrono::milliseconds(1'795'000'000'123)};
  for (const WallTime time : {at, at - std::chrono::hours(1), WallTime{}, WallTime::min()}) {
    ASSERT_TRUE(SaveLastLogin(records, time).ok());
    EXPECT_EQ(ReadLastLogin(records).value(), time);
  }
}

TEST(LastLogin, AValueThatNobodySavedIsDamage) {
  MemoryKeyValueStore records;
  for (const char* const value : {"", "1234567", "123456789"}) {
    records.Tamper(LastLoginKey(), value);
    EXPECT_EQ(ReadLastLogin(records).status().code(), Code::kCorrupt) << value;
  }
}

}  // namespace
}  // namespace mailhaul::store
