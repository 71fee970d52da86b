#include "store/outbox_rows.h"

#include <algorithm>

#include "base/text.h"
#include "store/key_layout.h"
#include "store/mail_store_cache.h"

namespace mailhaul::store {

std::string DueValue(MailboxId mailbox, SubmissionStep::Kind kind) {
  std::string value;
  AppendU64(value, mailbox.value);
  value.push_back(static_cast<char>(kind));
  return value;
}

std::string ListValue(const Submission& submission) {
  std::string value;
  AppendU64(value, submission.mailbox.value);
  value.push_back(static_cast<char>(submission.state));
  return value;
}

std::string ListKeyOf(const Submission& submission) {
  return SubmissionDateKey(submission.mailbox.shard(), submission.tenant,
                           {.received = submission.created_at, .id = {submission.id.value}});
}

Result<std::pair<std::string, Submission>> ReadSubmission(KeyValueStore& records, SubmissionId id) {
  const std::string key = SubmissionKey(id);
  MH_ASSIGN_OR_RETURN(std::optional<std::string> row, GetRow(records, key));
  if (!row) {
    return Status(Code::kNotFound, "no submission " + FormatId(id.value));
  }
  Result<Submission> submission = DecodeSubmission(id, *row);
  if (!submission.ok()) {
    return AtKey(submission.status(), key);
  }
  return std::pair(*std::move(row), *std::move(submission));
}

std::array<unsigned char, 16> HashOfIdempotencyKey(MailboxId mailbox, std::string_view key) {
  std::string text;
  AppendU64(text, mailbox.value);
  text += key;
  const Sha256 hash = ComputeSha256(text);
  std::array<unsigned char, 16> half;
  std::copy_n(hash.begin(), half.size(), half.begin());
  return half;
}

Result<std::optional<Submission>> FindSubmission(KeyValueStore& records, MailboxId mailbox,
                                                 const std::array<unsigned char, 16>& key,
                                                 const Sha256& fingerprint) {
  const std::string row_key = IdempotencyKey(mailbox, key);
  MH_ASSIGN_OR_RETURN(const std::optional<std::string> row, GetRow(records, row_key));
  if (!row) {
    return std::optional<Submission>();
  }
  if (row->size() != sizeof(uint64_t)) {
    return AtKey({Code::kCorrupt, "not a submission's id"}, row_key);
  }
  MH_ASSIGN_OR_RETURN(auto stored, ReadSubmission(records, {ReadU64(*row, 0)}));
  if (stored.second.fingerprint != fingerprint) {
    return Status(Code::kAlreadyExists, "the key belongs to another submission");
  }
  return std::optional(std::move(stored.second));
}

void DropStep(ShardBatch& batch, const Submission& submission) {
  if (const std::optional<SubmissionStep> step = NextStep(submission)) {
    batch.Delete(DueKey(submission.mailbox.shard(), step->at, submission.id));
  }
}

void DeleteSubmission(ShardBatch& batch, const Submission& submission) {
  DropStep(batch, submission);
  batch.Delete(ListKeyOf(submission));
  batch.Delete(SubmissionKey(submission.id));
  if (submission.key) {
    batch.Delete(IdempotencyKey(submission.mailbox, *submission.key));
  }
}

}  // namespace mailhaul::store
