// The copy of a sent message in the Sent folder of its mailbox at the source, and what that folder
// says of a submission whose outcome nobody knows.
//
// At most one copy: "appending" is durable before an APPEND, and while it stands Sent is searched
// for the Message-ID before another one.
#pragma once

#include "connectors/imap/sent_filing.h"
#include "engine/pipeline/context.h"
#include "engine/send/attempt.h"

namespace mailhaul::send {

// The Sent folder of a mailbox, found once for a session.
class SentFolder final {
 public:
  // `creates`: make it where it is missing.
  SentFolder(imap::SentFiling& session, bool creates) : session_(session), creates_(creates) {}
  imap::SentFiling& session() { return session_; }
  // kNotFound: there is none, and none is to be made.
  net::Task<Result<FolderInfo>> Find();

 private:
  imap::SentFiling& session_;
  const bool creates_;
  std::optional<FolderInfo> found_;
};

// Does what the submission waits for, a copy or a look into Sent; nothing if it waits for neither.
// On the session's loop; all arguments must outlive the task.
net::Task<AttemptResult> FileOrSettle(pipeline::Context& context, Random& random,
                                      SentFolder& folder, SubmissionId id);

}  // namespace mailhaul::send
