#include "store/submission.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace mailhaul::store {
namespace {

using State = SubmissionState;
using RecipientState = SubmissionRecipient::State;
using Filing = Submission::Filing;

constexpr std::array<std::pair<State, std::string_view>, 6> kStateNames = {{
    {State::kQueued, "queued"},
    {State::kSending, "sending"},
    {State::kSent, "sent"},
    {State::kFailed, "failed"},
    {State::kCanceled, "canceled"},
    {State::kUncertain, "uncertain"},
}};

Status NotIn(const Submission& submission, std::string_view what) {
  return {Code::kConflict, "submission " + FormatId(submission.id.value) + " is " +
                               std::string(ToString(submission.state)) + ": it cannot be " +
                               std::string(what)};
}

std::string Cut(std::string_view text, size_t bytes_max) {
  return std::string(Utf8Prefix(text, bytes_max));
}

bool Any(const Submission& submission, RecipientState state) {
  return std::any_of(submission.recipients.begin(), submission.recipients.end(),
                     [state](const SubmissionRecipient& one) { return one.state == state; });
}

void SetError(Submission& submission, std::string_view code, std::string_view detail) {
  submission.error_code = code;
  submission.error_detail = Cut(detail, kSubmissionTextBytesMax);
}

void End(Submission& submission, State state, WallTime now) {
  submission.state = state;
  submission.marked = false;
  submission.ended_at = now;
}

// What is still pending is tried again, unless its time is over.
void QueueAgain(Submission& submission, WallTime now, WallTime retry_at) {
  submission.marked = false;
  if (std::max(retry_at, now) > submission.deadline) {
    End(submission, HasAccepted(submission) ? State::kSent : State::kFailed, now);
    if (submission.error_code.empty()) {
      SetError(submission, "deadline", "not accepted before the time for sending it was over");
    }
    return;
  }
  submission.state = State::kQueued;
  submission.next_at = std::max(retry_at, now);
}

void BecomeUncertain(Submission& submission, WallTime now) {
  submission.state = State::kUncertain;
  submission.settle_attempts = 0;
  submission.next_at = now;
}

void TakeReply(SubmissionRecipient& recipient, const RecipientReply& reply,
               RecipientState accepted) {
  if (reply.code != 0) {
    recipient.code = reply.code;
    recipient.text = Cut(reply.text, kSubmissionReplyBytesMax);
  }
  recipient.state = RecipientState::kPending;
  if (reply.accepted) {
    recipient.state = accepted;
  } else if (reply.permanent) {
    recipient.state = RecipientState::kRefused;
  }
}

// `accepted`: what becomes of those that the server accepted.
void TakeReplies(Submission& submission, const std::vector<RecipientReply>& replies,
                 RecipientState accepted) {
  for (const RecipientReply& reply : replies) {
    if (reply.recipient >= submission.recipients.size()) {
      continue;
    }
    SubmissionRecipient& recipient = submission.recipients[reply.recipient];
    if (recipient.state == RecipientState::kPending ||
        recipient.state == RecipientState::kInDoubt) {
      TakeReply(recipient, reply, accepted);
    }
  }
  for (SubmissionRecipient& recipient : submission.recipients) {
    // Accepted before the mark, and not told of since.
    if (recipient.state == RecipientState::kInDoubt) {
      recipient.state = accepted;
    }
  }
}

void RefusePending(Submission& submission) {
  for (SubmissionRecipient& recipient : submission.recipients) {
    if (recipient.state == RecipientState::kPending) {
      recipient.state = RecipientState::kRefused;
    }
  }
}

// No recipient is in doubt: sent, failed, or some are still to be tried.
void Conclude(Submission& submission, WallTime now, WallTime retry_at) {
  if (Any(submission, RecipientState::kPending)) {
    QueueAgain(submission, now, retry_at);
    return;
  }
  End(submission, HasAccepted(submission) ? State::kSent : State::kFailed, now);
}

}  // namespace

std::string_view ToString(SubmissionState state) {
  for (const auto& [value, name] : kStateNames) {
    if (value == state) {
      return name;
    }
  }
  return "";
}

std::optional<SubmissionState> ParseSubmissionState(std::string_view name) {
  for (const auto& [value, known] : kStateNames) {
    if (known == name) {
      return value;
    }
  }
  return std::nullopt;
}

bool IsEnded(const Submission& submission) {
  return submission.state == State::kSent || submission.state == State::kFailed ||
         submission.state == State::kCanceled;
}

bool HasAccepted(const Submission& submission) {
  return Any(submission, RecipientState::kAccepted);
}

std::optional<SubmissionStep> NextStep(const Submission& submission) {
  using Kind = SubmissionStep::Kind;
  std::optional<SubmissionStep> step;
  const auto offer = [&step](Kind kind, WallTime at) {
    if (!step || at < step->at) {
      step = SubmissionStep{.kind = kind, .at = at};
    }
  };
  const bool files =
      submission.filing == Filing::kWanted || submission.filing == Filing::kAppending;
  if (submission.state == State::kQueued || submission.state == State::kSending) {
    offer(Kind::kSend, submission.next_at);
  } else if (submission.state == State::kUncertain) {
    // Once a part of it is sent, finding it there says nothing of the rest.
    if (submission.settle_attempts < kSettleAttemptsMax && !HasAccepted(submission)) {
      offer(Kind::kSettle, submission.next_at);
    }
  } else if (!files) {
    offer(Kind::kForget, submission.ended_at + kSubmissionKept);
  }
  if (files) {
    offer(Kind::kFile, submission.filing_at);
  }
  return step;
}

Status BeginAttempt(Submission& submission, WallTime now) {
  if (submission.state != State::kQueued) {
    return NotIn(submission, "sent now");
  }
  submission.state = State::kSending;
  submission.marked = false;
  submission.next_at = now;
  ++submission.attempts;
  return {};
}

Status MarkEndOfData(Submission& submission, const std::vector<RecipientReply>& replies) {
  if (submission.state != State::kSending || submission.marked) {
    return NotIn(submission, "marked");
  }
  submission.marked = true;
  TakeReplies(submission, replies, RecipientState::kInDoubt);
  return {};
}

Status FinishAttempt(Submission& submission, const AttemptOutcome& outcome, WallTime now) {
  using Kind = AttemptOutcome::Kind;
  if (submission.state != State::kSending) {
    return NotIn(submission, "finished");
  }
  SetError(submission, outcome.error_code, outcome.error_detail);
  switch (outcome.kind) {
    case Kind::kSent:
      TakeReplies(submission, outcome.recipients, RecipientState::kAccepted);
      if (submission.filing == Filing::kNone && outcome.file_copy && HasAccepted(submission)) {
        submission.filing = Filing::kWanted;
        submission.filing_at = now;
      }
      break;
    case Kind::kRefused:
      TakeReplies(submission, outcome.recipients, RecipientState::kPending);
      RefusePending(submission);
      break;
    case Kind::kTemporary:
      TakeReplies(submission, outcome.recipients, RecipientState::kPending);
      break;
    case Kind::kUnknown:
      TakeReplies(submission, outcome.recipients, RecipientState::kInDoubt);
      BecomeUncertain(submission, now);
      return {};
  }
  Conclude(submission, now, outcome.retry_at);
  return {};
}

Status AbandonAttempt(Submission& submission, WallTime now) {
  if (submission.state != State::kSending) {
    return NotIn(submission, "abandoned");
  }
  if (submission.marked) {
    SetError(submission, "unknown_outcome", "the server's answer to the message is not known");
    BecomeUncertain(submission, now);
  } else {
    QueueAgain(submission, now, now);
  }
  return {};
}

void DoubtAfterRestore(Submission& submission, WallTime now) {
  if (submission.filing == Filing::kWanted) {
    submission.filing = Filing::kAppending;
  }
  if (submission.state != State::kQueued && submission.state != State::kSending) {
    return;
  }
  for (SubmissionRecipient& recipient : submission.recipients) {
    if (recipient.state == RecipientState::kPending) {
      recipient.state = RecipientState::kInDoubt;
    }
  }
  SetError(submission, "restored", "it may have been sent after the backup was taken");
  BecomeUncertain(submission, now);
}

Status Postpone(Submission& submission, WallTime now, WallTime retry_at, std::string_view code,
                std::string_view detail) {
  if (submission.state != State::kQueued) {
    return NotIn(submission, "postponed");
  }
  ++submission.attempts;
  SetError(submission, code, detail);
  QueueAgain(submission, now, retry_at);
  return {};
}

Status Cancel(Submission& submission, WallTime now) {
  if (submission.state != State::kQueued && submission.state != State::kUncertain) {
    return NotIn(submission, "canceled");
  }
  End(submission, State::kCanceled, now);
  return {};
}

Status Retry(Submission& submission, WallTime now, WallTime deadline) {
  if (submission.state != State::kUncertain && submission.state != State::kFailed) {
    return NotIn(submission, "tried again");
  }
  for (SubmissionRecipient& recipient : submission.recipients) {
    if (recipient.state != RecipientState::kAccepted) {
      recipient.state = RecipientState::kPending;
    }
  }
  submission.state = State::kQueued;
  submission.marked = false;
  submission.ended_at = {};
  submission.next_at = now;
  submission.deadline = deadline;
  SetError(submission, "", "");
  return {};
}

Status SettleAsSent(Submission& submission, WallTime now) {
  if (submission.state != State::kUncertain) {
    return NotIn(submission, "settled");
  }
  for (SubmissionRecipient& recipient : submission.recipients) {
    if (recipient.state == RecipientState::kInDoubt) {
      recipient.state = RecipientState::kAccepted;
    }
  }
  SetError(submission, "", "");
  submission.filing = Filing::kDone;  // The copy is there.
  Conclude(submission, now, now);
  return {};
}

Status NoteNotFound(Submission& submission, WallTime next_look) {
  if (submission.state != State::kUncertain) {
    return NotIn(submission, "settled");
  }
  ++submission.settle_attempts;
  submission.next_at = next_look;
  return {};
}

Status BeginFiling(Submission& submission) {
  if (submission.filing != Filing::kWanted && submission.filing != Filing::kAppending) {
    return NotIn(submission, "filed");
  }
  submission.filing = Filing::kAppending;
  return {};
}

Status FinishFiling(Submission& submission) {
  if (submission.filing != Filing::kWanted && submission.filing != Filing::kAppending) {
    return NotIn(submission, "filed");
  }
  submission.filing = Filing::kDone;
  return {};
}

Status FailFiling(Submission& submission, bool unknown, bool final, WallTime retry_at) {
  if (submission.filing != Filing::kWanted && submission.filing != Filing::kAppending) {
    return NotIn(submission, "filed");
  }
  ++submission.filing_attempts;
  if (final || submission.filing_attempts >= kFilingAttemptsMax) {
    submission.filing = Filing::kGivenUp;
    return {};
  }
  if (unknown) {
    submission.filing = Filing::kAppending;  // And never back: only a look into Sent can tell.
  }
  submission.filing_at = retry_at;
  return {};
}

}  // namespace mailhaul::store
