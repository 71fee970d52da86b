#include "engine/app/change_notice.h"

#include <gtest/gtest.h>

#include <vector>

#include "connectors/net/virtual_loop.h"

namespace mailhaul::app {
namespace {

TEST(ChangeNotice, TellsOncePerTenantUntilItIsClosed) {
  net::VirtualClock clock{WallTime(std::chrono::seconds(0))};
  net::VirtualLoop loop(clock);
  std::vector<uint32_t> told;
  const auto notice =
      std::make_shared<ChangeNotice>(loop, [&](TenantId tenant) { told.push_back(tenant.value); });
  notice->Note({2});
  notice->Note({1});
  notice->Note({2});
  EXPECT_TRUE(told.empty());
  loop.RunDue();
  EXPECT_EQ(told, (std::vector<uint32_t>{1, 2}));
  notice->Note({2});
  loop.RunDue();
  EXPECT_EQ(told, (std::vector<uint32_t>{1, 2, 2}));
  notice->Note({1});
  notice->Close();
  loop.RunDue();
  notice->Note({1});
  loop.RunDue();
  EXPECT_EQ(told.size(), 3U);
}

}  // namespace
}  // namespace mailhaul::app
