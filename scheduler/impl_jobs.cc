// Where queued jobs lie: among the timers, in their pool's queue, or parked.
#include <algorithm>

#include "base/check.h"
#include "scheduler/backoff.h"
#include "scheduler/impl.h"

namespace mailhaul::scheduler {

namespace {

constexpr size_t kStaleTimersMin = 1024;
constexpr size_t kCachedMailboxes = 30'000;  // So many stay in the processor's cache by themselves.

}  // namespace

void Scheduler::Impl::PrefetchPool(Index pool) const {
  constexpr size_t kCacheLine = 64;
  if (mailboxes.size() < kCachedMailboxes) {
    return;
  }
  const auto* const begin = reinterpret_cast<const char*>(&pools[pool]);
  for (size_t at = 0; at < sizeof(PoolState); at += kCacheLine) {
    __builtin_prefetch(begin + at);
  }
}

TimePoint Scheduler::Impl::DueOf(Index mailbox, JobKind kind) const {
  const Mailbox& owner = mailboxes[mailbox];
  const TimePoint due = std::max(owner.job(kind).not_before, owner.backoff_until);
  if (!owner.has_budget) {
    return due;
  }
  const MailboxBudget& budget = mailbox_budgets.at(mailbox);
  return std::max(due, budget.budget.OpenAt(kind, budget.limit, clock, now));
}

// A check counts as due the earlier, the more mail is expected.
JobRank Scheduler::Impl::RankOf(const Mailbox& mailbox, JobKind kind) const {
  const Mailbox::QueuedJob& job = mailbox.job(kind);
  JobRank rank{job.deadline, /*refresh=*/false};
  if (kind == JobKind::kNew) {
    rank.refresh = mailbox.refresh;
    rank.freshness = std::chrono::milliseconds(mailbox.freshness_ms);
  }
  if (kind == JobKind::kNew && mailbox.arrivals.per_hour() > 0 && job.deadline > job.not_before) {
    const Duration most =
        std::min(options.arrival_bonus_max, Since(job.not_before, job.deadline) / 4);
    rank.deadline -= Duration(
        static_cast<int64_t>(static_cast<double>(most.count()) * mailbox.arrivals.busyness()));
  }
  return rank;
}

FairQueue* Scheduler::Impl::QueueOf(const PoolState& pool, JobKind kind) {
  const Index queue = pool.queues[scheduler::Index(kind)];
  return queue == kAbsent ? nullptr : &queues[queue];
}

void Scheduler::Impl::PushReady(Index mailbox, JobKind kind) {
  Mailbox& owner = mailboxes[mailbox];
  PoolState& pool = pools[owner.pool];
  if (kind == JobKind::kNew) {
    pool.checks_due.Record(now);
  }
  Index& queue = pool.queues[scheduler::Index(kind)];
  if (queue == kAbsent) {
    if (free_queues.empty()) {
      free_queues.push_back(static_cast<Index>(queues.size()));
      queues.emplace_back();
    }
    queue = free_queues.back();
    free_queues.pop_back();
    queues[queue].Begin(kind == JobKind::kNew ? FairQueue::Mode::kDeadlines
                                              : FairQueue::Mode::kShares);
  }
  queues[queue].Push(owner.tenant, JobOf(mailbox, kind), RankOf(owner, kind), JobPlaces(mailboxes));
  owner.set_state(kind, JobState::kReady);
  pool.waiting[scheduler::Index(kind)] = true;
  ++egresses[pool.egress].waiting;
}

void Scheduler::Impl::RemoveReady(Index mailbox, JobKind kind) {
  const Mailbox& owner = mailboxes[mailbox];
  PoolState& pool = pools[owner.pool];
  FairQueue& queue = queues[pool.queues[scheduler::Index(kind)]];
  queue.Remove(owner.tenant, JobOf(mailbox, kind), JobPlaces(mailboxes));
  pool.waiting[scheduler::Index(kind)] = !queue.empty();
  --egresses[pool.egress].waiting;
  ReturnIfIdle(pool, kind);
}

void Scheduler::Impl::ReturnIfIdle(PoolState& pool, JobKind kind) {
  Index& queue = pool.queues[scheduler::Index(kind)];
  if (queues[queue].idle()) {
    free_queues.push_back(queue);
    queue = kAbsent;
  }
}

void Scheduler::Impl::Enqueue(Index mailbox, JobKind kind) {
  Mailbox& owner = mailboxes[mailbox];
  MH_CHECK(owner.state(kind) == JobState::kNone);
  const TimePoint due = DueOf(mailbox, kind);
  if (due > now) {
    const uint32_t stamp = timer_stamp++;
    owner.places[scheduler::Index(kind)] = stamp;
    owner.set_state(kind, JobState::kTimed);
    timers.Push({due, JobOf(mailbox, kind), stamp});
    ++timed;
    if (timers.size() > 2 * timed + kStaleTimersMin) {
      DropStaleTimers();
    }
  } else if (owner.out) {
    owner.set_state(kind, JobState::kParked);
  } else {
    PushReady(mailbox, kind);
  }
}

void Scheduler::Impl::Dequeue(Index mailbox, JobKind kind) {
  Mailbox& owner = mailboxes[mailbox];
  if (owner.state(kind) == JobState::kTimed) {
    owner.places[scheduler::Index(kind)] = kAbsent;  // Its entry does not count any more.
    --timed;
  } else if (owner.state(kind) == JobState::kReady) {
    RemoveReady(mailbox, kind);
  }
  owner.set_state(kind, JobState::kNone);
}

// What else is due of a mailbox that goes out leaves its pool's queues, so that it blocks nobody.
void Scheduler::Impl::ParkOthers(Index mailbox) {
  for (const JobKind kind : kKinds) {
    if (mailboxes[mailbox].state(kind) == JobState::kReady) {
      Dequeue(mailbox, kind);
      Enqueue(mailbox, kind);
    }
  }
}

// After a grant: what waited for the mailbox becomes ready, or waits for its back-off.
void Scheduler::Impl::Unpark(Index mailbox) {
  const Mailbox& owner = mailboxes[mailbox];
  for (const JobKind kind : kKinds) {
    const JobState state = owner.state(kind);
    const bool held_back = owner.backoff_until > now || owner.has_budget;
    if (state == JobState::kParked || (state == JobState::kTimed && held_back)) {
      Dequeue(mailbox, kind);
      Enqueue(mailbox, kind);
    }
  }
}

void Scheduler::Impl::DropStaleTimers() {
  timers.Keep([this](const TimerHeap::Entry& entry) {
    const Mailbox& owner = mailboxes[MailboxOf(entry.job)];
    const JobKind kind = KindOf(entry.job);
    return owner.state(kind) == JobState::kTimed &&
           owner.places[scheduler::Index(kind)] == entry.stamp;
  });
}

// What the next timers need is seldom cached: the mailboxes of those that may come to the top next,
// and the pool of the one that is there, whose mailbox has come meanwhile.
void Scheduler::Impl::PrefetchUpcoming() const {
  if (timers.empty() || mailboxes.size() < kCachedMailboxes) {
    return;
  }
  for (size_t child = 0; child < TimerHeap::kArity; ++child) {
    if (const TimerHeap::Entry* const entry = timers.upcoming(child); entry != nullptr) {
      __builtin_prefetch(&mailboxes[MailboxOf(entry->job)]);
    }
  }
  PrefetchPool(mailboxes[MailboxOf(timers.top().job)].pool);
}

// Afterwards the first timer counts and lies in the future.
void Scheduler::Impl::FireTimers() {
  while (!timers.empty()) {
    const TimerHeap::Entry entry = timers.top();
    const Index mailbox = MailboxOf(entry.job);
    const JobKind kind = KindOf(entry.job);
    Mailbox& owner = mailboxes[mailbox];
    const bool counts = owner.state(kind) == JobState::kTimed &&
                        owner.places[scheduler::Index(kind)] == entry.stamp;
    if (counts && entry.due > now) {
      return;
    }
    timers.Pop();
    PrefetchUpcoming();
    if (counts) {
      Dequeue(mailbox, kind);
      Enqueue(mailbox, kind);
      if (owner.state(kind) == JobState::kReady) {
        pools[owner.pool].logins.Prefetch();
        RefreshPool(owner.pool);
      }
    }
  }
}

void Scheduler::Impl::Advance(TimePoint to) {
  now = std::max(now, to);
  if (next_unblock <= now) {
    EndEgressBlocks();
  }
  if (next_probe <= now) {
    StartProbes();
  }
  FireTimers();
  while (!pool_timers.empty() && pool_timers.top_key() <= now) {
    RefreshPool(pool_timers.top_id());
  }
}

}  // namespace mailhaul::scheduler
