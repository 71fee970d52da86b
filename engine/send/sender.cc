#include "engine/send/sender.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "engine/pipeline/await_on.h"
#include "engine/send/attempt.h"
#include "engine/send/load.h"

namespace mailhaul::send {
namespace {

using store::DueSubmission;
using store::Submission;
using store::SubmissionState;
using StepKind = store::SubmissionStep::Kind;

// After a failure of the store.
constexpr Duration kScanRetry = std::chrono::seconds(30);

}  // namespace

Sender::Sender(pipeline::Context& context, net::Loop& main_loop, Lines& lines, Random& random)
    : context_(context), main_(main_loop), lines_(lines), random_(random) {}

void Sender::Start() {
  started_ = true;
  expire_at_ = context_.clock.Now() + kExpireEvery;
  WakeAt(expire_at_);
  Look();
}

void Sender::Stop(std::function<void()> on_done) {
  stopping_ = true;
  on_stopped_ = std::move(on_done);
  main_.CancelTimer(timer_);
  timer_ = 0;
  CheckStopped();
}

void Sender::CheckStopped() {
  if (stopping_ && !scanning_ && postponing_ == 0 && on_stopped_) {
    std::exchange(on_stopped_, nullptr)();
  }
}

void Sender::Changed(const Submission& submission) {
  const std::optional<store::SubmissionStep> step = store::NextStep(submission);
  if (!step) {
    return;
  }
  main_.Post([this, due = DueSubmission{submission.id, submission.mailbox, *step}] {
    if (started_ && !stopping_ && !known_.contains(due.id)) {
      Follow(due);
    }
  });
}

void Sender::Look() {
  if (!started_ || stopping_) {
    return;
  }
  if (scanning_) {
    scan_again_ = true;
    return;
  }
  scanning_ = true;
  tasks_.Spawn(Scan());
}

void Sender::Forget(MailboxId mailbox) {
  const auto line = lines_by_mailbox_.find(mailbox);
  if (line == lines_by_mailbox_.end()) {
    return;
  }
  for (const auto* queue : {&line->second.submissions, &line->second.filings}) {
    for (const SubmissionId id : *queue) {
      known_.erase(id);
    }
  }
  lines_by_mailbox_.erase(line);
}

net::Task<void> Sender::Scan() {
  do {
    scan_again_ = false;
    const WallTime until = context_.clock.WallNow();
    std::optional<DueSubmission> after;
    bool more = true;
    while (more && !stopping_) {
      more = co_await ScanPage(&after, until);
    }
    PumpAll();
  } while (scan_again_ && !stopping_);
  if (!stopping_ && context_.clock.Now() >= expire_at_) {
    co_await ExpireWaiting();
  }
  scanning_ = false;
  if (std::exchange(scan_again_, false)) {
    Look();
  }
  CheckStopped();
}

net::Task<bool> Sender::ScanPage(std::optional<DueSubmission>* after, WallTime until) {
  store::MailStore* const store = &context_.store;
  const std::optional<DueSubmission> behind = *after;
  const std::function<Result<store::Outbox::DuePage>()> read = [store, until, behind] {
    return store::Outbox(*store).ListDue(until, behind, kScanRows);
  };
  const Result<store::Outbox::DuePage> page = co_await pipeline::RunOn(context_.reads, read);
  if (!page.ok() || !page->damage.ok()) {
    LogWarning("cannot read what is due to be sent: " +
               (page.ok() ? page->damage : page.status()).ToString());
  }
  if (!page.ok()) {
    WakeAt(context_.clock.Now() + kScanRetry);
    co_return false;
  }
  for (const DueSubmission& due : page->items) {
    if (!stopping_ && !known_.contains(due.id)) {
      co_await TakeDue(due);
    }
  }
  if (page->next) {
    WakeAt(*page->next);
  }
  recovered_ = recovered_ || (!page->after && !stopping_);
  *after = page->after;
  co_return after->has_value() && known_.size() < kDueMax;
}

net::Task<void> Sender::TakeDue(DueSubmission due) {
  store::MailStore* const store = &context_.store;
  const SubmissionId id = due.id;
  if (due.step.kind == StepKind::kForget) {
    const std::function<Status()> forget = [store, id] { return store::Outbox(*store).Forget(id); };
    const Status forgotten = co_await pipeline::RunOn(context_.committer, forget);
    if (!forgotten.ok()) {
      LogWarning("cannot forget a submission that has ended: " + forgotten.ToString());
    }
    co_return;
  }
  if (!recovered_ && due.step.kind == StepKind::kSend) {
    const WallTime now = context_.clock.WallNow();
    const std::function<Result<Submission>()> recover = [store, id, now] {
      return Recover(*store, id, now);
    };
    const Result<Submission> recovered = co_await pipeline::RunOn(context_.committer, recover);
    if (recovered.ok()) {
      LogInfo("submission " + FormatId(id.value) + " was under way when the process ended: it is " +
              std::string(ToString(recovered->state)) + " now");
      Absorb(id, *recovered);
      co_return;
    }
  }
  Enqueue(due);
}

void Sender::Enqueue(const DueSubmission& due) {
  const SendingMailbox* const mailbox = lines_.Find(due.mailbox);
  const bool sends = due.step.kind == StepKind::kSend;
  if (mailbox == nullptr || (!sends && !mailbox->has_sent_folder) || known_.size() >= kDueMax) {
    return;  // It was configured away; should it come back, this is still due.
  }
  known_.insert(due.id);
  Line& line = lines_by_mailbox_[due.mailbox];
  (sends ? line.submissions : line.filings).push_back(due.id);
}

void Sender::Absorb(SubmissionId id, const std::optional<Submission>& now) {
  known_.erase(id);
  if (!now || stopping_) {
    WakeAt(context_.clock.Now() + kScanRetry);
    return;
  }
  if (const std::optional<store::SubmissionStep> step = store::NextStep(*now)) {
    Follow({.id = id, .mailbox = now->mailbox, .step = *step});
  }
}

void Sender::Follow(const DueSubmission& due) {
  if (due.step.at > context_.clock.WallNow()) {
    WakeAt(due.step.at);
    return;
  }
  Enqueue(due);
  const auto line = lines_by_mailbox_.find(due.mailbox);
  if (line != lines_by_mailbox_.end()) {
    PumpLine(due.mailbox, line->second);
  }
}

void Sender::PumpAll() {
  for (auto& [mailbox, line] : lines_by_mailbox_) {
    PumpLine(mailbox, line);
  }
}

void Sender::PumpLine(MailboxId mailbox, Line& line) {
  if (stopping_) {
    return;
  }
  const SendingMailbox* const known = lines_.Find(mailbox);
  if (known == nullptr) {
    return;
  }
  if (!line.filings.empty() && !line.filing_wanted && !line.filing_running) {
    line.filing_wanted = true;
    lines_.WantFiling(mailbox);
  }
  if (line.submissions.empty() || line.submission_wanted || line.submission_running ||
      !MayGoNow(*known, line)) {
    return;
  }
  line.submission_wanted = true;
  lines_.WantSubmission(mailbox);
}

bool Sender::MayGoNow(const SendingMailbox& mailbox, Line& line) {
  const TimePoint now = context_.clock.Now();
  const TimePoint allowed =
      std::max(line.window.NextAt(mailbox.per_minute, now),
               tenants_[mailbox.tenant].NextAt(mailbox.tenant_per_minute, now));
  if (allowed > now) {
    WakeAt(allowed);
  }
  return allowed <= now;
}

void Sender::WakeAt(WallTime at) {
  WakeAt(context_.clock.Now() +
         std::max<Duration>(at - context_.clock.WallNow(), std::chrono::milliseconds(1)));
}

void Sender::WakeAt(TimePoint at) {
  if (stopping_ || (wake_ && *wake_ <= at)) {
    return;
  }
  wake_ = at;
  ArmTimer();
}

void Sender::ArmTimer() {
  main_.CancelTimer(timer_);
  timer_ = main_.AddTimer(*wake_, [this] {
    timer_ = 0;
    wake_.reset();
    WakeAt(expire_at_);
    Look();
  });
}

std::optional<SubmissionId> Sender::TakeNext(MailboxId mailbox, Kind kind) {
  Line& line = lines_by_mailbox_[mailbox];
  std::deque<SubmissionId>& queue = kind == Kind::kSubmission ? line.submissions : line.filings;
  const SendingMailbox* const known = lines_.Find(mailbox);
  if (stopping_ || queue.empty() || known == nullptr) {
    return std::nullopt;
  }
  if (kind == Kind::kSubmission) {
    if (!MayGoNow(*known, line)) {
      return std::nullopt;
    }
    const TimePoint now = context_.clock.Now();
    line.window.Note(known->per_minute, now);
    tenants_[known->tenant].Note(known->tenant_per_minute, now);
  }
  const SubmissionId id = queue.front();
  queue.pop_front();
  return id;
}

std::optional<SendingMailbox> Sender::BeginRun(MailboxId mailbox, Kind kind) {
  Line& line = lines_by_mailbox_[mailbox];
  const bool sends = kind == Kind::kSubmission;
  (sends ? line.submission_wanted : line.filing_wanted) = false;
  (sends ? line.submission_running : line.filing_running) = true;
  const SendingMailbox* const known = lines_.Find(mailbox);
  // Others of the tenant may have used up its minute since the connection was asked for.
  if (known == nullptr || stopping_ || (sends ? line.submissions : line.filings).empty() ||
      (sends && !MayGoNow(*known, line))) {
    return std::nullopt;
  }
  return *known;
}

void Sender::EndRun(MailboxId mailbox, Kind kind, bool failed, const Status& refused) {
  // Nothing is wrong where it was cancelled: what waits stays due.
  if (!refused.ok() && refused.code() != Code::kCancelled) {
    PostponeAll(mailbox, kind, refused);
  }
  Line& line = lines_by_mailbox_[mailbox];
  (kind == Kind::kSubmission ? line.submission_running : line.filing_running) = false;
  if (failed) {
    // Not at once: the pool backs off by itself, but our own trouble is not its business.
    WakeAt(context_.clock.Now() + std::chrono::seconds(5));
  } else {
    PumpLine(mailbox, line);
  }
  if (line.submissions.empty() && line.filings.empty() && !line.submission_running &&
      !line.filing_running && !line.submission_wanted && !line.filing_wanted) {
    const SendingMailbox* const known = lines_.Find(mailbox);
    if (known == nullptr || known->per_minute == 0) {
      lines_by_mailbox_.erase(mailbox);  // Else its window still counts.
    }
  }
}

}  // namespace mailhaul::send
