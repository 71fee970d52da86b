// The rows beside a submission's own by which it is found. Private to the store.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "store/key_value_store.h"
#include "store/shard_batch.h"
#include "store/submission.h"

namespace mailhaul::store {

std::string DueValue(MailboxId mailbox, SubmissionStep::Kind kind);
std::string ListValue(const Submission& submission);
std::string ListKeyOf(const Submission& submission);
// The due row, if there is one.
void DropStep(ShardBatch& batch, const Submission& submission);
// All of it, but for its share in the body.
void DeleteSubmission(ShardBatch& batch, const Submission& submission);

// The row as it is stored, and what it says. kNotFound.
Result<std::pair<std::string, Submission>> ReadSubmission(KeyValueStore& records, SubmissionId id);
std::array<unsigned char, 16> HashOfIdempotencyKey(MailboxId mailbox, std::string_view key);
// By the hash of its key. kAlreadyExists: the key was used with another fingerprint.
Result<std::optional<Submission>> FindSubmission(KeyValueStore& records, MailboxId mailbox,
                                                 const std::array<unsigned char, 16>& key,
                                                 const Sha256& fingerprint);

}  // namespace mailhaul::store
