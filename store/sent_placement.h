// The placement of a sent message before the source shows its own copy. Private to the store; the
// committer's thread only.
//
// It is a gone placement without a UID, marked as local: RemoveGone() leaves it alone, and the copy
// that arrives from the source takes it over, by its bytes or identity as any gone placement, or by
// its Message-ID when the server has changed the bytes.
#pragma once

#include "store/outbox.h"
#include "store/placements.h"

namespace mailhaul::store {

// By what the source's copy finds its placement. `message_id` with or without brackets.
std::array<unsigned char, 16> AwaitedHash(std::string_view message_id);

// Adds the placement; the body's reference is counted by the caller. kNotFound: no such folder.
Result<MessageId> AddSentPlacement(ShardBatch& batch, MailboxState& mailbox,
                                   const Submission& submission, const SentCopy& copy);

}  // namespace mailhaul::store
