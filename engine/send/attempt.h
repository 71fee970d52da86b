// One attempt to hand one submission over, in the order that makes it at most once:
//
//   1. claim    queued -> sending, durable      from here nobody can cancel it
//   2. talk     MAIL, RCPT, the message         a crash: nothing was sent, it is tried again
//   3. mark     durable, right before the end   a crash from here on: uncertain
//   4. end of data, the server's answer
//   5. result   sent, failed, queued or uncertain, durable, with the message in the store
#pragma once

#include "base/random.h"
#include "connectors/smtp/smtp_session.h"
#include "engine/pipeline/context.h"
#include "store/outbox.h"

namespace mailhaul::send {

struct AttemptResult {
  // As it is stored now; absent: it could not be read or written, and `status` says why.
  std::optional<store::Submission> submission;
  // Of the conversation, for the pool: OK when the server did what it was asked, or refused this
  // message only.
  Status status;
};

// On the session's loop. `file_copy`: a copy in Sent is ours to make. All arguments must outlive
// the task.
net::Task<AttemptResult> Attempt(pipeline::Context& context, Random& random,
                                 smtp::SmtpSession& session, SubmissionId id, bool file_copy);

// Committer's thread. What a process that is no more has left under way.
Result<store::Submission> Recover(store::MailStore& store, SubmissionId id, WallTime now);

}  // namespace mailhaul::send
