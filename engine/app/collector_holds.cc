// Sessions of active mailboxes stay open between checks: a mailbox whose user looks at it learns of
// new mail at once (IDLE) and is checked without a login. They live on connections that nobody else
// needs: a job that waits for one gets it.
#include <optional>
#include <utility>

#include "engine/app/collector.h"

namespace mailhaul::app {
namespace {

// WaitForNews() goes on by itself; this only bounds one call.
constexpr Duration kWaitMax = std::chrono::hours(24);

}  // namespace

// Worker's side.

// Waits for a decision of the main loop, and meanwhile for news.
net::Task<Collector::Decision> Collector::HoldSession(WorkerState& worker, SourceSession& session,
                                                      pipeline::MailboxVisit& visit,
                                                      scheduler::Grant grant) {
  const PoolKey pool(grant.host, grant.egress);
  const uint64_t ticket = grant.ticket;
  Hold hold;
  hold.session = &session;
  const auto early = worker.early_decisions.find(ticket);
  if (early != worker.early_decisions.end()) {
    Decision decision = early->second;
    worker.early_decisions.erase(early);
    co_return decision;
  }
  worker.holds.emplace(ticket, &hold);
  const HoldEnd end = co_await AwaitNews(worker, hold, visit);
  if (end == HoldEnd::kLost) {
    main_.Post([this, pool, ticket] { OnHoldLost(pool, ticket); });
  } else if (end == HoldEnd::kNews) {
    main_.Post([this, pool, ticket] { OnNews(pool, ticket); });
  }
  Decision decision = co_await hold.decision.Wait();
  worker.holds.erase(ticket);
  co_return decision;
}

net::Task<Collector::HoldEnd> Collector::AwaitNews(WorkerState& worker, Hold& hold,
                                                   pipeline::MailboxVisit& visit) {
  Result<bool> news = co_await visit.Watch();
  while (news.ok() && !*news && !hold.decided && !worker.stopping) {
    news = co_await hold.session->WaitForNews(kWaitMax);
  }
  if (news.ok()) {
    co_return HoldEnd::kNews;
  }
  // Without IDLE there is nothing to do but wait for the next check.
  co_return news.status().code() == Code::kServerRefused ? HoldEnd::kSilent : HoldEnd::kLost;
}

// Main loop's side.

bool Collector::ShouldHold(const scheduler::Grant& grant, const MailboxState& mailbox) const {
  const TimePoint now = context_.clock.Now();
  return options_.continuous && !stopping_ && mailbox.active_until > now &&
         mailbox.config->source.protocol == config::Protocol::kImap &&
         scheduler_.Shortage(grant, now) == 0;
}

void Collector::BeginHold(const scheduler::Grant& grant, MailboxState& mailbox) {
  const PoolKey pool(grant.host, grant.egress);
  const uint64_t ticket = grant.ticket;
  Held held;
  held.grant = grant;
  held.mailbox = &mailbox;
  held.worker = workers_[mailbox.worker].get();
  held.timer = main_.AddTimer(context_.clock.Now() + FreshnessOf(mailbox) * 4 / 5,
                              [this, pool, ticket] { OnHoldDue(pool, ticket); });
  mailbox.held_in = pool;
  mailbox.held_ticket = ticket;
  mailbox.phase = MailboxState::Phase::kOk;
  held_[pool].sessions.emplace(ticket, held);
}

// The next check is due, or asked for: it runs on the held session, unless its place in the pool
// belongs to somebody else now.
void Collector::OnHoldDue(PoolKey pool, uint64_t ticket) {
  const auto it = held_[pool].sessions.find(ticket);
  if (it == held_[pool].sessions.end()) {
    return;
  }
  MailboxState& mailbox = *it->second.mailbox;
  Decision next;
  if (mailbox.wanted.empty() && !DiskIsLow()) {
    next = scheduler_.TryContinue(it->second.grant, context_.clock.Now());
  }
  if (next.has_value()) {
    mailbox.phase = MailboxState::Phase::kCollecting;
    if (next->job.kind == scheduler::JobKind::kNew) {
      mailbox.check_from = TimePoint::max();
    }
    DrawBytes(*next, mailbox);
  }
  Decide(pool, ticket, next);
}

void Collector::OnNews(PoolKey pool, uint64_t ticket) {
  const auto it = held_[pool].sessions.find(ticket);
  if (it == held_[pool].sessions.end()) {
    return;
  }
  const TimePoint now = context_.clock.Now();
  Submit(*it->second.mailbox, scheduler::JobKind::kNew, now, now);
  OnHoldDue(pool, ticket);
}

void Collector::OnHoldLost(PoolKey pool, uint64_t ticket) {
  if (held_[pool].sessions.contains(ticket)) {
    Decide(pool, ticket, std::nullopt);
  }
}

void Collector::Decide(PoolKey pool, uint64_t ticket, Decision decision) {
  HeldPool& held_pool = held_[pool];
  const auto it = held_pool.sessions.find(ticket);
  MH_CHECK(it != held_pool.sessions.end());
  const Held held = it->second;
  held_pool.sessions.erase(it);
  main_.CancelTimer(held.timer);
  held.mailbox->held_in.reset();
  if (!decision.has_value()) {
    ++held_pool.closing;
    held.mailbox->closing_held = true;
  }
  WorkerState* worker = held.worker;
  worker->worker.loop->Post([worker, ticket, decision] {
    const auto hold = worker->holds.find(ticket);
    if (hold == worker->holds.end()) {
      worker->early_decisions.emplace(ticket, decision);
      return;
    }
    hold->second->decided = true;
    hold->second->session->StopWaiting();
    hold->second->decision.Set(decision);
  });
}

// Gives up as many held connections as due jobs of their pool, or of its egress address, wait for.
void Collector::ReleaseWanted() {
  const TimePoint now = context_.clock.Now();
  for (auto& [pool, held_pool] : held_) {
    while (!held_pool.sessions.empty()) {
      const scheduler::Grant& any = held_pool.sessions.begin()->second.grant;
      const bool of_pool = scheduler_.PoolIsFull(any, now);
      const size_t closing = of_pool ? held_pool.closing : ClosingFrom(pool.second);
      if (scheduler_.Shortage(any, now) <= closing) {
        break;
      }
      const auto [from, ticket] = LeastActive(pool, /*of_pool=*/of_pool);
      Decide(from, ticket, std::nullopt);
    }
  }
}

size_t Collector::ClosingFrom(scheduler::EgressId egress) const {
  size_t closing = 0;
  for (const auto& [pool, held_pool] : held_) {
    closing += pool.second == egress ? held_pool.closing : 0;
  }
  return closing;
}

// The held session of the mailbox that was looked at longest ago, of those the one held longest: so
// where there are fewer connections than active mailboxes, those looked at last keep theirs, and
// the others share what is left, instead of all losing theirs in turn. Of the pool, or of all pools
// of its egress address; one is held there.
std::pair<Collector::PoolKey, uint64_t> Collector::LeastActive(const PoolKey& pool,
                                                               bool of_pool) const {
  std::pair<PoolKey, uint64_t> least;
  std::optional<std::pair<TimePoint, uint64_t>> least_rank;
  for (const auto& [key, held_pool] : held_) {
    if (of_pool ? key != pool : key.second != pool.second) {
      continue;
    }
    for (const auto& [ticket, held] : held_pool.sessions) {
      const auto rank = std::pair(held.mailbox->active_until, ticket);
      if (!least_rank.has_value() || rank < *least_rank) {
        least_rank = rank;
        least = {key, ticket};
      }
    }
  }
  return least;
}

void Collector::ReleaseAll() {
  for (auto& [pool, held_pool] : held_) {
    while (!held_pool.sessions.empty()) {
      Decide(pool, held_pool.sessions.begin()->first, std::nullopt);
    }
  }
}

}  // namespace mailhaul::app
