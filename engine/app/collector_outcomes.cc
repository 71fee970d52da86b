// The main loop's side of collection: what an outcome means for the mailbox, its host and the run.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "engine/app/collector.h"
#include "engine/app/login_outcome.h"

namespace mailhaul::app {
namespace {

using scheduler::JobKind;

// The failure lies on our side of the wire: it says nothing about the server.
bool IsOurs(Code code) {
  switch (code) {
    case Code::kDiskFull:
    case Code::kIo:
    case Code::kBusy:
    case Code::kUnknownOutcome:
    case Code::kFenced:
    case Code::kConflict:
    case Code::kCorrupt:
    case Code::kInternal:
    case Code::kCancelled:
    case Code::kResourceExhausted:
      return true;
    default:
      return false;
  }
}

bool IsUnreachable(Code code) {
  return code == Code::kUnreachable || code == Code::kTimeout || code == Code::kProtocol;
}

// It may fail for ever, and goes behind those that may not. What failed for any other reason is as
// late as it was.
bool IsItsOwn(Code code) {
  return code == Code::kAuthFailed || code == Code::kServerRefused || code == Code::kNotFound;
}

// Trying again within the same run cannot help.
bool IsFinal(Code code) {
  return code == Code::kAuthFailed || code == Code::kTlsFailed || code == Code::kServerRefused ||
         code == Code::kNotFound || (IsOurs(code) && code != Code::kCancelled);
}

constexpr Duration kOwnFailurePause = std::chrono::seconds(30);
constexpr Duration kTokenPauseMin = std::chrono::seconds(5);
constexpr Duration kTokenPauseMax = std::chrono::minutes(10);

// The scheduler spaces out the tries of a mailbox for what its mail server does, and knows nothing
// of a token server.
Duration TokenPause(const Status& status, uint32_t attempts) {
  constexpr uint32_t kDoublingsMax = 7;
  const Duration growing = kTokenPauseMin * (1U << std::min(attempts, kDoublingsMax));
  return std::max<Duration>(std::min(growing, kTokenPauseMax), status.retry_after());
}

// What the mailbox shows: wrong credentials only once that is certain.
Status ToShow(const Status& status, scheduler::CredentialVerdict verdict) {
  if (status.code() != Code::kAuthFailed || verdict == scheduler::CredentialVerdict::kConfirmed) {
    return status;
  }
  if (verdict == scheduler::CredentialVerdict::kThrottlingSuspected) {
    return {Code::kThrottled,
            "many logins of this host are refused at once, which is taken for "
            "throttling: " +
                status.message()};
  }
  return {Code::kServerRefused,
          "the login was refused; if a later one is too, the credentials "
          "count as wrong: " +
              status.message()};
}

}  // namespace

bool IsDormant(const config::Freshness& freshness, WallTime last_used, WallTime now) {
  return now - last_used >= freshness.dormant_after;
}

Duration Collector::FreshnessOf(const MailboxState& mailbox) const {
  const config::Freshness& freshness = mailbox.tenant->freshness;
  if (mailbox.active_until > context_.clock.Now()) {
    return freshness.active;
  }
  return IsDormant(freshness, mailbox.last_used, context_.clock.WallNow()) ? freshness.dormant
                                                                           : freshness.normal;
}

void Collector::Submit(MailboxState& mailbox, JobKind kind, TimePoint not_before,
                       TimePoint deadline, bool refresh) {
  scheduler::Job job;
  job.mailbox = mailbox.id;
  job.kind = kind;
  job.not_before = not_before;
  job.deadline = deadline;
  job.refresh = refresh;
  if (kind == JobKind::kNew) {
    job.freshness = FreshnessOf(mailbox);
    mailbox.only_rest_queued = false;
    mailbox.check_from = std::min(mailbox.check_from, not_before);
    mailbox.next_due =
        context_.clock.WallNow() +
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - context_.clock.Now());
  } else if (kind == JobKind::kWindow) {
    mailbox.window_queued = true;
  } else {
    mailbox.backfill_queued = true;
  }
  const Status submitted = scheduler_.Submit(job);
  MH_CHECK(submitted.ok());
}

void Collector::SubmitNextCheck(MailboxState& mailbox, Duration age) {
  const Duration freshness = FreshnessOf(mailbox);
  const TimePoint from = context_.clock.Now() - age;
  // A little early, so that the check can be complete when it is due.
  Submit(mailbox, JobKind::kNew, from + freshness * 4 / 5, from + freshness);
}

bool Collector::NeedsNewSession(const MailboxState& mailbox) const {
  return mailbox.config->source.protocol == config::Protocol::kPop3 && !mailbox.only_rest_queued &&
         mailbox.check_from <= context_.clock.Now();
}

void Collector::Absorb(const scheduler::Grant& grant, MailboxState& mailbox,
                       const pipeline::VisitResult& result) {
  summary_.stats.Add(result.stats);
  ReturnBytes(grant, mailbox, std::max(result.bytes_asked, result.stats.bytes_fetched));
  mailbox.window_coverage = result.window_coverage.value_or(mailbox.window_coverage);
  mailbox.backfill_coverage = result.backfill_coverage.value_or(mailbox.backfill_coverage);
  if (!result.status.ok() && !result.IsCutDespiteFailure()) {
    return;  // OnGrantEnded() draws the consequences, once the connection is closed.
  }
  if (grant.job.kind == JobKind::kWindow) {
    mailbox.window_queued = false;
  } else if (grant.job.kind == JobKind::kBackfill) {
    mailbox.backfill_queued = false;
  }
  OnSuccess(mailbox, grant, result.stats.stored);
  if (!result.status.ok()) {
    mailbox.last_error = result.status;
    MarkDirty(mailbox);
  }
  if (grant.job.kind == JobKind::kNew) {
    for (const MessageId left : result.wanted_left) {
      std::erase(mailbox.wanted_now, left);
    }
    for (const MessageId done : mailbox.wanted_now) {
      std::erase(mailbox.wanted, done);
    }
    mailbox.wanted_now.clear();
  }
  SubmitFollowing(mailbox, grant, result);
  if (!mailbox.wanted.empty() && !stopping_) {
    // Large messages need a session that lets them pass.
    Submit(mailbox, JobKind::kNew, context_.clock.Now(), context_.clock.Now());
  }
}

// A stage has ended; the session is still open. Returns the next grant for it, if there is one.
Collector::StageReply Collector::OnStageDone(const scheduler::Grant& grant, MailboxState& mailbox,
                                             const pipeline::VisitResult& result, bool slow_down) {
  Absorb(grant, mailbox, result);
  StageReply reply;
  if ((!result.status.ok() && !result.IsCutDespiteFailure()) || stopping_ || slow_down ||
      NeedsNewSession(mailbox) || !mailbox.wanted.empty() || mailbox.filing_wanted ||
      mailbox.inspection_wanted || IsEnding(mailbox) || DiskIsLow()) {
    return reply;
  }
  reply.next = scheduler_.TryContinue(grant, context_.clock.Now());
  if (reply.next.has_value()) {
    if (reply.next->job.kind == JobKind::kNew) {
      reply.rest = mailbox.only_rest_queued;
      mailbox.check_from = TimePoint::max();
    }
    DrawBytes(*reply.next, mailbox);
  }
  if (!reply.next.has_value() && result.status.ok() && ShouldHold(grant, mailbox)) {
    reply.hold = true;
    BeginHold(grant, mailbox);
  }
  return reply;
}

void Collector::OnSuccess(MailboxState& mailbox, const scheduler::Grant& grant, uint64_t stored) {
  mailbox.attempts = 0;
  mailbox.last_error = Status::Ok();
  mailbox.no_room = {};
  host_states_[grant.host].attempts = 0;
  if (grant.job.kind == JobKind::kNew) {
    scheduler_.NoteNewMail(grant, context_.clock.Now(),
                           static_cast<uint32_t>(std::min<uint64_t>(stored, UINT32_MAX)));
  }
  if (stored > 0 && grant.job.kind != JobKind::kBackfill) {
    mailbox.last_used = context_.clock.WallNow();
  }
}

// What is left to do for the mailbox after a successful stage.
void Collector::SubmitFollowing(MailboxState& mailbox, const scheduler::Grant& done,
                                const pipeline::VisitResult& result) {
  TimePoint now = context_.clock.Now();
  const JobKind kind = done.job.kind;
  // New mail is left. A window stage looks for it itself, where the window is complete.
  const bool cut =
      result.more && (kind == JobKind::kNew || (kind == JobKind::kWindow && !result.window_needed));
  if (mailbox.day_bytes_max != 0 && result.more) {
    mailbox.bytes_needed = result.bytes_needed;
    now += mailbox.drawn_short && result.bytes_needed > 0 ? kDayPause : Duration(0);
  }
  if (!result.window_needed && !cut) {
    if (kind != JobKind::kBackfill) {  // Which does not look for what is new.
      mailbox.last_complete = context_.clock.WallNow() -
                              std::chrono::duration_cast<std::chrono::milliseconds>(result.age);
    }
    mailbox.window_coverage = 1;
    MarkDirty(mailbox);
  }
  if (!result.backfill_needed) {
    mailbox.backfill_coverage = 1;
  }
  const bool backfill = result.backfill_needed && mailbox.tenant->collect.backfill;
  if (result.window_needed) {
    if (!mailbox.window_queued) {
      Submit(mailbox, JobKind::kWindow, now, now + FreshnessOf(mailbox));
    }
  } else if (backfill && !cut && !mailbox.backfill_queued) {
    Submit(mailbox, JobKind::kBackfill, now, now + std::chrono::hours(24));
  }
  if (cut) {
    SubmitRest(mailbox, done, now);
    return;
  }
  if (kind == JobKind::kNew && mailbox.promised.has_value()) {
    scheduler_.NotePromised(done, *std::exchange(mailbox.promised, std::nullopt));
  }
  if (options_.continuous) {
    SubmitNextCheck(mailbox, result.age);
  } else if (result.check_needed && !result.window_needed && !backfill) {
    Submit(mailbox, JobKind::kNew, now, now);
  } else if (!result.window_needed && !backfill && !mailbox.batch_over) {
    EndBatchFor(mailbox, Status::Ok(), /*deferred=*/false);
  }
}

// A check ended with its slice. Its rest goes on at once if nobody waits whose deadline comes
// before that of a mailbox just checked; the promise stays what it was.
void Collector::SubmitRest(MailboxState& mailbox, const scheduler::Grant& done,
                           TimePoint not_before) {
  const bool only_rest = mailbox.check_from == TimePoint::max();
  Submit(mailbox, JobKind::kNew, not_before, not_before + FreshnessOf(mailbox));
  // Only a check can be gone on with: after a window stage the check is one that looks anew.
  mailbox.only_rest_queued = only_rest && done.job.kind == JobKind::kNew;
  if (done.job.kind != JobKind::kNew) {
    return;
  }
  scheduler_.NotePromised(done, TimePoint::max());
  mailbox.promised = mailbox.promised.value_or(done.job.deadline);
  mailbox.next_due =
      context_.clock.WallNow() + std::chrono::duration_cast<std::chrono::milliseconds>(
                                     *mailbox.promised - context_.clock.Now());
}

Duration Collector::SettleTime(scheduler::HostId host, const Status& status) {
  Duration& settle = host_states_[host].settle;
  if (status.code() == Code::kThrottled || status.code() == Code::kUnreachable) {
    settle = std::clamp(settle * 2, kSettleMin, kSettleMax);
  }
  return settle;
}

// The connection of a grant has ended.
void Collector::OnGrantEnded(const scheduler::Grant& grant, MailboxState& mailbox,
                             const Status& status, const Status& told) {
  const Duration settle = SettleTime(grant.host, status.ok() ? status : told);
  if (settle == Duration::zero() || stopping_) {
    FinishGrant(grant, mailbox, status, told);
    return;
  }
  MailboxState* const target = &mailbox;
  main_.AddTimer(context_.clock.Now() + settle, [this, grant, target, status, told] {
    FinishGrant(grant, *target, status, told);
  });
}

void Collector::LogAddressChanges() {
  while (const std::optional<scheduler::AddressChange> change = scheduler_.NextAddressChange()) {
    const PoolNames names = NamesOf(change->host, change->egress);
    const std::string host = "host " + EscapeForLog(names.host);
    if (change->blocked) {
      LogWarning(host + " refuses connections from " + names.egress +
                 " but not from other addresses, which its mailboxes use until that ends");
    } else {
      LogInfo(host + " no longer counts as refusing " + names.egress);
    }
  }
}

void Collector::FinishGrant(const scheduler::Grant& grant, MailboxState& mailbox,
                            const Status& status, const Status& told) {
  ReturnBytes(grant, mailbox, 0);
  if (std::exchange(mailbox.only_checked, false) && status.ok()) {
    NoteCheckTime(grant, mailbox);
  }
  // Our own trouble must not slow the pool down, nor count against the mailbox.
  const bool of_server = !IsOurs(told.code());
  const scheduler::CredentialVerdict verdict =
      scheduler_.Finish(grant, context_.clock.Now(),
                        of_server ? told : Status(Code::kCancelled, "not the server's doing"));
  LogAddressChanges();
  if (std::exchange(mailbox.closing_held, false)) {
    --held_[PoolKey(grant.host, grant.egress)].closing;
  }
  if (status.ok()) {
    mailbox.phase = MailboxState::Phase::kOk;
  } else if (!stopping_ && !IsEnding(mailbox)) {
    OnFailure(mailbox, grant, status, of_server, verdict);
  }
  GrantEnded(mailbox);
  Pump();
}

// An errand tells its own story of what went wrong: here only the pool learns of it.
void Collector::FinishErrand(const scheduler::Grant& grant, MailboxState& mailbox, ErrandKind kind,
                             const Status& status) {
  const Status told =
      IsOurs(status.code()) ? Status(Code::kCancelled, "not the server's doing") : status;
  const TimePoint now = context_.clock.Now();
  scheduler_.NotePromised(grant, TimePoint::max());  // It is no check.
  scheduler_.Finish(grant, now, told);
  LogAddressChanges();
  if (kind == ErrandKind::kFiling && !stopping_) {
    Submit(mailbox, JobKind::kNew, now, std::max(now, grant.job.deadline));
  }
  GrantEnded(mailbox);
  Pump();
}

void Collector::OnFailure(MailboxState& mailbox, const scheduler::Grant& grant,
                          const Status& answer, bool of_server,
                          scheduler::CredentialVerdict verdict) {
  const Status status = WithoutSecrets(answer, *mailbox.config);
  if (status.code() == Code::kResourceExhausted && mailbox.tenant->quota_bytes != 0) {
    ParkForQuota(mailbox);
    return;
  }
  if (status.code() == Code::kDiskFull && DiskIsLow()) {
    LogWarning("mailbox " + mailbox.FullName() + ": " + status.ToString());
    ParkForDisk(mailbox);
    return;
  }
  mailbox.phase = MailboxState::Phase::kFailing;
  mailbox.last_error = ToShow(status, verdict);
  mailbox.no_room = {};
  ++mailbox.attempts;
  MarkDirty(mailbox);
  LogWarning("mailbox " + mailbox.FullName() + ": " + status.ToString());
  const TimePoint now = context_.clock.Now();
  const bool of_token_server = !of_server && !IsOurs(status.code());
  const Duration token_pause = of_token_server ? TokenPause(status, mailbox.attempts) : Duration(0);
  if (options_.continuous) {
    const Duration pause = IsOurs(status.code()) ? kOwnFailurePause : token_pause;
    Submit(mailbox, grant.job.kind, now + pause,
           IsItsOwn(status.code()) || of_token_server ? now + std::max(pause, FreshnessOf(mailbox))
                                                      : grant.job.deadline);
    return;
  }
  const bool slow =
      status.code() == Code::kThrottled && status.retry_after() > options_.defer_after;
  // Waiting is what a throttling server asks for; it is given more patience than a dead one.
  const uint32_t attempts_max =
      status.code() == Code::kThrottled ? options_.attempts_max * 4 : options_.attempts_max;
  if (IsFinal(status.code()) || slow || mailbox.attempts >= attempts_max) {
    EndBatchFor(mailbox, status, slow);
  } else {
    Submit(mailbox, grant.job.kind, now + token_pause, now + token_pause);
  }
  if (!of_token_server) {
    CountHostFailure(mailbox, status);
  }
}

// A host that cannot be reached is not tried once for each of its mailboxes.
void Collector::CountHostFailure(const MailboxState& mailbox, const Status& status) {
  if (!IsUnreachable(status.code())) {
    return;
  }
  HostState& host = host_states_[mailbox.host];
  const TimePoint now = context_.clock.Now();
  if (host.attempts > 0 && now - host.counted_at < std::chrono::seconds(1)) {
    return;
  }
  ++host.attempts;
  host.counted_at = now;
  if (host.attempts < options_.attempts_max) {
    return;
  }
  for (const auto& other : mailboxes_) {
    if (other->host == mailbox.host && !other->batch_over &&
        other->phase != MailboxState::Phase::kCollecting) {
      EndBatchFor(*other, status, /*deferred=*/false);
    }
  }
}

void Collector::EndBatchFor(MailboxState& mailbox, const Status& status, bool deferred) {
  MH_CHECK(!mailbox.batch_over);
  mailbox.batch_over = true;
  --batch_open_;
  if (status.ok()) {
    ++summary_.mailboxes_complete;
    return;
  }
  mailbox.last_error = ToShow(status, scheduler_.Credentials(mailbox.id));
  MarkDirty(mailbox);
  summary_.failures.push_back(
      {.mailbox = mailbox.FullName(), .status = status, .deferred = deferred});
}

}  // namespace mailhaul::app
