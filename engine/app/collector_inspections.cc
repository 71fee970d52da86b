// Sources are looked into at the beginning of a check, on its session: no connection and no login
// is made for it that a check would not have made, and of one mailbox there is never a second one.
#include <algorithm>
#include <utility>

#include "engine/app/collector.h"

namespace mailhaul::app {

void Collector::WantInspection(MailboxId id) {
  MailboxState& mailbox = *by_id_.at(id);
  MH_CHECK(inspector_ != nullptr);
  if (stopping_ || std::exchange(mailbox.inspection_wanted, true)) {
    return;
  }
  // As soon as there is room, but no sooner than what is due before its own next check.
  const TimePoint now = context_.clock.Now();
  const std::optional<WallTime> due = mailbox.next_due;
  Submit(mailbox, scheduler::JobKind::kNew, now, now + FreshnessOf(mailbox));
  if (due.has_value()) {
    mailbox.next_due = std::min(*due, *mailbox.next_due);
  }
  if (mailbox.held_in.has_value()) {
    // A check on the held session would not look.
    Decide(*mailbox.held_in, mailbox.held_ticket, std::nullopt);
  }
  Pump();
}

void Collector::EndInspection(MailboxId id) {
  MailboxState* const mailbox = FindById(id);
  if (mailbox != nullptr) {
    mailbox->inspection_wanted = false;
  }
}

net::Task<Status> Collector::Inspect(WorkerState& worker, const MailboxState& mailbox,
                                     SourceSession& session) {
  worker.sessions.emplace_back(mailbox.id, &session);
  if (worker.stopping || worker.ending.contains(mailbox.id)) {
    session.Abort();
  }
  const Status looked = co_await inspector_->Inspect(mailbox, session);
  std::erase(worker.sessions, std::pair(mailbox.id, &session));
  co_return looked;
}

}  // namespace mailhaul::app
