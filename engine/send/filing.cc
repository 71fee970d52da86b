#include "engine/send/filing.h"

#include <functional>
#include <utility>

#include "engine/pipeline/await_on.h"
#include "engine/send/load.h"
#include "engine/send/send_policy.h"

namespace mailhaul::send {
namespace {

using store::Submission;
using Filing = Submission::Filing;

// The session can go on after it.
bool ConcernsMessageOnly(Code code) {
  return code == Code::kMessageRejected || code == Code::kServerRefused ||
         code == Code::kNotFound || code == Code::kAlreadyExists;
}

// No later try can do better.
bool IsFinal(Code code) { return code == Code::kMessageRejected; }

net::Task<Result<Submission>> ReadSubmission(pipeline::Context& context, SubmissionId id) {
  store::MailStore* const store = &context.store;
  const std::function<Result<Submission>()> read = [store, id] {
    return store::Outbox(*store).Get(id);
  };
  co_return co_await pipeline::RunOn(context.reads, read);
}

net::Task<AttemptResult> Report(net::Task<Result<Submission>> write, Status conversation) {
  AttemptResult result;
  Result<Submission> written = co_await std::move(write);
  if (written.ok()) {
    result.submission = std::move(written).value();
    result.status = std::move(conversation);
  } else {
    result.status = written.status();
  }
  co_return result;
}

net::Task<AttemptResult> FilingFailed(pipeline::Context& context, Random& random,
                                      const Submission& submission, Status why) {
  const WallTime retry_at =
      context.clock.WallNow() + RetryDelay(submission.filing_attempts + 1, random);
  const bool unknown = why.code() == Code::kUnknownOutcome;
  const bool final = IsFinal(why.code());
  Change change = [unknown, final, retry_at](Submission& stored) {
    return store::FailFiling(stored, unknown, final, retry_at);
  };
  Status told = ConcernsMessageOnly(why.code()) ? Status::Ok() : std::move(why);
  net::Task<Result<Submission>> write =
      WriteChange(context, submission.id, std::move(change), nullptr);
  co_return co_await Report(std::move(write), std::move(told));
}

net::Task<AttemptResult> Filed(pipeline::Context& context, SubmissionId id) {
  Change change = [](Submission& stored) { return store::FinishFiling(stored); };
  net::Task<Result<Submission>> write = WriteChange(context, id, std::move(change), nullptr);
  co_return co_await Report(std::move(write), Status::Ok());
}

// Whether the folder has the message.
net::Task<Result<bool>> IsThere(SentFolder& folder, const FolderInfo& where,
                                const Submission& submission) {
  CO_TRY(const UidSet found, folder.session().Find(where, submission.message_id));
  co_return !found.empty();
}

net::Task<Status> AppendCopy(pipeline::Context& context, SentFolder& folder,
                             const FolderInfo& where, const Submission& submission) {
  MemoryCredit credit(context.budget, static_cast<size_t>(submission.location.size));
  co_await credit.Take();
  CO_TRY(const LoadedMessage message, LoadMessage(context, submission));
  Change change = [](Submission& stored) { return store::BeginFiling(stored); };
  CO_TRY(const Submission begun, WriteChange(context, submission.id, std::move(change), nullptr));
  const MemoryByteSource bytes(message.bytes);
  CO_TRY(const imap::SentFiling::Copy copy,
         folder.session().Append(where, bytes, message.copy.date, begun.message_id));
  static_cast<void>(copy);  // The next check finds it and knows it by its bytes.
  co_return Status::Ok();
}

net::Task<AttemptResult> FileCopy(pipeline::Context& context, Random& random, SentFolder& folder,
                                  const Submission& submission) {
  const Result<FolderInfo> where = co_await folder.Find();
  if (!where.ok()) {
    co_return co_await FilingFailed(context, random, submission, where.status());
  }
  if (submission.filing == Filing::kAppending) {
    const Result<bool> there = co_await IsThere(folder, *where, submission);
    if (!there.ok()) {
      // Whether the earlier APPEND worked is as unknown as before.
      Status unknown(Code::kUnknownOutcome, there.status().message());
      AttemptResult result = co_await FilingFailed(context, random, submission, std::move(unknown));
      result.status = result.status.ok() || result.submission ? there.status() : result.status;
      co_return result;
    }
    if (*there) {
      co_return co_await Filed(context, submission.id);
    }
  }
  const Status appended = co_await AppendCopy(context, folder, *where, submission);
  if (!appended.ok()) {
    co_return co_await FilingFailed(context, random, submission, appended);
  }
  co_return co_await Filed(context, submission.id);
}

net::Task<AttemptResult> Settle(pipeline::Context& context, SentFolder& folder,
                                const Submission& submission) {
  const WallTime now = context.clock.WallNow();
  const WallTime next = now + SettleDelay(submission.settle_attempts);
  const Result<FolderInfo> where = co_await folder.Find();
  Result<bool> there = Status(Code::kNotFound, "no Sent folder");
  if (!where.ok()) {
    there = where.status();
  } else {
    there = co_await IsThere(folder, *where, submission);
  }
  if (!there.ok() || !*there) {
    const bool looked = there.ok() || ConcernsMessageOnly(there.status().code());
    Change later = [next, looked](Submission& stored) {
      const uint32_t looks = stored.settle_attempts;
      const Status noted = store::NoteNotFound(stored, next);
      stored.settle_attempts = looked ? stored.settle_attempts : looks;
      return noted;
    };
    net::Task<Result<Submission>> write =
        WriteChange(context, submission.id, std::move(later), nullptr);
    Status told = looked ? Status::Ok() : there.status();
    co_return co_await Report(std::move(write), std::move(told));
  }
  MemoryCredit credit(context.budget, static_cast<size_t>(submission.location.size));
  co_await credit.Take();
  const Result<LoadedMessage> message = co_await LoadMessage(context, submission);
  Change found = [now](Submission& stored) { return store::SettleAsSent(stored, now); };
  net::Task<Result<Submission>> write = WriteChange(context, submission.id, std::move(found),
                                                    message.ok() ? &message->copy : nullptr);
  co_return co_await Report(std::move(write), Status::Ok());
}

}  // namespace

net::Task<Result<FolderInfo>> SentFolder::Find() {
  if (!found_) {
    CO_TRY(found_, session_.FindFolder());
  }
  if (!found_ && creates_) {
    CO_TRY(FolderInfo made, session_.CreateFolder());
    found_ = std::move(made);
  }
  if (!found_) {
    co_return Status(Code::kNotFound, "the mailbox has no Sent folder");
  }
  co_return *found_;
}

net::Task<AttemptResult> FileOrSettle(pipeline::Context& context, Random& random,
                                      SentFolder& folder, SubmissionId id) {
  AttemptResult result;
  Result<Submission> read = co_await ReadSubmission(context, id);
  if (!read.ok()) {
    result.status = read.status();
    co_return result;
  }
  const Submission submission = std::move(read).value();
  const std::optional<store::SubmissionStep> step = store::NextStep(submission);
  const WallTime now = context.clock.WallNow();
  if (step && step->at <= now && step->kind == store::SubmissionStep::Kind::kFile) {
    co_return co_await FileCopy(context, random, folder, submission);
  }
  if (step && step->at <= now && step->kind == store::SubmissionStep::Kind::kSettle) {
    co_return co_await Settle(context, folder, submission);
  }
  result.submission = submission;
  co_return result;
}

}  // namespace mailhaul::send
