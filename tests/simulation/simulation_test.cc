// MAILHAUL_SEEDS: how many seeds (200 when not set); MAILHAUL_SEED: the first one (1).
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "store/key_layout.h"
#include "tests/simulation/seeds.h"
#include "tests/simulation/world.h"

namespace mailhaul::simulation {
namespace {

// What a careless store would do: batches are not atomic. Now and then one fails, but the ledger
// entries of its messages are there.
class TornLedgerStore final : public store::KeyValueStore {
 public:
  explicit TornLedgerStore(store::MemoryKeyValueStore& below) : below_(below) {}

  Result<std::optional<std::string>> Get(std::string_view key) override { return below_.Get(key); }
  Result<bool> Scan(const store::ScanRequest& request,
                    const std::function<bool(std::string_view, std::string_view)>& visit) override {
    return below_.Scan(request, visit);
  }
  void Commit(std::span<const store::Batch> batches, std::span<store::Outcome> outcomes) override {
    constexpr uint64_t kTearEvery = 20;
    const bool torn = ++commits_ % kTearEvery == 0;
    if (torn) {
      below_.InjectFault(1, store::MemoryKeyValueStore::Fault::kUnknownLost);
    }
    below_.Commit(batches, outcomes);
    for (const store::Batch& batch : batches) {
      for (const store::Write& write : batch.writes) {
        if (torn && write.key.front() == static_cast<char>(store::Keyspace::kLedger)) {
          below_.Tamper(write.key, write.value);
        }
      }
    }
  }

 private:
  store::MemoryKeyValueStore& below_;
  uint64_t commits_ = 0;
};

// Another one acknowledges changes of submissions and forgets them.
class ForgetfulStore final : public store::KeyValueStore {
 public:
  explicit ForgetfulStore(store::MemoryKeyValueStore& below) : below_(below) {}

  Result<std::optional<std::string>> Get(std::string_view key) override { return below_.Get(key); }
  Result<bool> Scan(const store::ScanRequest& request,
                    const std::function<bool(std::string_view, std::string_view)>& visit) override {
    return below_.Scan(request, visit);
  }
  void Commit(std::span<const store::Batch> batches, std::span<store::Outcome> outcomes) override {
    for (size_t i = 0; i < batches.size(); ++i) {
      if (Forgets(batches[i])) {
        outcomes[i] = {.kind = store::Outcome::Kind::kDone, .detail = {}};
      } else {
        below_.Commit(batches.subspan(i, 1), outcomes.subspan(i, 1));
      }
    }
  }

 private:
  bool Forgets(const store::Batch& batch) {
    constexpr uint64_t kForgetEvery = 3;
    const bool concerned =
        std::any_of(batch.writes.begin(), batch.writes.end(), [](const store::Write& write) {
          return write.key.front() == static_cast<char>(store::Keyspace::kSubmission);
        });
    return concerned && ++commits_ % kForgetEvery == 0;
  }

  store::MemoryKeyValueStore& below_;
  uint64_t commits_ = 0;
};

TEST(SimulationTest, EveryInvariantHoldsForEverySeed) {
  const uint64_t first = Seeds().first;
  const uint64_t seeds = Seeds().count;
  uint64_t lives = 0;
  uint64_t deaths = 0;
  uint64_t recoveries = 0;
  uint64_t messages = 0;
  uint64_t sent = 0;
  uint64_t full_logins = 0;
  uint64_t full_days = 0;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    const Report report = World(seed).Run();
    ASSERT_TRUE(report.violations.empty())
        << report.violations.front() << "\nagain: MAILHAUL_SEED=" << seed
        << " MAILHAUL_SEEDS=1 simulation_test";
    lives += report.lives;
    deaths += report.deaths;
    recoveries += report.recoveries;
    messages += report.messages;
    sent += report.sent;
    full_logins += report.most_logins == 100 ? 1 : 0;
    full_days += report.most_bytes >= 75 ? 1 : 0;
  }
  std::cout << seeds << " seeds, " << lives << " lives, " << deaths << " deaths, " << recoveries
            << " recoveries, " << messages << " messages at the end, " << sent << " sent; "
            << full_logins << " seeds with a full second of logins, " << full_days
            << " with a full day of bytes\n";
  // A simulation in which nothing happens would prove nothing.
  EXPECT_GT(messages, seeds);
  EXPECT_GT(lives, seeds);
  EXPECT_GT(sent, seeds);
  EXPECT_TRUE(seeds < 100 || recoveries > seeds / 10);
  EXPECT_TRUE(seeds < 100 || full_logins > seeds / 10);
  EXPECT_TRUE(seeds < 100 || full_days > seeds / 100);
}

// Each check of a limit can fail: with servers that allow less than the engine was told, it does.
TEST(SimulationTest, EveryLimitThatIsNotKeptIsCaught) {
  const std::map<std::string, std::function<void(ToldLimits&)>> tightened = {
      {"connections of", [](ToldLimits& told) { told.connections -= 1; }},
      {"connections that the servers", [](ToldLimits& told) { told.connections -= 1; }},
      {"connections from", [](ToldLimits& told) { told.address_connections_less = 1; }},
      {"sessions of", [](ToldLimits& told) { told.connections_per_mailbox -= 1; }},
      {"dials of", [](ToldLimits& told) { told.logins_per_second -= 1; }},
      {"logins at", [](ToldLimits& told) { told.logins_per_second -= 1; }},
      {"bytes of", [](ToldLimits& told) { told.bytes_per_day -= told.bytes_per_day / 2; }},
  };
  for (const auto& [breach, tighten] : tightened) {
    uint64_t caught = 0;
    for (uint64_t seed = 1; seed <= 30; ++seed) {
      World world(seed);
      world.TightenServers(tighten);
      const std::vector<std::string> violations = world.Run().violations;
      caught += std::any_of(violations.begin(), violations.end(),
                            [sought = " " + breach](const std::string& what) {
                              return what.find(sought) != std::string::npos;
                            })
                    ? 1
                    : 0;
    }
    EXPECT_GT(caught, 0U) << breach;
  }
}

TEST(SimulationTest, TheSameSeedGivesTheSameTrace) {
  for (uint64_t seed = 1000; seed < 1010; ++seed) {
    const uint64_t once = World(seed).Run().trace;
    EXPECT_EQ(World(seed).Run().trace, once) << seed;
    EXPECT_NE(World(seed + 500).Run().trace, once) << seed;
  }
}

TEST(SimulationTest, ALedgerTornFromItsMessagesIsCaught) {
  const RecordsWrapper careless = [](store::MemoryKeyValueStore& below) {
    return std::make_unique<TornLedgerStore>(below);
  };
  uint64_t caught = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    caught += World(seed, careless).Run().violations.empty() ? 0 : 1;
  }
  EXPECT_GT(caught, 0U);
}

TEST(SimulationTest, SubmissionsThatAreForgottenAreCaught) {
  constexpr uint64_t kSeedsMax = 600;
  std::set<std::string> sought = {"was accepted, now", "is sent, delivered 0 times",
                                  "was sent 2 times", "Sent has 2 copies"};
  for (uint64_t seed = 1; seed <= kSeedsMax && !sought.empty(); ++seed) {
    const RecordsWrapper careless = [](store::MemoryKeyValueStore& below) {
      return std::make_unique<ForgetfulStore>(below);
    };
    for (const std::string& violation : World(seed, careless).Run().violations) {
      std::erase_if(sought, [&violation](const std::string& kind) {
        return violation.find(kind) != std::string::npos;
      });
    }
  }
  EXPECT_TRUE(sought.empty()) << "never seen: " << testing::PrintToString(sought);
}

}  // namespace
}  // namespace mailhaul::simulation
