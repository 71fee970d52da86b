// What can happen to one placement, with all rows and counters that follow from it. Private to the
// store; the committer's thread only.
//
// A placement has these rows besides its own:
// - not gone: one uid row and one content hash row; gone: one gone row;
// - an identity row when its identity is known;
// - not deleted here: date rows, by which it is listed, also in its folder, in its thread and by
//   each of its tags, and its content.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/shard_batch.h"

namespace mailhaul::store {

inline bool IsUnread(uint8_t flags) { return (flags & kSeenBit) == 0; }

// What a gone row holds: which ones RemoveGone() leaves alone. Of those sent from here and awaited:
inline constexpr std::string_view kLocalValue = "L";
// And of those that were deleted here, whether awaited or not:
inline constexpr std::string_view kDeletedValue = "d";
inline std::string_view GoneValueOf(const Placement& placement) {
  return placement.deleted ? kDeletedValue : placement.awaited ? kLocalValue : std::string_view();
}

using Rows = std::vector<std::pair<std::string, std::string>>;
// By which it is found in its thread, by its tags and in its folder: none when it is deleted here.
Rows ShownRowsOf(TenantId tenant, MessageId id, const Placement& placement);

std::string FolderValue(FolderId folder);
std::string MailboxValue(MailboxId mailbox);
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

// Writes what follows from a placement that becomes another: all its rows but the content, the
// counters, and what the change log tells. `before` absent: it is new, and its id the batch's next;
// `after` absent: it is removed, and its content with it.
Status ReplacePlacement(ShardBatch& batch, MailboxState& mailbox, MessageId id,
                        const std::optional<Placement>& before,
                        const std::optional<Placement>& after);

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
