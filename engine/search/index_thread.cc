#include "engine/search/index_thread.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/log.h"

namespace mailhaul::search {
namespace {

constexpr int kNiceness = 19;
// ioprio_set(2) has no header: this thread, the idle class.
constexpr int kIoPriorityOfThread = 1;
constexpr int kIoPriorityIdle = 3 << 13;

constexpr uint64_t kBusyMessages = 5;  // In the time of one step.
constexpr int kRestFactor = 4;
constexpr Duration kRestMax = std::chrono::seconds(2);

// Where the system refuses, the thread runs as the others do, and the pacer alone holds it back.
void LowerPriority() {
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  setpriority(PRIO_PROCESS, thread, kNiceness);
  syscall(SYS_ioprio_set, kIoPriorityOfThread, 0, kIoPriorityIdle);
}

}  // namespace

Duration Pacer::PauseAfter(Duration step, uint64_t ingested) {
  const bool busy = ingested >= ingested_ + kBusyMessages;
  ingested_ = ingested;
  return busy ? std::min(step * kRestFactor, kRestMax) : Duration::zero();
}

IndexThread::IndexThread(Indexer& indexer, const store::MailStore& store, const Clock& clock,
                         std::vector<std::string> tenants, std::function<uint64_t()> ingested)
    : indexer_(indexer),
      store_(store),
      clock_(clock),
      ingested_(std::move(ingested)),
      tenants_(std::move(tenants)),
      thread_([this] { Run(); }) {}

IndexThread::~IndexThread() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void IndexThread::AddTenant(const std::string& name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (std::find(tenants_.begin(), tenants_.end(), name) == tenants_.end()) {
    tenants_.push_back(name);
  }
}

void IndexThread::RemoveTenant(const std::string& name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::erase(tenants_, name);
}

void IndexThread::Delete(const IndexId& id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  deletions_.push_back(id);
}

bool IndexThread::Rest(Duration pause) {
  std::unique_lock<std::mutex> lock(mutex_);
  return !wake_.wait_for(lock, pause, [this] { return stopping_; });
}

void IndexThread::Run() {
  LowerPriority();
  while (Rest(Round())) {
  }
  DeleteFiles();
}

void IndexThread::DeleteFiles() {
  std::vector<IndexId> ids;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ids.swap(deletions_);
  }
  for (const IndexId& id : ids) {
    const Status deleted = indexer_.Delete(id);
    if (!deleted.ok()) {
      LogWarning("delete this index yourself: " + deleted.ToString());
    }
  }
}

Duration IndexThread::Round() {
  DeleteFiles();
  bool more = false;
  std::vector<std::string> names;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    names = tenants_;
  }
  for (const std::string& name : names) {
    const TimePoint begin = clock_.Now();
    const auto failure = failures_.find(name);
    if (failure != failures_.end() && begin < failure->second.until) {
      continue;
    }
    more = StepOf(name) || more;
    if (!Rest(pacer_.PauseAfter(clock_.Now() - begin, ingested_()))) {
      return Duration::zero();
    }
  }
  return more ? Duration::zero() : kPollInterval;
}

bool IndexThread::StepOf(const std::string& name) {
  const std::optional<TenantId> tenant = store_.FindTenant(name);
  if (!tenant.has_value()) {
    return false;
  }
  const Result<bool> step = indexer_.Step(*tenant);
  NoteOutcome(name, step.status());
  return step.ok() && *step;
}

void IndexThread::NoteOutcome(const std::string& name, const Status& outcome) {
  const auto known = failures_.find(name);
  if (outcome.ok()) {
    if (known != failures_.end()) {
      LogInfo("full text indexing for " + name + " goes on");
      failures_.erase(known);
    }
    return;
  }
  // Once, until it is another one: it is tried again and again.
  if (known == failures_.end() || known->second.code != outcome.code()) {
    LogWarning("full text indexing for " + name + " waits: " + outcome.ToString());
  }
  failures_[name] = {.code = outcome.code(), .until = clock_.Now() + kRetryInterval};
}

}  // namespace mailhaul::search
