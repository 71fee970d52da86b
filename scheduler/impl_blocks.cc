// Egress addresses that one host refuses: their mailboxes of that host use others, one at a time
// goes back and tries.
#include <algorithm>

#include "base/check.h"
#include "scheduler/backoff.h"
#include "scheduler/impl.h"

namespace mailhaul::scheduler {

namespace {

constexpr size_t kAddressChangesMax = 1024;  // Nobody may ask for them.

std::string AddressText(const std::string& address) {
  return address.empty() ? "that the system chooses" : address;
}

}  // namespace

bool Scheduler::Impl::IsProber(Index mailbox, Index pool) const {
  const auto it = blocked_pools.find(pool);
  return it != blocked_pools.end() && it->second.prober == mailbox;
}

// Whether another address that works now was served since this one failed the last time.
bool Scheduler::Impl::OthersServed(Index index) const {
  const PoolState& pool = pools[index];
  const TimePoint since = pool.block.last_failure();
  const std::vector<Index>& of_host = hosts[pool.host].pools;
  return std::any_of(of_host.begin(), of_host.end(), [&](Index other) {
    return other != kAbsent && other != index && !pools[other].block.failing() &&
           pools[other].block.last_served() > since && egresses[pools[other].egress].usable(now);
  });
}

void Scheduler::Impl::LearnBlock(const GrantRecord& record, HostVerdict verdict) {
  PoolState& pool = pools[record.pool];
  if (verdict == HostVerdict::kNone) {
    return;
  }
  const bool failed = verdict == HostVerdict::kUnreachable || verdict == HostVerdict::kThrottled;
  if (!failed) {
    // A session that was held since has proved nothing more.
    const TimePoint at = std::min(record.worked_until, now);
    const bool ended = verdict == HostVerdict::kSuccess ? pool.block.OnServed(record.connected, at)
                                                        : pool.block.OnAnswer(record.connected);
    if (ended) {
      EndBlock(record.pool);
    }
  } else if (pool.block.OnFailure(OthersServed(record.pool), now)) {
    BeginBlock(record.pool);
  } else if (IsProber(record.mailbox, record.pool)) {
    BlockedPool& blocked = blocked_pools.at(record.pool);
    blocked.prober = kAbsent;
    ProbeLater(record.pool, blocked);
  }
  if (failed && pool.block.blocked()) {
    mailboxes[record.mailbox].moving = true;  // When it is given back.
  }
}

void Scheduler::Impl::ProbeLater(Index index, BlockedPool& blocked) {
  ++blocked.probes;
  blocked.probe_at = After(now, BackoffDelay(AddressBlock::kProbeFirst, AddressBlock::kProbeLast,
                                             blocked.probes, SeedOf(pools[index])));
  next_probe = std::min(next_probe, blocked.probe_at);
}

void Scheduler::Impl::BeginBlock(Index index) {
  ProbeLater(index, blocked_pools[index]);
  NoteAddressChange(index);
  for (Index i = 0; i < mailboxes.size(); ++i) {
    Mailbox& mailbox = mailboxes[i];
    if (mailbox.id.value != 0 && mailbox.pool == index) {
      // What they waited for was this address.
      mailbox.backoff_until = mailbox.auth_failed ? mailbox.backoff_until : TimePoint::min();
      Relocate(i);
    }
  }
}

void Scheduler::Impl::EndBlock(Index index) {
  blocked_pools.erase(index);
  NoteAddressChange(index);
  const PoolState& pool = pools[index];
  for (Index i = 0; i < mailboxes.size(); ++i) {
    const Mailbox& mailbox = mailboxes[i];
    if (mailbox.id.value != 0 && mailbox.pool != index && pools[mailbox.pool].host == pool.host) {
      Relocate(i);
    }
  }
}

// The next mailbox of the host, going round, that the address would have if it were not blocked.
Scheduler::Impl::Index Scheduler::Impl::FindProber(Index index, Index after) const {
  const PoolState& pool = pools[index];
  const auto count = static_cast<Index>(mailboxes.size());
  for (Index i = 1; i <= count; ++i) {
    const Index candidate = (after + i) % count;
    const Mailbox& mailbox = mailboxes[candidate];
    if (mailbox.id.value != 0 && pools[mailbox.pool].host == pool.host && !mailbox.auth_failed &&
        (mailbox.out || mailbox.states != 0) && HomeOf(mailbox.id) == pool.egress) {
      return candidate;
    }
  }
  return kAbsent;
}

// Blocked addresses whose time has come get a mailbox that tries them with its next job.
void Scheduler::Impl::StartProbes() {
  next_probe = TimePoint::max();
  for (auto it = blocked_pools.begin(); it != blocked_pools.end();) {
    const Index index = it->first;
    BlockedPool& blocked = it->second;
    ++it;  // It may be erased.
    if (blocked.prober == kAbsent && blocked.probe_at <= now) {
      StartProbe(index, blocked);
    } else if (blocked.prober == kAbsent) {
      next_probe = std::min(next_probe, blocked.probe_at);
    }
  }
}

void Scheduler::Impl::StartProbe(Index index, BlockedPool& blocked) {
  PoolState& pool = pools[index];
  if (!egresses[pool.egress].usable(now)) {
    ProbeLater(index, blocked);
    return;
  }
  blocked.prober = FindProber(index, blocked.last_prober);
  if (blocked.prober == kAbsent) {  // Nobody is in want of it.
    pool.block.Forget();
    EndBlock(index);
    return;
  }
  blocked.last_prober = blocked.prober;
  pool.health.ProbeBy(now);
  Relocate(blocked.prober);
  RefreshPool(index);
}

void Scheduler::Impl::ForgetProber(Index mailbox) {
  for (auto& [pool, blocked] : blocked_pools) {
    if (blocked.prober == mailbox) {
      blocked.prober = kAbsent;
      blocked.probe_at = now;
      next_probe = now;
    }
  }
}

void Scheduler::Impl::NoteAddressChange(Index index) {
  const PoolState& pool = pools[index];
  if (address_changes.size() == kAddressChangesMax) {
    address_changes.pop_front();
  }
  address_changes.push_back({pool.host, pool.egress, pool.block.blocked()});
}

std::string Scheduler::Impl::ExplainBlock(Index index) const {
  if (blocked_pools.empty()) {
    return "";
  }
  const Mailbox& mailbox = mailboxes[index];
  const PoolState& pool = pools[mailbox.pool];
  const EgressId home = HomeOf(mailbox.id);
  const Index own = FindPool(pool.host, home);
  if (own == kAbsent || !pools[own].block.blocked()) {
    return "";
  }
  const std::string refused =
      " The host refuses its egress address " + AddressText(egresses[home].address);
  if (IsProber(index, own)) {
    return refused + "; it tries whether that is over.";
  }
  return home == pool.egress
             ? refused + "."
             : refused + "; it uses " + AddressText(egresses[pool.egress].address) + " meanwhile.";
}

std::optional<AddressChange> Scheduler::NextAddressChange() {
  if (impl_->address_changes.empty()) {
    return std::nullopt;
  }
  const AddressChange change = impl_->address_changes.front();
  impl_->address_changes.pop_front();
  return change;
}

}  // namespace mailhaul::scheduler
