// The thread that indexes: of the lowest priority, and idle most of the time while mail comes in.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "engine/search/indexer.h"

namespace mailhaul::search {

// Between looks at the change log when nothing is left to do.
inline constexpr Duration kPollInterval = std::chrono::seconds(1);
// After a failure: no room on the disk, say.
inline constexpr Duration kRetryInterval = std::chrono::seconds(30);

// How long to rest after a step: while mail comes in, so that indexing takes a fifth of one core at
// most, whatever the priorities do.
class Pacer final {
 public:
  // `ingested` is a running count of messages.
  Duration PauseAfter(Duration step, uint64_t ingested);

 private:
  uint64_t ingested_ = 0;
};

class IndexThread final {
 public:
  // `ingested` counts the messages that came in, on any thread. Tenants are those of these names
  // that the store knows.
  IndexThread(Indexer& indexer, const store::MailStore& store, const Clock& clock,
              std::vector<std::string> tenants, std::function<uint64_t()> ingested);
  ~IndexThread();  // Ends with the step that is running.
  // From the next round on. Any thread; a tenant that is there already changes nothing.
  void AddTenant(const std::string& name);
  void RemoveTenant(const std::string& name);
  // Deletes the file, open or not, before the next round. The tenant is none of those here.
  void Delete(const IndexId& id);
  IndexThread(const IndexThread&) = delete;
  IndexThread& operator=(const IndexThread&) = delete;

 private:
  void Run();
  // One step for each tenant. How long to rest then.
  Duration Round();
  void DeleteFiles();
  // True: the tenant has more to do.
  bool StepOf(const std::string& name);
  void NoteOutcome(const std::string& name, const Status& outcome);
  bool Rest(Duration pause);  // False: the end has come.

  Indexer& indexer_;
  const store::MailStore& store_;
  const Clock& clock_;
  const std::function<uint64_t()> ingested_;
  Pacer pacer_;
  struct Failure {
    Code code;
    TimePoint until{};  // Left alone until then.
  };
  std::map<std::string, Failure> failures_;  // By tenant.

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;             // Guarded by mutex_, as are
  std::vector<std::string> tenants_;  // these.
  std::vector<IndexId> deletions_;
  std::thread thread_;
};

}  // namespace mailhaul::search
