// What can happen to one placement, with all rows and counters that follow from it. Private to the
// store; the committer's thread only.
//
// Of a placement that is not gone there is one uid row and one content hash row; of one that is,
// one gone row instead. Both have date rows, and an identity row when their identity is known.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/shard_batch.h"

namespace mailhaul::store {

inline bool IsUnread(uint8_t flags) {
  constexpr uint8_t kSeenFlag = 1;  // The bit of IngestMessage::flags that makes a message read.
  return (flags & kSeenFlag) == 0;
}

std::string FolderValue(FolderId folder);
std::string IdValue(MessageId id);
// 0, which no message has, for what is not an id.
MessageId IdOfValue(std::string_view value);

// The mailbox's folder. kNotFound.
Result<FolderState*> FindFolder(MailboxState& mailbox, FolderId folder);

// kCorrupt when there is none: an index row led here.
Result<Placement> ReadPlacement(KeyValueStore& records, MessageId id);
// The message with this UID, if it has a placement.
Result<std::optional<MessageId>> FindByUid(KeyValueStore& records, MailboxId mailbox,
                                           FolderId folder, uint32_t uid_validity, Uid uid);

// A placement of this UIDVALIDITY is about to be added to the folder.
void NoteUidValidity(FolderState& folder, uint32_t uid_validity);

// The rows by which a placement that is not gone is found, its placement row included.
void PutIndexed(ShardBatch& batch, TenantId tenant, MessageId id, const Placement& placement);

struct NewBody {
  const std::string& content;  // EncodeContent().
  Sha256 sha256{};
  BlobLocation location;
  uint64_t size = 0;
  uint64_t thread = 0;
  bool quarantined = false;
};

// Where the source has a message now, and what it says of it.
struct SourceState {
  FolderId folder = 0;
  uint32_t uid_validity = 0;
  Uid uid = 0;
  uint8_t flags = 0;
  const std::vector<std::string>& keywords;
  std::optional<MessageIdentity> identity;  // Added when none was known.
  // What the server has made of a message that was sent from here; null: its bytes are the same.
  // The references of both bodies are counted by the caller.
  const NewBody* body = nullptr;
};
// Moves a placement there: it keeps its id, date and contents, and is no longer gone. The target
// folder must exist; the ledger is the caller's business.
Status MovePlacement(ShardBatch& batch, MailboxState& mailbox, MessageId id, Placement placement,
                     const SourceState& to);
// The placement, which is not gone, becomes so.
Status MakeGone(ShardBatch& batch, MailboxState& mailbox, MessageId id, Placement placement);

}  // namespace mailhaul::store
