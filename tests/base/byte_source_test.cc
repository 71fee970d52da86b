#include "base/byte_source.h"

#include <gtest/gtest.h>

#include <array>

namespace mailhaul {
namespace {

TEST(MemoryByteSourceTest, ReadsAtAnyOffsetAndShortOnlyAtTheEnd) {
  const MemoryByteSource source("0123456789");
  EXPECT_EQ(source.size(), 10U);
  EXPECT_EQ(source.Contiguous(), "0123456789");
  std::array<char, 4> out{};
  for (uint64_t offset = 0; offset < 13; ++offset) {
    const Result<size_t> count = source.ReadAt(offset, out);
    ASSERT_TRUE(count.ok());
    const std::string_view expected =
        std::string_view("0123456789").substr(std::min<uint64_t>(offset, 10), 4);
    EXPECT_EQ(std::string_view(out.data(), *count), expected);
  }
  EXPECT_EQ(*source.ReadAt(UINT64_MAX, out), 0U);
}

}  // namespace
}  // namespace mailhaul
