// Which egress address a mailbox belongs to: weighted rendezvous hashing. Each address has a score
// for each mailbox, the least one wins; an address more or less moves only the mailboxes that must.
#include <algorithm>
#include <cmath>

#include "scheduler/backoff.h"
#include "scheduler/impl.h"

namespace mailhaul::scheduler {

namespace {

uint64_t HashText(std::string_view text) {
  uint64_t hash = text.size();
  for (const char c : text) {
    hash = MixHash(hash, static_cast<unsigned char>(c));
  }
  return hash;
}

}  // namespace

EgressState::EgressState(const Options& options, std::string_view its_address, uint32_t limit)
    : address(its_address),
      address_hash(HashText(its_address)),
      connections_max(limit),
      share(options.backfill_share_inverse) {}

// Exponentially distributed with the address's connections as its rate: so it is the least of all
// in proportion to them.
double Scheduler::Impl::ScoreOf(EgressId egress, MailboxId mailbox) const {
  constexpr double kScale = 1.0 / static_cast<double>(uint64_t{1} << 53);
  const EgressState& state = egresses[egress];
  const uint64_t hash = MixHash(state.address_hash, OwnerOf(mailbox).value) >> 11;
  const double uniform = (static_cast<double>(hash) + 0.5) * kScale;
  return -std::log(uniform) / state.connections_max;
}

Scheduler::Impl::Standing Scheduler::Impl::StandingOf(EgressId egress, HostId host,
                                                      Index mailbox) const {
  if (!egresses[egress].usable(now)) {
    return Standing::kUnusable;
  }
  if (blocked_pools.empty()) {
    return Standing::kFine;
  }
  const Index pool = FindPool(host, egress);
  const bool blocked = pool != kAbsent && pools[pool].block.blocked() && !IsProber(mailbox, pool);
  return blocked ? Standing::kBlocked : Standing::kFine;
}

EgressId Scheduler::Impl::ChooseEgress(Index mailbox, HostId host) const {
  const MailboxId id = mailboxes[mailbox].id;
  EgressId best = 0;
  double best_score = 0;
  Standing best_standing = Standing::kUnusable;
  for (EgressId i = 0; i < egresses.size(); ++i) {
    const Standing standing = StandingOf(i, host, mailbox);
    const double score = ScoreOf(i, id);
    if (i == 0 || standing > best_standing || (standing == best_standing && score < best_score)) {
      best = i;
      best_score = score;
      best_standing = standing;
    }
  }
  return best;
}

EgressId Scheduler::Impl::HomeOf(MailboxId mailbox) const {
  EgressId home = 0;
  for (EgressId i = 1; i < egresses.size(); ++i) {
    const bool usable = egresses[i].usable(now);
    const bool better = ScoreOf(i, mailbox) < ScoreOf(home, mailbox);
    if (usable && (better || !egresses[home].usable(now))) {
      home = i;
    }
  }
  return home;
}

void Scheduler::Impl::Relocate(Index mailbox) {
  Mailbox& moved = mailboxes[mailbox];
  const Index before = moved.pool;
  const EgressId target = ChooseEgress(mailbox, pools[before].host);
  // Without a usable address it waits where it is.
  const bool stays = target == pools[before].egress || !egresses[target].usable(now);
  moved.moving = moved.out && !stays;
  if (moved.out || stays) {
    return;
  }
  std::array<bool, kKindCount> queued_kinds{};
  for (const JobKind kind : kKinds) {
    queued_kinds[scheduler::Index(kind)] = moved.state(kind) != JobState::kNone;
    Dequeue(mailbox, kind);
  }
  moved.pool = FindOrAddPool(pools[before].host, target);
  for (const JobKind kind : kKinds) {
    if (queued_kinds[scheduler::Index(kind)]) {
      Enqueue(mailbox, kind);
    }
  }
  RefreshPool(before);
  RefreshPool(moved.pool);
}

void Scheduler::Impl::RelocateFrom(EgressId egress) {
  for (Index i = 0; i < mailboxes.size(); ++i) {
    if (mailboxes[i].id.value != 0 && pools[mailboxes[i].pool].egress == egress) {
      Relocate(i);
    }
  }
}

void Scheduler::Impl::RelocateTo(EgressId egress) {
  for (Index i = 0; i < mailboxes.size(); ++i) {
    const Mailbox& mailbox = mailboxes[i];
    if (mailbox.id.value == 0) {
      continue;
    }
    const PoolState& pool = pools[mailbox.pool];
    const EgressId current = pool.egress;
    // It may be where the host refuses it for want of another address.
    if (mailbox.moving || !egresses[current].usable(now) || pool.block.blocked() ||
        ScoreOf(egress, mailbox.id) < ScoreOf(current, mailbox.id)) {
      Relocate(i);
    }
  }
}

void Scheduler::Impl::RelocateAll() {
  for (Index i = 0; i < mailboxes.size(); ++i) {
    if (mailboxes[i].id.value != 0) {
      Relocate(i);
    }
  }
}

void Scheduler::Impl::RefreshEgressPools(EgressId egress) {
  for (Index i = 0; i < pools.size(); ++i) {
    if (pools[i].egress == egress) {
      RefreshPool(i);
    }
  }
}

void Scheduler::Impl::EndEgressBlocks() {
  next_unblock = TimePoint::max();
  for (EgressId i = 0; i < egresses.size(); ++i) {
    EgressState& egress = egresses[i];
    if (egress.blocked_until > now) {
      next_unblock = std::min(next_unblock, egress.blocked_until);
    } else if (egress.blocked_until != TimePoint::min()) {
      egress.blocked_until = TimePoint::min();
      if (!egress.removed) {
        RelocateTo(i);
        RefreshEgressPools(i);
      }
    }
  }
}

}  // namespace mailhaul::scheduler
