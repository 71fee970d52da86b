// The worker's side of collection: one coroutine per grant, on the loop of its mailbox.
#include <utility>

#include "connectors/imap/imap_session.h"
#include "engine/app/collector.h"

namespace mailhaul::app {
namespace {

pipeline::Stage StageOf(scheduler::JobKind kind) {
  switch (kind) {
    case scheduler::JobKind::kNew:
      return pipeline::Stage::kNew;
    case scheduler::JobKind::kWindow:
      return pipeline::Stage::kWindow;
    case scheduler::JobKind::kBackfill:
      return pipeline::Stage::kBackfill;
  }
  return pipeline::Stage::kNew;
}

ServerAddress ToServerAddress(const config::Server& server) {
  ServerAddress address;
  address.host = server.host;
  address.port = server.port;
  switch (server.security) {
    case config::SecurityMode::kTls:
      address.security = Security::kTls;
      break;
    case config::SecurityMode::kStartTls:
      address.security = Security::kStartTls;
      break;
    case config::SecurityMode::kPlaintext:
      address.security = Security::kPlaintext;
      break;
  }
  return address;
}

}  // namespace

void Collector::Dispatch(const scheduler::Grant& grant) {
  MailboxState* mailbox = by_id_.at(grant.job.mailbox);
  if (mailbox->batch_over) {
    scheduler_.Finish(grant, context_.clock.Now(), Status(Code::kCancelled, "given up"));
    return;
  }
  mailbox->phase = MailboxState::Phase::kCollecting;
  WorkerState* worker = workers_[mailbox->worker].get();
  worker->worker.loop->Post(
      [this, worker, grant, mailbox] { worker->tasks.Spawn(RunGrant(*worker, grant, mailbox)); });
}

net::Task<void> Collector::RunGrant(WorkerState& worker, scheduler::Grant grant,
                                    MailboxState* mailbox) {
  const config::Server& server = mailbox->config->source;
  imap::SessionOptions session_options;
  session_options.command_timeout = config_.network.idle_timeout;
  session_options.body_bytes_max = mailbox->tenant->collect.max_message;
  Credentials credentials;
  credentials.username = server.username;
  credentials.password = server.password;
  std::optional<net::IpAddress> egress;
  if (!egress_.empty()) {
    egress = egress_[grant.egress];
  }
  Status status;
  if (worker.stopping) {
    status = Status(Code::kCancelled, "stopping");
  } else if (server.host.empty()) {
    status = mailbox->config->undiscovered;
  } else {
    Result<std::unique_ptr<SourceSession>> opened =
        co_await imap::OpenImapSession(*worker.worker.dialer, ToServerAddress(server),
                                       std::move(credentials), egress, session_options);
    status = opened.status();
    if (opened.ok()) {
      const std::unique_ptr<SourceSession> session = std::move(opened).value();
      status = co_await RunSession(worker, *session, &grant, mailbox);
      co_await session->Close();
    }
  }
  // The connection has ended for certain: only now may its place in the pool be given away.
  main_.Post([this, grant, mailbox, status] { OnGrantEnded(grant, *mailbox, status); });
}

// Runs stage after stage while the scheduler lets this mailbox keep the connection. `grant` is the
// last one held.
net::Task<Status> Collector::RunSession(WorkerState& worker, SourceSession& session,
                                        scheduler::Grant* grant, MailboxState* mailbox) {
  worker.sessions.push_back(&session);
  if (worker.stopping) {
    session.Abort();
  }
  pipeline::VisitOptions visit_options;
  visit_options.mailbox = mailbox->id;
  visit_options.window = mailbox->tenant->collect.window;
  visit_options.max_message = mailbox->tenant->collect.max_message;
  visit_options.exclude = mailbox->tenant->collect.exclude;
  pipeline::MailboxVisit visit(context_, session, std::move(visit_options));
  Status status;
  for (;;) {
    pipeline::VisitResult result =
        co_await visit.Run(StageOf(grant->job.kind), grant->slice, grant->slice_bytes);
    status = result.status;
    const std::optional<scheduler::Grant> next =
        co_await ReportStage(*grant, mailbox, std::move(result));
    if (!next.has_value()) {
      break;
    }
    *grant = *next;
  }
  std::erase(worker.sessions, &session);
  co_return status;
}

net::Task<std::optional<scheduler::Grant>> Collector::ReportStage(scheduler::Grant grant,
                                                                  MailboxState* mailbox,
                                                                  pipeline::VisitResult result) {
  net::OneShot<std::optional<scheduler::Grant>> reply;
  auto* target = &reply;
  net::Loop* here = net::Loop::Current();
  main_.Post([this, target, here, grant, mailbox, moved = std::move(result)] {
    const std::optional<scheduler::Grant> next = OnStageDone(grant, *mailbox, moved);
    here->Post([target, next] { target->Set(next); });
  });
  co_return co_await reply.Wait();
}

}  // namespace mailhaul::app
