// What the scheduler knows of one mailbox, packed: there may be ten million.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "base/large_memory.h"
#include "scheduler/arena.h"
#include "scheduler/estimates.h"
#include "scheduler/indexed_heap.h"
#include "scheduler/scheduler.h"

namespace mailhaul::scheduler {

enum class JobState : uint8_t {
  kNone,    // Not queued, or granted.
  kTimed,   // Among the timers, until its not_before and its mailbox's back-off are over.
  kReady,   // In its pool's FairQueue.
  kParked,  // Its time has come, but its mailbox is out on a grant.
};

// What a check runs through lies in the first 72 bytes.
struct Mailbox {
  struct QueuedJob {
    TimePoint not_before;
    TimePoint deadline;
  };

  MailboxId id;
  TimePoint backoff_until = TimePoint::min();
  uint32_t pool = 0;
  uint32_t tenant = 0;
  ArrivalRate arrivals;
  std::array<uint32_t, kKindCount> places = {kAbsent, kAbsent, kAbsent};  // Ready: in a heap.
                                                                          // Timed: the stamp.
  uint16_t failures = 0;                                                  // In a row.
  uint8_t states = 0;                                                     // Two bits per kind.
  bool out : 1 = false;
  bool refresh : 1 = false;      // The queued check is one.
  bool moving : 1 = false;       // Its egress address changed while it was out.
  bool has_budget : 1 = false;   // Bytes per day of its own.
  bool auth_failed : 1 = false;  // Its last login was refused.
  uint32_t freshness_ms = 0;     // Of the queued check.
  std::array<QueuedJob, kKindCount> jobs;

  JobState state(JobKind kind) const {
    return static_cast<JobState>((states >> (2 * Index(kind))) & 3U);
  }
  void set_state(JobKind kind, JobState state) {
    const size_t shift = 2 * Index(kind);
    states =
        static_cast<uint8_t>((states & ~(3U << shift)) | (static_cast<unsigned>(state) << shift));
  }
  const QueuedJob& job(JobKind kind) const { return jobs[Index(kind)]; }
};
static_assert(sizeof(Mailbox) == 104);

using Mailboxes = Arena<Mailbox>;

// At most 49 days; below 1 ms: 0.
inline uint32_t ToMilliseconds(Duration duration) {
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return static_cast<uint32_t>(std::clamp<int64_t>(whole, 0, UINT32_MAX));
}

// A job is (mailbox, kind) in one number.
inline uint32_t JobOf(uint32_t mailbox, JobKind kind) {
  return mailbox * static_cast<uint32_t>(kKindCount) + static_cast<uint32_t>(kind);
}
inline uint32_t MailboxOf(uint32_t job) { return job / static_cast<uint32_t>(kKindCount); }
inline JobKind KindOf(uint32_t job) { return kKinds[job % kKindCount]; }

// Where ready jobs lie in their heap.
class JobPlaces final {
 public:
  explicit JobPlaces(Mailboxes& mailboxes) : mailboxes_(mailboxes) {}
  uint32_t& operator[](uint32_t job) { return mailboxes_[MailboxOf(job)].places[job % kKindCount]; }

 private:
  Mailboxes& mailboxes_;
};

// Finds a mailbox's record by its id: open addressing over record numbers, at most three quarters
// full. A part of the hash beside the number spares a look at most records that are not meant.
class MailboxIndex final {
 public:
  explicit MailboxIndex(const Mailboxes& mailboxes) : mailboxes_(mailboxes), slots_(16) {}

  uint32_t Find(MailboxId id) const;  // kAbsent: not known.
  void Add(uint32_t mailbox);         // Its record holds the id, which must not be known.
  void Remove(MailboxId id);          // Must be known.
  size_t size() const { return size_; }

 private:
  struct Slot {
    uint32_t mailbox = kAbsent;  // kAbsent: free.
    uint32_t mark = 0;
  };

  size_t Home(uint64_t hash) const { return static_cast<size_t>(hash) & (slots_.size() - 1); }
  void Insert(uint32_t mailbox);

  const Mailboxes& mailboxes_;
  std::vector<Slot, LargeMemory<Slot>> slots_;  // A power of two of them.
  size_t size_ = 0;
};

}  // namespace mailhaul::scheduler
