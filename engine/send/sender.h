// The outbox at work: knows what is due, asks for connections, and uses those it gets.
//
// All bookkeeping is on the main loop. A mailbox has one connection for submissions at a time, so
// what is "sending" and not on that connection was left behind by a process that is no more.
// What is due is read through when the sender starts, when something falls due, and after failures;
// what users hand in or change is told by Changed(). Memory: at most kDueMax ids; the rest stays in
// the store until there is room.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/random.h"
#include "engine/pipeline/context.h"
#include "engine/send/lines.h"
#include "engine/send/send_policy.h"
#include "store/outbox.h"

namespace mailhaul::send {

inline constexpr size_t kDueMax = 100'000;
inline constexpr size_t kScanRows = 1000;
// What waits for a connection is looked at so often, to see whether its time is over.
inline constexpr Duration kExpireEvery = std::chrono::minutes(10);

class Sender final {
 public:
  // Everything referred to outlives the sender.
  Sender(pipeline::Context& context, net::Loop& main_loop, Lines& lines, Random& random);
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // Main loop.
  void Start();
  // Nothing new is begun; `on_done` when nothing of the sender's own runs any more. Runs on
  // connections end by themselves, once these are aborted.
  void Stop(std::function<void()> on_done);
  // Any thread: `submission` was accepted or changed by a user.
  void Changed(const store::Submission& submission);
  // Main loop. A mailbox can send that could not before: what is due of it is looked for.
  void Look();
  // Main loop. The mailbox cannot send any more, and no connection is out for it. What is due of it
  // stays due.
  void Forget(MailboxId mailbox);

  // On the loop of `lease`: opens a connection and uses it for all that is due; then closes it.
  // Returns what the pool is to learn.
  net::Task<Status> RunSubmissions(MailboxId mailbox, Lease lease);
  net::Task<Status> RunFiling(MailboxId mailbox, Lease lease);

 private:
  struct Line {
    std::deque<SubmissionId> submissions;
    std::deque<SubmissionId> filings;
    bool submission_wanted = false;  // Asked for, and not given yet.
    bool filing_wanted = false;
    bool submission_running = false;
    bool filing_running = false;
    MinuteWindow window;
  };
  enum class Kind : uint8_t { kSubmission, kFiling };

  net::Task<void> Scan();
  // True: there may be more behind the page.
  net::Task<bool> ScanPage(std::optional<store::DueSubmission>* after, WallTime until);
  net::Task<void> TakeDue(store::DueSubmission due);
  net::Task<void> ExpireWaiting();
  void Enqueue(const store::DueSubmission& due);
  // Its next step, of which the sender has just learned.
  void Follow(const store::DueSubmission& due);
  // What became of a submission that was in hand.
  void Absorb(SubmissionId id, const std::optional<store::Submission>& now);
  void PumpLine(MailboxId mailbox, Line& line);
  void PumpAll();
  // Whether the rates let one more of the mailbox go; if not, the sender wakes when they do.
  bool MayGoNow(const SendingMailbox& mailbox, Line& line);
  void WakeAt(WallTime at);
  void WakeAt(TimePoint at);
  void ArmTimer();
  void CheckStopped();

  // Main loop: the next of a line, if there is one that may go now.
  std::optional<SubmissionId> TakeNext(MailboxId mailbox, Kind kind);
  // None: a connection would find nothing to do.
  std::optional<SendingMailbox> BeginRun(MailboxId mailbox, Kind kind);
  // `refused`: why there was no connection.
  void EndRun(MailboxId mailbox, Kind kind, bool failed, const Status& refused);
  void PostponeAll(MailboxId mailbox, Kind kind, Status why);
  net::Task<void> Postpone(Kind kind, std::vector<SubmissionId> ids, Status why);

  // From any loop.
  net::Task<std::optional<SubmissionId>> Next(MailboxId mailbox, Kind kind);
  net::Task<void> Report(SubmissionId id, std::optional<store::Submission> now);
  net::Task<Status> UseSession(smtp::SmtpSession& session, MailboxId mailbox, bool file_copy);

  pipeline::Context& context_;
  net::Loop& main_;
  Lines& lines_;
  Random& random_;
  net::TaskGroup tasks_;
  std::map<MailboxId, Line> lines_by_mailbox_;
  std::map<TenantId, MinuteWindow> tenants_;
  std::set<SubmissionId> known_;  // In a line, or in hand.
  bool started_ = false;
  bool stopping_ = false;
  bool recovered_ = false;  // What an earlier process left under way was dealt with.
  bool scanning_ = false;
  bool scan_again_ = false;
  size_t postponing_ = 0;  // Connections that were not to be had, whose queues are being told.
  std::optional<TimePoint> wake_;
  net::Loop::TimerId timer_ = 0;
  TimePoint expire_at_{};
  std::function<void()> on_stopped_;
};

}  // namespace mailhaul::send
