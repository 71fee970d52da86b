// The durable queue of submissions: what was accepted is sent, once.
//
// A submission lies in the shard of its mailbox. Its message's bytes are in the blob store before
// the batch that refers to them, and Accept() returns when both are durable. Every later change is
// one batch with an expectation on the submission's row. A change that others can see has an entry
// in the change log; its `message` is the submission's id.
//
// Threads: what is not const, on the committer's thread only; the rest on any thread. Everything
// may block on disk.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/mail_store.h"
#include "store/submission.h"

namespace mailhaul::store {

inline constexpr size_t kIdempotencyKeyBytesMax = 255;

struct NewSubmission {
  MailboxId mailbox;
  std::string from;
  std::vector<std::string> recipients;  // 1 to kSubmissionRecipientsMax.
  std::string body;                     // What is sent: RFC 5322 bytes with CRLF, without Bcc.
  Sha256 sha256{};                      // Of `body`.
  std::string message_id;               // With angle brackets.
  std::string subject;
  WallTime send_at{};
  WallTime deadline{};
  std::string idempotency_key;  // "": none. Of this mailbox; at most kIdempotencyKeyBytesMax.
  Sha256 fingerprint{};         // Of the request, with a key.
};

struct AcceptedSubmission {
  Submission submission;
  bool repeated = false;  // The key's earlier submission, as it is now.
};

// The message as it is shown in the store once it is sent.
struct SentCopy {
  FolderId folder = 0;
  std::string content;  // EncodeContent().
  uint64_t thread = 0;
  WallTime date{};
  bool quarantined = false;
  std::vector<std::string> keywords;
  std::optional<MessageIdentity> identity;
};

struct DueSubmission {
  SubmissionId id;
  MailboxId mailbox;
  SubmissionStep step;
};

struct SubmissionQuery {
  TenantId tenant;
  std::optional<MailboxId> mailbox;
  std::optional<SubmissionState> state;
  size_t limit = 100;  // 1 .. 1000
  // Continue after this one; both from `next` of the previous page.
  std::optional<WallTime> cursor_date;
  SubmissionId cursor_id;
};

struct SubmissionPage {
  std::vector<Submission> items;  // Newest created_at first. Fewer than the limit even if more.
  bool more = false;
  WallTime next_date{};  // With `more`: the cursor behind what was looked at.
  SubmissionId next_id;
};

class Outbox final {
 public:
  // The store outlives it. Any number of them may be made.
  explicit Outbox(MailStore& store);

  // kAlreadyExists: the key was used with another fingerprint. kNotFound: no such mailbox.
  Result<AcceptedSubmission> Accept(const NewSubmission& request);
  // Reads the submission, lets `change` have it, and commits what changed; returns it as stored.
  // A failure of `change` is returned, and nothing is written. It may be called several times.
  // With `copy` and an accepted recipient the message gets its placement in the same batch, unless
  // it has one.
  Result<Submission> Update(SubmissionId id, const std::function<Status(Submission&)>& change,
                            const SentCopy* copy = nullptr);
  // Calls DoubtAfterRestore() for every submission. Before anything is sent from a restored store.
  Status DoubtAllAfterRestore(WallTime now);
  // Forgets a submission that has ended, with its key.
  Status Forget(SubmissionId id);

  Result<Submission> Get(SubmissionId id) const;  // kNotFound. Callers check the tenant.
  // The message's bytes, compared with their hash before this returns. kCorrupt: damaged.
  Result<std::unique_ptr<ByteSource>> OpenRaw(const Submission& submission) const;
  // Of an earlier Accept() of this mailbox with this key; none. Any other one is kAlreadyExists.
  Result<std::optional<Submission>> FindByKey(MailboxId mailbox, std::string_view key,
                                              const Sha256& fingerprint) const;
  // Steps that are due at `until`, behind `after`, shard by shard and oldest first; at most `limit`
  // at a time.
  struct DuePage {
    std::vector<DueSubmission> items;
    std::optional<DueSubmission> after;  // There may be others, behind this one.
    std::optional<WallTime> next;        // Of the first step after `until`, in the shards read.
    Status damage;                       // Of a row, which was left out.
  };
  Result<DuePage> ListDue(WallTime until, const std::optional<DueSubmission>& after,
                          size_t limit) const;
  Result<SubmissionPage> List(const SubmissionQuery& query) const;

 private:
  MailStore::Impl& impl_;
};

}  // namespace mailhaul::store
