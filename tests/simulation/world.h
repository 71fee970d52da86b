// The whole engine in virtual time, on one thread, from one seed: collector, scheduler, IMAP
// session, pipeline and store are the real code; servers, network, clock and disks are made up.
//
// A world outlives its processes. Each life is one process: it opens the store, collects over
// connections that break and servers that throttle, and ends in order or dies at a random step,
// when everything not synced is lost. Mail keeps arriving meanwhile. The last life has no faults
// and runs to its end; after every life the invariants are checked against what the servers hold.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "connectors/net/virtual_loop.h"
#include "engine/config/config.h"
#include "store/mail_store.h"
#include "store/memory_file_system.h"
#include "store/memory_key_value_store.h"
#include "tests/simulation/limit_book.h"
#include "tests/simulation/senders.h"
#include "tests/support/scripted_mail_server.h"

namespace mailhaul::simulation {

// Lets a test put a double between the engine and the records.
using RecordsWrapper =
    std::function<std::unique_ptr<store::KeyValueStore>(store::MemoryKeyValueStore&)>;

struct Report {
  std::vector<std::string> violations;  // Empty: every invariant held.
  uint64_t trace = 0;                   // Equal for equal runs.
  uint64_t lives = 0;
  uint64_t deaths = 0;
  uint64_t recoveries = 0;   // Lives whose faults stopped while they went on.
  uint64_t messages = 0;     // On the servers at the end.
  uint64_t sent = 0;         // Taken by submission servers.
  uint64_t most_logins = 0;  // Percent of those allowed in a second.
  uint64_t most_bytes = 0;   // Percent of those allowed in a day.
};

class World final {
 public:
  explicit World(uint64_t seed, RecordsWrapper wrapper = nullptr);
  // The servers allow less than the engine is told: it must be caught at that.
  void TightenServers(const std::function<void(ToldLimits&)>& tighten);
  Report Run();

  struct Stored {  // One placement, as a new process finds it.
    store::StoredMessage message;
    std::string folder;
    std::string raw;
  };

 private:
  // One folder's past: what has ever been put into it.
  struct FolderHistory {
    std::map<std::string, uint32_t> added;  // Raw bytes -> how many messages.
  };
  struct Account {
    std::string tenant;
    std::string mailbox;
    std::string host;
    std::string pool;
    std::string user;
    std::string submission_host;  // "": it cannot send.
    bool mirror = false;          // Its tenant wants deletions mirrored.
  };
  struct LifePlan {
    bool clean = false;         // No faults, to the end.
    bool continuous = false;    // `serve` instead of `collect`.
    bool until_sent = false;    // Ends when all that was handed in is over.
    uint64_t dies_at_step = 0;  // 0: never.
  };
  struct Life;  // One process.

  void MakeConfig();
  void MakeLimits();
  void TellLimits(uint64_t bytes_per_day);
  void ChooseCapabilities(test_support::ScriptedMailServer& server);
  void FillServers();
  void AddMessage(const Account& account, const std::string& folder);
  void MutateServers();
  void ActAsUsers(Life& life);
  void MoveMessage(const Account& account, test_support::ScriptedFolder& from,
                   const std::string& from_name);
  void SetFaults(bool clean);
  void LiveOnce(const LifePlan& plan);
  void RunLife(Life& life, const LifePlan& plan);
  void CheckRecovery(Life& life);
  void AwaitSent(Life& life);
  void Check(bool complete);
  void CheckMailbox(const store::MailStore& mail, const Account& account, bool complete);
  void CheckNothingDoubled(const Account& account, const std::vector<Stored>& stored);
  void CheckIds(const Account& account, const std::vector<Stored>& stored);
  void CheckAgainstSource(const Account& account, const std::vector<Stored>& stored, bool complete);
  void CheckFollowed(const Account& account, const std::vector<Stored>& stored);
  void Violate(const std::string& what);
  void Trace(const std::string& event);
  std::string MakeRaw();
  uint64_t Between(uint64_t low, uint64_t high) { return low + random_.Below(high - low + 1); }

  const uint64_t seed_;
  SeededRandom random_;
  RecordsWrapper wrapper_;
  net::VirtualClock clock_;
  config::Config config_;
  const Duration latency_;  // Of the way to the servers, which a restart does not change.
  LimitBook book_;
  std::function<void(ToldLimits&)> tighten_;
  std::vector<Account> accounts_;
  std::map<std::string, test_support::ScriptedMailServer> servers_;  // By host.
  Senders senders_;
  std::map<std::string, FolderHistory> history_;  // By user and folder.
  // How many messages of an account began with these bytes: moves do not count.
  std::map<std::string, std::map<std::string, uint32_t>> originals_;  // By user.
  // Bytes that were moved while a process ran: it may have seen the copy before the hole.
  std::map<std::string, std::set<std::string>> moved_live_;  // By user.
  std::map<std::string, std::string> ids_;  // A unique message of an account -> its id, for ever.
  store::MemoryFileSystem files_;
  store::MemoryKeyValueStore records_;
  bool mutated_ = false;  // Contents changed since the first life began.
  bool living_ = false;
  uint64_t message_number_ = 0;
  Report report_;
};

}  // namespace mailhaul::simulation
