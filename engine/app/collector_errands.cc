// Connections for sending: granted, counted and closed like those of checks.
#include <utility>

#include "base/check.h"
#include "engine/app/collector.h"

namespace mailhaul::app {

MailboxState* Collector::FindById(MailboxId mailbox) const {
  const auto found = by_id_.find(mailbox);
  return found == by_id_.end() ? nullptr : found->second;
}

void Collector::WantSubmission(MailboxId id) {
  MailboxState& mailbox = *by_id_.at(id);
  if (stopping_) {
    return;
  }
  mailbox.submission_wanted = true;
  const MailboxId submitter = scheduler::SubmitterOf(id);
  if (!mailbox.submitter_added) {
    const config::Server& server = *mailbox.config->submission;
    const scheduler::HostId host = HostOf(config_.PoolOf(server.host), nullptr);
    const Status added = scheduler_.AddMailbox(submitter, mailbox.tenant_id, host);
    MH_CHECK(added.ok());
    mailbox.submitter_added = true;
  }
  scheduler::Job job;
  job.mailbox = submitter;
  job.not_before = job.deadline = context_.clock.Now();
  job.refresh = true;  // Somebody waits for it.
  const Status submitted = scheduler_.Submit(job);
  MH_CHECK(submitted.ok());
  Pump();
}

void Collector::WantFiling(MailboxId id) {
  MailboxState& mailbox = *by_id_.at(id);
  if (stopping_) {
    return;
  }
  mailbox.filing_wanted = true;
  const TimePoint now = context_.clock.Now();
  Submit(mailbox, scheduler::JobKind::kNew, now, now, /*refresh=*/true);
  if (mailbox.held_in.has_value()) {
    // One connection of a mailbox at a time: the held one makes room.
    Decide(*mailbox.held_in, mailbox.held_ticket, std::nullopt);
  }
  Pump();
}

void Collector::DispatchErrand(const scheduler::Grant& grant, MailboxState& mailbox,
                               ErrandKind kind) {
  MH_CHECK(errands_ != nullptr);
  ++mailbox.grants_out;
  last_login_ = context_.clock.Now();
  if (kind == ErrandKind::kFiling) {
    mailbox.filing_wanted = false;
  } else {
    mailbox.submission_wanted = false;
  }
  WorkerState* worker = workers_[mailbox.worker].get();
  MailboxState* const target = &mailbox;
  worker->worker.loop->Post([this, worker, grant, target, kind] {
    worker->tasks.Spawn(RunErrand(*worker, grant, target, kind));
  });
}

net::Task<void> Collector::RunErrand(WorkerState& worker, scheduler::Grant grant,
                                     MailboxState* mailbox, ErrandKind kind) {
  send::Lease lease;
  lease.dialer = worker.worker.dialer;
  lease.egress = egress_.at(grant.egress);
  lease.http = worker.worker.http;
  lease.open = &worker.open_lines;
  lease.stopping = worker.stopping || worker.ending.contains(mailbox->id);
  lease.account = mailbox;
  Status status;
  if (kind == ErrandKind::kSubmission) {
    status = co_await errands_->Submit(mailbox->id, lease);
  } else {
    status = co_await errands_->File(mailbox->id, lease);
  }
  main_.Post(
      [this, grant, mailbox, kind, status] { OnErrandEnded(grant, *mailbox, kind, status); });
}

void Collector::OnErrandEnded(const scheduler::Grant& grant, MailboxState& mailbox, ErrandKind kind,
                              const Status& status) {
  const Duration settle = SettleTime(grant.host, status);
  if (settle == Duration::zero() || stopping_) {
    FinishErrand(grant, mailbox, kind, status);
    return;
  }
  MailboxState* const target = &mailbox;
  main_.AddTimer(context_.clock.Now() + settle, [this, grant, target, kind, status] {
    FinishErrand(grant, *target, kind, status);
  });
}

}  // namespace mailhaul::app
