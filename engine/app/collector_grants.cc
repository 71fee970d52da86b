// The worker's side of collection: one coroutine per grant, on the loop of its mailbox.
#include <algorithm>
#include <utility>

#include "engine/app/collector.h"
#include "engine/app/open_source.h"

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

// A message that takes most of a day's bytes would wait for ever.
uint64_t MessageBytesMax(const MailboxState& mailbox) {
  const uint64_t limit = mailbox.tenant->collect.max_message;
  return mailbox.day_bytes_max == 0 ? limit : std::min(limit, mailbox.day_bytes_max / 2);
}

bool LikelyQuiet(const SourceMemory& memory, WallTime now) {
  return memory.quiet_in_a_row >= kQuietToLeave && !memory.quiet.backfill_needed &&
         now < memory.quiet.until;
}

bool FoundNothing(const scheduler::Grant& grant, const pipeline::VisitResult& result) {
  return grant.job.kind == scheduler::JobKind::kNew && result.status.ok() && !result.more &&
         result.stats.bytes_fetched == 0;
}

Status ToTell(const Status& status, const Status& hint, bool token_failed) {
  if (token_failed) {
    return {Code::kCancelled, "the token server's doing"};
  }
  return status.ok() ? hint : status;
}

}  // namespace

void Collector::Dispatch(scheduler::Grant grant) {
  if (grant.job.mailbox.shard() == kProbeShard) {
    DispatchProbe(grant);
    return;
  }
  MailboxState* mailbox = by_id_.at(scheduler::OwnerOf(grant.job.mailbox));
  if (scheduler::IsSubmitter(grant.job.mailbox)) {
    DispatchErrand(grant, *mailbox, ErrandKind::kSubmission);
    return;
  }
  if (mailbox->batch_over) {
    scheduler_.Finish(grant, context_.clock.Now(), Status(Code::kCancelled, "given up"));
    return;
  }
  const TimePoint now = context_.clock.Now();
  if (grant.job.kind == scheduler::JobKind::kNew) {
    mailbox->check_from = TimePoint::max();
    if (mailbox->filing_wanted) {
      DispatchErrand(grant, *mailbox, ErrandKind::kFiling);
      return;
    }
  }
  if (IsOverQuota(*mailbox)) {
    scheduler_.Finish(grant, now, Status(Code::kCancelled, "over quota"));
    ParkForQuota(*mailbox);
    return;
  }
  if (!options_.login_only && DiskIsLow()) {
    scheduler_.Finish(grant, now, Status(Code::kCancelled, "no room on the disk"));
    ParkForDisk(*mailbox);
    return;
  }
  if (mailbox->login_not_before > now) {
    // The server would refuse, and the whole pool would be slowed down for it.
    scheduler_.Finish(grant, now, Status(Code::kCancelled, "too early for another login"));
    Submit(*mailbox, grant.job.kind, mailbox->login_not_before,
           std::max(grant.job.deadline, mailbox->login_not_before));
    return;
  }
  ++mailbox->grants_out;
  mailbox->phase = MailboxState::Phase::kCollecting;
  mailbox->granted_at = now;
  last_login_ = now;
  mailbox->wanted_now = mailbox->wanted;
  DrawBytes(grant, *mailbox);
  WorkerState* worker = workers_[mailbox->worker].get();
  Visitor visitor;
  visitor.mailbox = mailbox;
  visitor.wanted = mailbox->wanted;
  visitor.leaves_quiet = mailbox->active_until <= now;
  visitor.inspects = mailbox->inspection_wanted && grant.job.kind == scheduler::JobKind::kNew;
  visitor.may_leave_early = visitor.leaves_quiet && visitor.wanted.empty() && !visitor.inspects &&
                            !grant.job.refresh && grant.job.kind == scheduler::JobKind::kNew;
  worker->worker.loop->Post([this, worker, grant, moved = std::move(visitor)] {
    worker->tasks.Spawn(RunGrant(*worker, grant, moved));
  });
}

net::Task<void> Collector::RunGrant(WorkerState& worker, scheduler::Grant grant, Visitor visitor) {
  MailboxState* const mailbox = visitor.mailbox;
  SourceRequest request;
  request.mailbox = mailbox->id;
  request.server = &mailbox->config->source;
  request.profile = mailbox->config->profile.get();
  request.memory = mailbox->memory.get();
  request.servers = &worker.servers;
  request.http = worker.worker.http;
  request.message_bytes_max = visitor.wanted.empty() ? MessageBytesMax(*mailbox) : kWantedBytesMax;
  request.idle_timeout = config_.network.idle_timeout;
  request.compress = config_.network.compress;
  request.leave_unless_news =
      visitor.may_leave_early && LikelyQuiet(*mailbox->memory, context_.clock.WallNow());
  request.egress = egress_.at(grant.egress);
  if (options_.login_only && inspector_ != nullptr) {
    request.uids = inspector_->UidlsOf(*mailbox);
  }
  SessionEnd end;
  Status& status = end.status;
  Status hint;
  bool token_failed = false;
  request.token_failed = &token_failed;
  if (worker.stopping || worker.ending.contains(mailbox->id)) {
    status = Status(Code::kCancelled, "stopping");
  } else if (request.server->host.empty()) {
    status = mailbox->config->undiscovered;
  } else {
    Result<OpenedSource> opened =
        co_await OpenSource(context_, *worker.worker.dialer, std::move(request));
    status = opened.status();
    if (opened.ok()) {
      const OpenedSource source = std::move(opened).value();
      SourceSession* const session = source.session.get();
      if (source.login_delay.count() > 0) {
        const TimePoint next_login = context_.clock.Now() + source.login_delay;
        main_.Post([mailbox, next_login] { mailbox->login_not_before = next_login; });
      }
      if (options_.login_only) {
        end = co_await LookOnly(worker, *mailbox, *session);
      } else {
        end = co_await RunSession(worker, *session, &grant, visitor);
      }
      hint = session->throttle_hint();
      if (status.code() == Code::kTimeout || status.code() == Code::kProtocol) {
        mailbox->memory->server = nullptr;  // It may not be what it was.
      }
      if (!status.ok() || end.left_with_news) {
        mailbox->memory->quiet_in_a_row = 0;
      }
      co_await session->Close();
    }
  }
  // The connection has ended for certain: only now may its place in the pool be given away.
  const Status told = ToTell(status, hint, token_failed);
  main_.Post([this, grant, mailbox, moved = std::move(end), told] {
    if (moved.unreported.has_value()) {
      Absorb(grant, *mailbox, *moved.unreported);
    }
    if (moved.left_with_news) {
      Submit(*mailbox, grant.job.kind, context_.clock.Now(), grant.job.deadline);
    }
    mailbox->only_checked = moved.only_checked;
    OnGrantEnded(grant, *mailbox, moved.status, told);
  });
}

// Runs stage after stage while the scheduler lets this mailbox keep the connection. `grant` is the
// last one held.
net::Task<Collector::SessionEnd> Collector::RunSession(WorkerState& worker, SourceSession& session,
                                                       scheduler::Grant* grant,
                                                       const Visitor& visitor) {
  MailboxState* const mailbox = visitor.mailbox;
  SessionEnd end;
  if (visitor.inspects) {
    end.status = co_await Inspect(worker, *mailbox, session);
    if (!end.status.ok()) {
      co_return end;
    }
  }
  worker.sessions.emplace_back(mailbox->id, &session);
  if (worker.stopping || worker.ending.contains(mailbox->id)) {
    session.Abort();
  }
  pipeline::VisitOptions visit_options;
  visit_options.mailbox = mailbox->id;
  visit_options.window = mailbox->tenant->collect.window;
  visit_options.max_message = MessageBytesMax(*mailbox);
  visit_options.exact_bytes = mailbox->day_bytes_max != 0;
  visit_options.exclude = mailbox->tenant->collect.exclude;
  visit_options.backfill = mailbox->tenant->collect.backfill;
  visit_options.shown_in_parts = !session.listing_is_complete() &&
                                 mailbox->config->profile != nullptr &&
                                 mailbox->config->profile->pop3_partial;
  visit_options.mirror = mailbox->tenant->collect.deletions == config::Deletions::kMirror;
  visit_options.wanted = visitor.wanted;
  visit_options.quiet = &mailbox->memory->quiet;
  visit_options.tenant = mailbox->tenant_id;
  if (mailbox->tenant->quota_bytes != 0) {
    visit_options.quota_bytes = mailbox->tenant->quota_bytes;
    visit_options.quota_asked = mailbox->quota_asked;
  }
  if (mailbox->tenant->retention.has_value()) {
    visit_options.received_from = context_.clock.WallNow() - *mailbox->tenant->retention;
  }
  pipeline::MailboxVisit visit(context_, session, std::move(visit_options));
  bool rest = false;
  for (bool first = true;; first = false) {
    pipeline::VisitResult result =
        co_await visit.Run(StageOf(grant->job.kind), grant->slice, grant->slice_bytes, rest);
    if (session.left_with_news()) {
      end.left_with_news = true;
      break;
    }
    end.status = result.IsCutDespiteFailure() ? Status::Ok() : result.status;
    end.only_checked = first && !visitor.inspects && FoundNothing(*grant, result);
    if (grant->job.kind == scheduler::JobKind::kNew) {
      uint32_t& in_a_row = mailbox->memory->quiet_in_a_row;
      in_a_row = result.quiet ? std::min(in_a_row + 1, kQuietToLeave) : 0;
    }
    if (result.quiet && !result.backfill_needed && visitor.leaves_quiet) {
      end.unreported = std::move(result);
      break;
    }
    const bool slow_down = !session.throttle_hint().ok();
    StageReply reply = co_await ReportStage(*grant, mailbox, std::move(result), slow_down);
    if (reply.hold) {
      end.only_checked = false;
      reply.next = co_await HoldSession(worker, session, visit, *grant);
    }
    if (!reply.next.has_value()) {
      break;
    }
    rest = reply.rest;
    *grant = *reply.next;
  }
  std::erase(worker.sessions, std::pair(mailbox->id, &session));
  co_return end;
}

net::Task<Collector::SessionEnd> Collector::TryLogin(SourceSession& session) {
  SessionEnd end;
  const Result<std::vector<FolderInfo>> folders =
      co_await session.ListFolders(/*with_status=*/false);
  end.status = folders.status();
  if (end.status.ok()) {
    end.unreported.emplace();
  }
  co_return end;
}

net::Task<Collector::SessionEnd> Collector::LookOnly(WorkerState& worker,
                                                     const MailboxState& mailbox,
                                                     SourceSession& session) {
  if (inspector_ == nullptr) {
    co_return co_await TryLogin(session);
  }
  SessionEnd end;
  end.status = co_await Inspect(worker, mailbox, session);
  if (end.status.ok()) {
    end.unreported.emplace();
  }
  co_return end;
}

net::Task<Collector::StageReply> Collector::ReportStage(scheduler::Grant grant,
                                                        MailboxState* mailbox,
                                                        pipeline::VisitResult result,
                                                        bool slow_down) {
  net::OneShot<StageReply> reply;
  auto* target = &reply;
  net::Loop* here = net::Loop::Current();
  main_.Post([this, target, here, grant, mailbox, slow_down, moved = std::move(result)] {
    const StageReply answer = OnStageDone(grant, *mailbox, moved, slow_down);
    here->Post([target, answer] { target->Set(answer); });
  });
  co_return co_await reply.Wait();
}

}  // namespace mailhaul::app
