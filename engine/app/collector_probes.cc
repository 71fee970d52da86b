// Live login tests of mailboxes that are not there yet: each takes a turn of its server's pool, as
// a check would, ahead of the ordinary ones and charged to its tenant.
//
// The pool learns of throttling alone. What else goes wrong may be what somebody has mistyped: a
// port that nobody listens at must not close the pool to those who are there.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "engine/app/collector.h"
#include "engine/app/open_source.h"

namespace mailhaul::app {

void Collector::TestLogin(LoginTest test, std::function<void(LoginTestResult)> on_done) {
  if (stopping_ || !started_) {
    on_done({.status = Status(Code::kCancelled, "stopping")});
    return;
  }
  const config::MailboxConfig& config = *test.mailbox;
  if (!hosts_.contains(config.pool)) {
    const std::string tenant = test.name.substr(0, test.name.find('/'));
    if (tested_hosts_.Take(tenant, context_.clock.Now()).has_value()) {
      on_done({.status = Status(Code::kResourceExhausted,
                                "the tenant has tested too many different hosts lately")});
      return;
    }
  }
  const MailboxId id = MailboxId::Make(kProbeShard, ++probes_made_);
  auto probe = std::make_unique<Probe>();
  probe->test = std::move(test);
  probe->on_done = std::move(on_done);
  probe->worker = probes_made_ % workers_.size();
  Probe* const kept = probe.get();
  probe->memory.keep_refresh_token = [kept](Secret token) { return KeepForLater(kept, token); };
  const scheduler::HostId host = HostOf(config.pool, config.profile.get());
  const Status added = scheduler_.AddMailbox(id, kept->test.tenant, host);
  if (!added.ok()) {
    probe->on_done({.status = added});
    return;
  }
  const TimePoint now = context_.clock.Now();
  scheduler::Job job;
  job.mailbox = id;
  job.not_before = job.deadline = now;
  job.refresh = true;  // Somebody waits for it.
  const Status submitted = scheduler_.Submit(job);
  MH_CHECK(submitted.ok());
  probe->timer = main_.AddTimer(now + kLoginTestMax, [this, id] { OnProbeLate(id); });
  probes_.emplace(id, std::move(probe));
  Pump();
}

net::Task<void> Collector::KeepForLater(Probe* probe, Secret token) {
  probe->rotated = std::move(token);
  co_return;
}

void Collector::AnswerProbe(Probe& probe, const Status& status) {
  main_.CancelTimer(std::exchange(probe.timer, 0));
  if (probe.on_done) {
    std::exchange(probe.on_done, nullptr)(
        {.status = status, .refresh_token = status.ok() ? probe.rotated : Secret()});
  }
}

// One that waits is given up. One that is out is cut off, and counts until its connection has
// ended.
void Collector::OnProbeLate(MailboxId id) {
  Probe& probe = *probes_.at(id);
  probe.timer = 0;
  if (probe.out) {
    WorkerState* const worker = workers_[probe.worker].get();
    worker->worker.loop->Post([worker, id] {
      for (const auto& [of, session] : worker->sessions) {
        if (of == id) {
          session->Abort();
        }
      }
    });
    AnswerProbe(probe, Status(Code::kTimeout, "the server did not answer in time"));
    return;
  }
  const scheduler::Explanation why = scheduler_.Explain(id, context_.clock.Now());
  const Status late(Code::kBusy, "no connection to its server was free in time: " + why.text);
  ForgetProbe(id, late);
}

void Collector::ForgetProbe(MailboxId id, const Status& status) {
  const auto found = probes_.find(id);
  AnswerProbe(*found->second, status);
  const Status removed = scheduler_.RemoveMailbox(id);
  MH_CHECK(removed.ok());
  // Its memory belongs to its worker.
  WorkerState* const worker = workers_[found->second->worker].get();
  worker->worker.loop->Post([last = std::shared_ptr<Probe>(std::move(found->second))] {});
  probes_.erase(found);
}

// Nobody waits any longer; those that are out end with their connections.
void Collector::StopProbes() {
  const Status stopping(Code::kCancelled, "stopping");
  std::vector<MailboxId> waiting;
  for (const auto& [id, probe] : probes_) {
    if (probe->out) {
      AnswerProbe(*probe, stopping);
    } else {
      waiting.push_back(id);
    }
  }
  for (const MailboxId id : waiting) {
    ForgetProbe(id, stopping);
  }
}

void Collector::DispatchProbe(const scheduler::Grant& grant) {
  Probe* const probe = probes_.at(grant.job.mailbox).get();
  probe->out = true;
  last_login_ = context_.clock.Now();
  WorkerState* const worker = workers_[probe->worker].get();
  worker->worker.loop->Post(
      [this, worker, grant, probe] { worker->tasks.Spawn(RunProbe(*worker, grant, probe)); });
}

net::Task<void> Collector::RunProbe(WorkerState& worker, scheduler::Grant grant, Probe* probe) {
  const config::MailboxConfig& config = *probe->test.mailbox;
  SourceRequest request;
  request.mailbox = grant.job.mailbox;
  request.server = &config.source;
  request.profile = config.profile.get();
  request.memory = &probe->memory;
  request.servers = &worker.servers;
  request.http = worker.worker.http;
  request.message_bytes_max = config::Collect().max_message;
  request.idle_timeout = std::min<Duration>(config_.network.idle_timeout, kLoginTestMax);
  request.compress = config_.network.compress;
  request.egress = egress_.at(grant.egress);
  Status status(Code::kCancelled, "stopping");
  std::chrono::seconds login_delay{0};
  bool token_failed = false;
  request.token_failed = &token_failed;
  if (!worker.stopping) {
    Result<OpenedSource> opened =
        co_await OpenSource(context_, *worker.worker.dialer, std::move(request));
    status = opened.status();
    if (opened.ok()) {
      const OpenedSource source = std::move(opened).value();
      SourceSession* const session = source.session.get();
      login_delay = source.login_delay;
      worker.sessions.emplace_back(grant.job.mailbox, session);
      if (worker.stopping) {
        session->Abort();
      }
      const SessionEnd end = co_await TryLogin(*session);
      status = end.status;
      std::erase(worker.sessions, std::pair(grant.job.mailbox, session));
      co_await session->Close();
    }
  }
  main_.Post([this, grant, status, token_failed, login_delay] {
    OnProbeEnded(grant, status, token_failed, login_delay);
  });
}

void Collector::OnProbeEnded(const scheduler::Grant& grant, const Status& status, bool token_failed,
                             std::chrono::seconds login_delay) {
  Probe& probe = *probes_.at(grant.job.mailbox);
  const TimePoint now = context_.clock.Now();
  if (status.ok() && login_delay.count() > 0) {
    // Its first check is soon, and would be refused.
    std::erase_if(login_holds_, [now](const auto& hold) { return hold.second <= now; });
    login_holds_[probe.test.name] = now + login_delay;
  }
  AnswerProbe(probe, status);
  const Status told = token_failed ? Status(Code::kCancelled, "the token server's doing") : status;
  const Duration settle = SettleTime(grant.host, told);
  if (settle == Duration::zero() || stopping_) {
    FinishProbe(grant, told);
    return;
  }
  main_.AddTimer(now + settle, [this, grant, told] { FinishProbe(grant, told); });
}

void Collector::FinishProbe(const scheduler::Grant& grant, const Status& status) {
  const Status told = status.ok() || status.code() == Code::kThrottled
                          ? status
                          : Status(Code::kCancelled, "a login test");
  scheduler_.Finish(grant, context_.clock.Now(), told);
  LogAddressChanges();
  ForgetProbe(grant.job.mailbox, status);
  Pump();
}

}  // namespace mailhaul::app
