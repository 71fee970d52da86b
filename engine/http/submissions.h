// /v1/submissions: what clients hand in to be sent, and what became of it.
#pragma once

#include <string>

#include "engine/http/gate.h"
#include "engine/http/message_filter.h"
#include "engine/http/outgoing.h"
#include "engine/http/response.h"
#include "store/mail_store.h"

namespace mailhaul::http {

// How far ahead send_at may lie.
inline constexpr std::chrono::hours kSendAheadMax{24 * 366};

// Thread-safe, but for what is said of threads. Everything may block on disk.
class Submissions final {
 public:
  Submissions(store::MailStore& store, Outgoing& outgoing, const Clock& clock)
      : store_(store), outgoing_(outgoing), clock_(clock) {}

  // Read pool. A request that repeats an earlier one gets that one's answer at once, whatever has
  // become of what it refers to.
  Parsed<store::NewSubmission> Prepare(const Call& call) const;
  Response Get(const Call& call) const;
  Response List(const Call& call) const;

  // Committer's thread.
  Response Accept(const store::NewSubmission& request);
  Response Cancel(const Call& call);
  Response Retry(const Call& call);

 private:
  Result<store::Submission> Find(const Call& call) const;
  Result<std::optional<store::Submission>> FindRepeated(const Call& call,
                                                        const SubmissionDraft& draft) const;
  Response Show(const store::Submission& submission, unsigned status) const;
  Response Change(const Call& call, const std::function<Status(store::Submission&)>& change);

  store::MailStore& store_;
  Outgoing& outgoing_;
  const Clock& clock_;
};

// `mailbox`: its name.
std::string SubmissionJson(const store::Submission& submission, const std::string& mailbox);

}  // namespace mailhaul::http
