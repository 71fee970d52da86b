// What the sender does on connections that it was given.
#include <utility>

#include "base/log.h"
#include "engine/pipeline/await_on.h"
#include "engine/send/attempt.h"
#include "engine/send/filing.h"
#include "engine/send/load.h"
#include "engine/send/sender.h"

namespace mailhaul::send {
namespace {

using store::Submission;

// Runs `work` on the main loop and comes back with what it returned.
template <typename T>
net::Task<T> OnMain(net::Loop& main, std::function<T()> work) {
  const auto submit = [&main](std::function<void()> job) { main.Post(std::move(job)); };
  return net::RunThrough<T>(submit, std::move(work));
}

// While it lives, ending all lines ends the session.
class Registration final {
 public:
  Registration(OpenLines& open, std::function<void()> abort)
      : open_(open), entry_(open.Add(std::move(abort))) {}
  ~Registration() { open_.Remove(entry_); }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  OpenLines& open_;
  const OpenLines::Entry entry_;
};

}  // namespace

net::Task<std::optional<SubmissionId>> Sender::Next(MailboxId mailbox, Kind kind) {
  const std::function<std::optional<SubmissionId>()> take = [this, mailbox, kind] {
    return TakeNext(mailbox, kind);
  };
  co_return co_await OnMain(main_, take);
}

net::Task<void> Sender::Report(SubmissionId id, std::optional<Submission> now) {
  const std::function<bool()> absorb = [this, id, now] {
    Absorb(id, now);
    return true;
  };
  co_await OnMain(main_, absorb);
}

// No connection is to be had: what waits for one is told why, and when it is tried again.
void Sender::PostponeAll(MailboxId mailbox, Kind kind, Status why) {
  Line& line = lines_by_mailbox_[mailbox];
  std::deque<SubmissionId>& queue = kind == Kind::kSubmission ? line.submissions : line.filings;
  std::vector<SubmissionId> ids(queue.begin(), queue.end());
  queue.clear();
  ++postponing_;
  tasks_.Spawn(Postpone(kind, std::move(ids), std::move(why)));
}

net::Task<void> Sender::Postpone(Kind kind, std::vector<SubmissionId> ids, Status why) {
  const WallTime now = context_.clock.WallNow();
  for (const SubmissionId id : ids) {
    if (stopping_) {
      break;  // What waits stays due.
    }
    const uint64_t seed = random_.NextU64();
    Change change = [kind, why, now, seed](Submission& stored) -> Status {
      SeededRandom jitter(seed);
      const auto wait = [&why, &jitter](uint32_t attempts) {
        return std::max(why.retry_after(), RetryDelay(attempts, jitter));
      };
      if (kind == Kind::kSubmission) {
        return store::Postpone(stored, now, now + wait(stored.attempts + 1), ToString(why.code()),
                               why.message());
      }
      const std::optional<store::SubmissionStep> step = store::NextStep(stored);
      if (step && step->kind == store::SubmissionStep::Kind::kSettle) {
        stored.next_at = now + wait(stored.settle_attempts + 1);
        return {};
      }
      const bool unknown = stored.filing == Submission::Filing::kAppending;
      return store::FailFiling(stored, unknown, /*final=*/false,
                               now + wait(stored.filing_attempts + 1));
    };
    const Result<Submission> written =
        co_await WriteChange(context_, id, std::move(change), nullptr);
    std::optional<Submission> stored;
    if (written.ok()) {
      stored = *written;
    }
    Absorb(id, stored);
  }
  --postponing_;
  CheckStopped();
}

net::Task<Status> Sender::UseSession(smtp::SmtpSession& session, MailboxId mailbox,
                                     bool file_copy) {
  Status last;
  while (session.usable()) {
    const std::optional<SubmissionId> id = co_await Next(mailbox, Kind::kSubmission);
    if (!id) {
      break;
    }
    AttemptResult result = co_await Attempt(context_, random_, session, *id, file_copy);
    if (!result.submission && !result.status.ok()) {
      LogWarning("submission " + FormatId(id->value) + ": " + result.status.ToString());
    }
    co_await Report(*id, std::move(result.submission));
    if (!result.status.ok()) {
      last = result.status;
      break;
    }
  }
  co_return last;
}

net::Task<Status> Sender::RunSubmissions(MailboxId mailbox, Lease lease) {
  const std::function<std::optional<SendingMailbox>()> begin = [this, mailbox] {
    return BeginRun(mailbox, Kind::kSubmission);
  };
  const std::optional<SendingMailbox> begun = co_await OnMain(main_, begin);
  Status status;
  Status refused;  // Why there is no connection.
  if (begun && !lease.stopping) {
    Result<std::unique_ptr<smtp::SmtpSession>> opened =
        co_await lines_.OpenSubmission(mailbox, lease);
    status = opened.status();
    if (opened.ok()) {
      smtp::SmtpSession* const session = opened->get();
      {
        const Registration registration(*lease.open, [session] { session->Abort(); });
        status = co_await UseSession(*session, mailbox, begun->files_copy);
      }
      co_await session->Close();
    } else {
      refused = status;
    }
  }
  const bool failed = !status.ok();
  const std::function<bool()> end = [this, mailbox, failed, refused] {
    EndRun(mailbox, Kind::kSubmission, failed, refused);
    return true;
  };
  co_await OnMain(main_, end);
  co_return status;
}

net::Task<Status> Sender::RunFiling(MailboxId mailbox, Lease lease) {
  const std::function<std::optional<SendingMailbox>()> begin = [this, mailbox] {
    return BeginRun(mailbox, Kind::kFiling);
  };
  const std::optional<SendingMailbox> begun = co_await OnMain(main_, begin);
  Status status;
  Status refused;
  if (begun && !lease.stopping) {
    Result<std::unique_ptr<imap::SentFiling>> opened = co_await lines_.OpenFiling(mailbox, lease);
    status = opened.status();
    if (opened.ok()) {
      imap::SentFiling* const session = opened->get();
      {
        const Registration registration(*lease.open, [session] { session->Abort(); });
        SentFolder folder(*session, begun->creates_folder);
        while (status.ok()) {
          const std::optional<SubmissionId> id = co_await Next(mailbox, Kind::kFiling);
          if (!id) {
            break;
          }
          AttemptResult result = co_await FileOrSettle(context_, random_, folder, *id);
          status = result.status;
          co_await Report(*id, std::move(result.submission));
        }
      }
      co_await session->Close();
    } else {
      refused = status;
    }
  }
  const bool failed = !status.ok();
  const std::function<bool()> end = [this, mailbox, failed, refused] {
    EndRun(mailbox, Kind::kFiling, failed, refused);
    return true;
  };
  co_await OnMain(main_, end);
  co_return status;
}

// What waits for a connection that does not come is not to wait past its time.
net::Task<void> Sender::ExpireWaiting() {
  expire_at_ = context_.clock.Now() + kExpireEvery;
  WakeAt(expire_at_);
  std::vector<SubmissionId> waiting;
  for (const auto& [mailbox, line] : lines_by_mailbox_) {
    waiting.insert(waiting.end(), line.submissions.begin(), line.submissions.end());
  }
  for (const SubmissionId id : waiting) {
    const WallTime now = context_.clock.WallNow();
    Change change = [now](Submission& stored) -> Status {
      if (now <= stored.deadline) {
        return {Code::kConflict, "there is time left"};
      }
      return store::Postpone(stored, now, now, "unreachable",
                             "no connection to the server was to be had in time");
    };
    // Read first: what has time left is most of it, and a refused change costs the writer's cache.
    store::MailStore* const store = &context_.store;
    const std::function<Result<Submission>()> read = [store, id] {
      return store::Outbox(*store).Get(id);
    };
    const Result<Submission> stored = co_await pipeline::RunOn(context_.reads, read);
    if (!stored.ok() || now <= stored->deadline) {
      continue;
    }
    const Result<Submission> written =
        co_await WriteChange(context_, id, std::move(change), nullptr);
    static_cast<void>(written);  // The line skips what is no longer queued.
  }
}

}  // namespace mailhaul::send
