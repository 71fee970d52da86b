// The values of the mail store's rows besides message contents (message_content.h) and ledger
// segments (ledger.h). Every decoder returns kCorrupt for bytes that are not such a record.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/mail_store.h"

namespace mailhaul::store {

// A server may send any number of keywords; the first ones are kept.
inline constexpr size_t kKeywordsMax = 64;
inline constexpr size_t kKeywordBytesMax = 255;

// Where a message is, what the source says of it, and what a user set beside that.
struct Placement {
  MailboxId mailbox;
  FolderId folder = 0;
  uint32_t uid_validity = 0;
  Uid uid = 0;
  uint8_t flags = 0;
  std::vector<std::string> keywords;
  WallTime internal_date{};
  uint64_t size = 0;
  uint64_t thread = 0;
  bool quarantined = false;
  Sha256 sha256{};
  BlobLocation location;
  std::optional<MessageIdentity> identity;
  bool gone = false;
  // Sent from here, and the source has not shown its copy yet: the hash of its Message-ID.
  std::optional<std::array<unsigned char, 16>> awaited;
  LocalState local;
  // Deleted here: kept so that the message is known again wherever the source has it, but neither
  // shown nor counted, and without content or a share in the body.
  bool deleted = false;

  uint8_t shown_flags() const { return ShownFlags(flags, local); }
  FolderId shown_folder() const { return local.folder.value_or(folder); }
  const std::vector<std::string>& shown_tags() const { return local.tags ? *local.tags : keywords; }
  bool has_body() const { return !quarantined || location.size > 0 || size == 0; }
};
// Of these, those that a placement keeps, in their order.
std::vector<std::string_view> KeptKeywords(const std::vector<std::string>& keywords);
// Whether the same keywords are stored for both, whatever their order.
bool SameKeywords(const std::vector<std::string>& a, const std::vector<std::string>& b);
std::string EncodePlacement(const Placement& placement);
Result<Placement> DecodePlacement(std::string_view record);

struct AssignmentRecord {
  std::string name;
  std::string address;
};
std::string EncodeAssignment(const AssignmentRecord& record);
Result<AssignmentRecord> DecodeAssignment(std::string_view record);

// Counters and check result only: id, tenant, name and address come from the assignment.
std::string EncodeMailbox(const MailboxRecord& record);
Status DecodeMailbox(std::string_view bytes, MailboxRecord& record);

struct FolderState {
  FolderRecord record;
  uint32_t placements_validity = 0;  // See schema/mailbox.fbs.
  uint64_t stale_placements = 0;
  uint64_t deleted_gone = 0;  // Exact: like record.gone, of those deleted here.
  Uid uidl_next = 0;
};
std::string EncodeFolder(const FolderState& folder);
Result<FolderState> DecodeFolder(FolderId id, std::string_view record);

// A message body within one shard and tenant, and how many placements share it.
struct BlobReference {
  BlobLocation location;
  uint64_t count = 0;
  uint32_t compressed = 0;  // Bytes in the segment, if the body is compressed there; else 0.

  uint64_t stored_bytes() const { return compressed != 0 ? compressed : location.size; }
};
std::string EncodeBlobReference(const BlobReference& reference);
Result<BlobReference> DecodeBlobReference(std::string_view value);

// The next numbers to give out.
struct Sequences {
  uint64_t first = 1;   // Mail shard: message; control shard: mailbox.
  uint64_t second = 1;  // Mail shard: change; control shard: tenant.
};
std::string EncodeSequences(const Sequences& sequences);
Result<Sequences> DecodeSequences(std::string_view value);

std::string EncodeChange(const ChangeEntry& entry);
Result<ChangeEntry> DecodeChange(std::string_view value);

}  // namespace mailhaul::store
