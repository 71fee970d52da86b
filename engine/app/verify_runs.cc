#include "engine/app/verify_runs.h"

#include <chrono>
#include <utility>

#include "base/text.h"

namespace mailhaul::app {

VerifyRuns::VerifyRuns(Collector& collector, pipeline::Context& context, net::Loop& main)
    : collector_(collector),
      clock_(context.clock),
      inspector_(context.store, context.reads, context.clock, main,
                 [this](MailboxFinding finding) { OnFound(std::move(finding)); }) {
  collector_.SetInspector(&inspector_);
}

std::optional<std::string> VerifyRuns::Answer(std::string_view question) {
  if (question.starts_with(kVerifyBegin)) {
    return ToJson(Begin(question.substr(kVerifyBegin.size())));
  }
  if (question.starts_with(kVerifyNext)) {
    return ToJson(Next(question.substr(kVerifyNext.size())));
  }
  if (question.starts_with(kVerifyEnd)) {
    if (run_.has_value() && run_->id == question.substr(kVerifyEnd.size())) {
      End();
    }
    return ToJson(VerifyAnswer());
  }
  return std::nullopt;
}

VerifyAnswer VerifyRuns::Begin(std::string_view mailbox) {
  VerifyAnswer answer;
  if (run_.has_value() && !IsAbandoned()) {
    answer.problem = "another `verify --online` is under way: wait until it has ended";
    return answer;
  }
  End();
  run_ = Run();
  const auto since = clock_.WallNow().time_since_epoch();
  run_->id = FormatId(static_cast<uint64_t>(since.count()));
  if (mailbox.empty()) {
    for (const auto& state : collector_.mailboxes()) {
      run_->to_come.push_back(state->FullName());
    }
  } else if (Find(mailbox) != nullptr) {
    run_->to_come.emplace_back(mailbox);
  } else {
    run_.reset();
    answer.unknown_mailbox = true;
    answer.problem = "the running server collects no mailbox " + EscapeForLog(mailbox);
    return answer;
  }
  run_->mailboxes = run_->to_come.size();
  return Next(std::string(run_->id));
}

VerifyAnswer VerifyRuns::Next(std::string_view id) {
  VerifyAnswer answer;
  if (!run_.has_value() || run_->id != id) {
    answer.problem = "the running server has forgotten this run, or was restarted: begin anew";
    return answer;
  }
  run_->asked_at = clock_.Now();
  GiveUpLate();
  answer.run = run_->id;
  answer.mailboxes = run_->mailboxes;
  answer.findings = std::exchange(run_->found, {});
  run_->told += answer.findings.size();
  answer.done = run_->told;
  if (answer.over()) {
    End();
  } else {
    Fill();
  }
  return answer;
}

void VerifyRuns::End() {
  if (!run_.has_value()) {
    return;
  }
  const Run ended = *std::exchange(run_, std::nullopt);
  for (const auto& [name, wait] : ended.under_way) {
    if (const MailboxState* const mailbox = Find(name); mailbox != nullptr) {
      collector_.EndInspection(mailbox->id);
    }
  }
}

const MailboxState* VerifyRuns::Find(std::string_view name) const {
  const size_t slash = name.find('/');
  return slash == std::string_view::npos
             ? nullptr
             : collector_.Find(name.substr(0, slash), name.substr(slash + 1));
}

bool VerifyRuns::IsAbandoned() const { return clock_.Now() - run_->asked_at > kVerifyAskedEvery; }

void VerifyRuns::OnFound(MailboxFinding finding) {
  if (const MailboxState* const mailbox = Find(finding.mailbox); mailbox != nullptr) {
    collector_.EndInspection(mailbox->id);
  }
  if (run_.has_value() && run_->under_way.erase(finding.mailbox) > 0) {
    run_->found.push_back(std::move(finding));
    Fill();
  }
}

void VerifyRuns::Fill() {
  if (IsAbandoned()) {
    End();
    return;
  }
  while (!run_->to_come.empty() && run_->under_way.size() < kVerifiedAtOnce &&
         run_->found.size() + run_->under_way.size() < kFindingsKeptMax) {
    std::string name = std::move(run_->to_come.front());
    run_->to_come.pop_front();
    Wait wait{.until = clock_.Now() + kVerifyWaitMax};
    if (const MailboxState* const mailbox = Find(name); mailbox != nullptr) {
      Await(*mailbox, wait);
    }
    run_->under_way.emplace(std::move(name), wait);
  }
}

void VerifyRuns::Await(const MailboxState& mailbox, Wait& wait) {
  wait.mailbox = mailbox.id;
  wait.attempts = mailbox.attempts;
  collector_.WantInspection(mailbox.id);
}

// Whether its server, not the mailbox, keeps it waiting for long: others need not wait for that.
bool VerifyRuns::IsHeldUp(const scheduler::Explanation& why, TimePoint now) {
  switch (why.cause) {
    case scheduler::WaitCause::kDayLimit:
    case scheduler::WaitCause::kEgressBlocked:
    case scheduler::WaitCause::kThrottled:
    case scheduler::WaitCause::kHostCircuit:
      return why.until > now + kVerifyRetryMax;
    default:
      return false;
  }
}

Status VerifyRuns::WhyNot(const MailboxState* mailbox, const Wait& wait) const {
  const TimePoint now = clock_.Now();
  if (mailbox == nullptr) {
    return {Code::kNotFound, "it is no longer collected"};
  }
  if (!mailbox->no_room.empty()) {
    return mailbox->last_error;
  }
  const scheduler::Scheduler& scheduler = collector_.scheduler();
  if (mailbox->phase == MailboxState::Phase::kFailing &&
      (mailbox->attempts != wait.attempts ||
       scheduler.BackoffUntil(mailbox->id) - now > kVerifyRetryMax)) {
    return mailbox->last_error;
  }
  const scheduler::Explanation why = scheduler.Explain(mailbox->id, now);
  return now < wait.until && !IsHeldUp(why, now)
             ? Status::Ok()
             : Status(Code::kBusy, "its turn did not come in time: " + why.text);
}

void VerifyRuns::GiveUpLate() {
  for (auto it = run_->under_way.begin(); it != run_->under_way.end();) {
    const MailboxState* const mailbox = Find(it->first);
    if (mailbox != nullptr && mailbox->id != it->second.mailbox) {
      Await(*mailbox, it->second);
    }
    const Status why = WhyNot(mailbox, it->second);
    if (why.ok()) {
      ++it;
      continue;
    }
    if (mailbox != nullptr) {
      collector_.EndInspection(mailbox->id);
    }
    run_->found.push_back(FailedFinding(it->first, why));
    it = run_->under_way.erase(it);
  }
}

}  // namespace mailhaul::app
