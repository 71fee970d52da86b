#include "engine/send/attempt.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "connectors/smtp/message_source.h"
#include "engine/send/load.h"
#include "engine/send/send_policy.h"

namespace mailhaul::send {
namespace {

using store::Submission;
using store::SubmissionState;

constexpr int kWriteTriesMax = 3;

std::string TextOf(const smtp::Reply& reply) {
  std::string text = reply.enhanced.ToString();
  if (!text.empty() && !reply.text.empty()) {
    text += ' ';
  }
  return text + reply.text;
}

// `asked`: the recipients of the envelope, as places in the submission.
std::vector<store::RecipientReply> ToReplies(const std::vector<size_t>& asked,
                                             std::span<const smtp::RecipientResult> results,
                                             const smtp::Reply* final_reply) {
  std::vector<store::RecipientReply> replies;
  replies.reserve(results.size());
  for (size_t i = 0; i < std::min(asked.size(), results.size()); ++i) {
    const smtp::RecipientResult& result = results[i];
    // What came of the whole message is what came of those that were accepted before.
    const smtp::Reply& told = result.accepted && final_reply != nullptr && final_reply->code != 0
                                  ? *final_reply
                                  : result.reply;
    replies.push_back({.recipient = asked[i],
                       .accepted = result.accepted,
                       .permanent = result.permanent,
                       .code = told.code,
                       .text = ToValidUtf8(TextOf(told))});
  }
  return replies;
}

store::AttemptOutcome::Kind ToKind(smtp::SendState state) {
  using Kind = store::AttemptOutcome::Kind;
  switch (state) {
    case smtp::SendState::kSent:
      return Kind::kSent;
    case smtp::SendState::kRejected:
      return Kind::kRefused;
    case smtp::SendState::kTemporary:
      return Kind::kTemporary;
    case smtp::SendState::kUnknown:
      break;
  }
  return Kind::kUnknown;
}

// The server answered; what it said concerns this message.
bool ConcernsMessageOnly(Code code) {
  return code == Code::kMessageRejected || code == Code::kServerRefused ||
         code == Code::kInvalidArgument;
}

smtp::Envelope EnvelopeOf(const Submission& submission, std::vector<size_t>* asked) {
  smtp::Envelope envelope;
  envelope.from = submission.from;
  envelope.id = FormatId(submission.id.value);
  for (size_t i = 0; i < submission.recipients.size(); ++i) {
    const store::SubmissionRecipient& recipient = submission.recipients[i];
    if (recipient.state == store::SubmissionRecipient::State::kPending) {
      asked->push_back(i);
      envelope.recipients.emplace_back();
      envelope.recipients.back().address = recipient.address;
    }
  }
  return envelope;
}

// Makes the mark, with what the server said of the recipients.
class MarkingObserver final : public smtp::SendObserver {
 public:
  MarkingObserver(pipeline::Context& context, SubmissionId id, const std::vector<size_t>& asked)
      : context_(context), id_(id), asked_(asked) {}

  void OnRecipients(std::span<const smtp::RecipientResult> recipients) override {
    replies_ = ToReplies(asked_, recipients, nullptr);
  }
  net::Task<Status> BeforeEndOfData() override {
    const std::vector<store::RecipientReply> replies = replies_;
    Change change = [replies](Submission& submission) {
      return store::MarkEndOfData(submission, replies);
    };
    const Result<Submission> marked =
        co_await WriteChange(context_, id_, std::move(change), nullptr);
    co_return marked.status();
  }

 private:
  pipeline::Context& context_;
  const SubmissionId id_;
  const std::vector<size_t>& asked_;
  std::vector<store::RecipientReply> replies_;
};

store::AttemptOutcome ToOutcome(const std::vector<size_t>& asked, const smtp::SendResult& result) {
  store::AttemptOutcome outcome;
  outcome.kind = ToKind(result.state);
  outcome.recipients = ToReplies(asked, result.recipients, &result.final_reply);
  if (!result.status.ok()) {
    outcome.error_code = ToString(result.status.code());
    outcome.error_detail = result.status.message();
  }
  return outcome;
}

// What was decided must not be lost to a busy moment of the store. If it is, the mark stands, and
// the submission becomes uncertain.
net::Task<Result<Submission>> Conclude(pipeline::Context& context, Random& random, SubmissionId id,
                                       store::AttemptOutcome outcome,
                                       std::chrono::milliseconds wait,
                                       const store::SentCopy* copy) {
  const WallTime now = context.clock.WallNow();
  const uint64_t seed = random.NextU64();
  Change change = [outcome, now, wait, seed](Submission& submission) {
    SeededRandom jitter(seed);
    store::AttemptOutcome told = outcome;
    told.retry_at = now + std::max(wait, RetryDelay(submission.attempts, jitter));
    return store::FinishAttempt(submission, told, now);
  };
  Result<Submission> written = co_await WriteChange(context, id, change, copy);
  for (int tries = 1; tries < kWriteTriesMax && written.status().code() == Code::kBusy; ++tries) {
    written = co_await WriteChange(context, id, change, copy);
  }
  co_return written;
}

}  // namespace

Result<Submission> Recover(store::MailStore& store, SubmissionId id, WallTime now) {
  return store::Outbox(store).Update(id, [now](Submission& submission) {
    return submission.state == SubmissionState::kSending
               ? store::AbandonAttempt(submission, now)
               : Status(Code::kConflict, "nothing is under way");
  });
}

net::Task<AttemptResult> Attempt(pipeline::Context& context, Random& random,
                                 smtp::SmtpSession& session, SubmissionId id, bool file_copy) {
  AttemptResult result;
  const WallTime now = context.clock.WallNow();
  Change claim = [now](Submission& submission) -> Status {
    if (submission.state == SubmissionState::kSending) {
      // One connection of a mailbox at a time: what is under way is nobody's.
      return store::AbandonAttempt(submission, now);
    }
    if (submission.state == SubmissionState::kQueued && submission.next_at > now) {
      return {Code::kConflict, "not due"};
    }
    return store::BeginAttempt(submission, now);
  };
  Result<Submission> claimed = co_await WriteChange(context, id, std::move(claim), nullptr);
  if (!claimed.ok()) {
    const Code code = claimed.status().code();
    // Canceled, or put off, since it was found to be due.
    const bool withdrawn = code == Code::kConflict || code == Code::kNotFound;
    result.status = withdrawn ? Status::Ok() : claimed.status();
    co_return result;
  }
  result.submission = *claimed;
  if (claimed->state != SubmissionState::kSending) {
    co_return result;
  }
  const Submission submission = std::move(claimed).value();
  MemoryCredit credit(context.budget, static_cast<size_t>(submission.location.size));
  co_await credit.Take();
  Result<LoadedMessage> loaded = co_await LoadMessage(context, submission);
  std::vector<size_t> asked;
  const smtp::Envelope envelope = EnvelopeOf(submission, &asked);
  smtp::SendResult sent;
  sent.status = loaded.status();
  if (loaded.ok()) {
    const MemoryByteSource bytes(loaded->bytes);
    smtp::ByteMessageSource source(bytes, loaded->facts);
    MarkingObserver observer(context, id, asked);
    sent = co_await session.Send(envelope, source, observer);
  }
  store::AttemptOutcome outcome = ToOutcome(asked, sent);
  outcome.file_copy = file_copy;
  const store::SentCopy* const copy = loaded.ok() ? &loaded->copy : nullptr;
  Result<Submission> written =
      co_await Conclude(context, random, id, std::move(outcome), sent.status.retry_after(), copy);
  result.submission.reset();
  if (!written.ok()) {
    result.status = written.status();
    co_return result;
  }
  result.submission = std::move(written).value();
  if (sent.status.code() == Code::kUnknownOutcome) {
    // No answer is the server's failure: what waits behind this one waits for its recovery.
    result.status = Status(Code::kUnreachable, sent.status.message());
  } else if (!ConcernsMessageOnly(sent.status.code())) {
    result.status = sent.status;
  }
  co_return result;
}

}  // namespace mailhaul::send
