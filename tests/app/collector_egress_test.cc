// Several egress addresses, of which a server refuses one.
#include "engine/app/directory.h"
#include "engine/app/metrics.h"
#include "tests/app/engine_fixture.h"

namespace mailhaul::app {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr char kFirst[] = "192.0.2.10";
constexpr char kSecond[] = "192.0.2.11";
constexpr int kMailboxes = 12;

class CollectorEgressTest : public EngineFixture {
 protected:
  CollectorEgressTest() {
    config_.egress = {{kFirst, 500}, {kSecond, 500}};
    for (int i = 0; i < kMailboxes; ++i) {
      AddMailbox(Name(i));
    }
    Start();
    RunFor(minutes(11));
    EXPECT_GT(ConnectionsFrom(kFirst), 0U);
    EXPECT_GT(ConnectionsFrom(kSecond), 0U);
  }
  static std::string Name(int i) { return "m" + std::to_string(i); }
  bool AllHave(uint64_t messages) {
    for (int i = 0; i < kMailboxes; ++i) {
      if (Messages(Name(i)) != messages) {
        return false;
      }
    }
    return true;
  }
  void AddMessageToEach() {
    for (int i = 0; i < kMailboxes; ++i) {
      AddMessage(Name(i), "news");
    }
  }
  std::vector<http::PoolLive> BlockedPools() {
    std::vector<http::PoolLive> blocked;
    const CollectorDirectory directory(config_, *collector_, clock_);
    for (http::PoolLive& pool : directory.Pools(0, 10)) {
      if (pool.blocked) {
        blocked.push_back(std::move(pool));
      }
    }
    return blocked;
  }
};

TEST_F(CollectorEgressTest, MailboxesOfARefusedAddressUseTheOtherUntilItServesAgain) {
  SetRefused(kFirst, true);
  EXPECT_TRUE(RunUntil([this] { return !BlockedPools().empty(); }, minutes(20)));
  ASSERT_EQ(BlockedPools().size(), 1U);
  EXPECT_EQ(BlockedPools().front().egress, kFirst);
  const std::string metrics = MetricsText(*collector_, clock_.Now());
  EXPECT_NE(
      metrics.find("mailhaul_pool_blocked{host=\"imap.example.com\",egress=\"192.0.2.10\"} 1\n"),
      std::string::npos)
      << metrics;
  AddMessageToEach();
  EXPECT_TRUE(RunUntil([this] { return AllHave(1); }, minutes(11)));
  SetRefused(kFirst, false);
  const uint64_t before = ConnectionsFrom(kFirst);
  EXPECT_TRUE(RunUntil([this] { return BlockedPools().empty(); }, hours(2)));
  RunFor(minutes(11));
  EXPECT_GE(ConnectionsFrom(kFirst), before + 3) << "not only the one that tried it";
}

TEST_F(CollectorEgressTest, AServerThatIsDownBlocksNoAddress) {
  SetRefused(kFirst, true);
  SetRefused(kSecond, true);
  RunFor(hours(1));
  EXPECT_TRUE(BlockedPools().empty());
  SetRefused(kFirst, false);
  SetRefused(kSecond, false);
  AddMessageToEach();
  EXPECT_TRUE(RunUntil([this] { return AllHave(1); }, minutes(40)));
}

TEST_F(CollectorEgressTest, TheSystemsChoiceMayStandBesideAnAddress) {
  Stop();
  config_.egress = {{"", 500}, {kSecond, 500}};
  Start();
  RunFor(minutes(11));
  EXPECT_GT(ConnectionsFrom(""), 0U);
  EXPECT_GT(ConnectionsFrom(kSecond), 0U);
}

}  // namespace
}  // namespace mailhaul::app
