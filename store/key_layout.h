// The keys of the mail store. Bytewise order is the order that scans want, so all numbers are
// big-endian, and where the newest comes first they are complemented.
//
// Every key starts with its keyspace (one byte) and its shard (two bytes). README.md lists all
// keyspaces with their values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/uid_set.h"
#include "store/blob_store.h"
#include "store/source_sync.h"

namespace mailhaul::store {

// Values are stored: never renumber.
enum class Keyspace : uint8_t {
  kMeta = 1,
  kTenant = 2,
  kAssignment = 3,
  kMailbox = 4,
  kFolder = 5,
  kLedger = 6,
  kContent = 7,
  kPlacement = 8,
  kMailboxDate = 9,
  kTenantDate = 10,
  kContentHash = 11,
  kUid = 12,
  kBlob = 13,
  kChange = 14,
  kIdentity = 15,
  kGone = 16,
  kUidl = 17,
  kDayUse = 18,
  kCheckTime = 19,
  kThread = 20,
  kShownUnder = 21,  // Tags and folders.
  kSubmission = 22,
  kDue = 23,
  kIdempotency = 24,
  kSecret = 25,
  kRemoval = 26,
  kWebhook = 27,
};
inline constexpr uint8_t kKeyspaceFirst = 1;
inline constexpr uint8_t kKeyspaceLast = 27;

// Of any valid key: at least the keyspace and the shard.
inline constexpr size_t kKeyPrefixBytes = 3;
ShardId ShardOfKey(std::string_view key);

// All rows of one shard in one keyspace.
std::string ShardPrefix(Keyspace keyspace, ShardId shard);

// Big-endian numbers, for keys and for small fixed values.
void AppendU32(std::string& out, uint32_t value);
void AppendU64(std::string& out, uint64_t value);
// The caller has checked that the bytes are there.
uint32_t ReadU32(std::string_view bytes, size_t offset);
uint64_t ReadU64(std::string_view bytes, size_t offset);

// Control shard.
std::string FormatVersionKey();
std::string ControlSequenceKey();  // Next tenant and mailbox number.
std::string LastLoginKey();
std::string IndexBuildKey();  // How far a conversion of the store has come: index_build.h.
std::string TenantKey(TenantId tenant);
std::string TenantPrefix();
std::string AssignmentKey(TenantId tenant, MailboxId mailbox);
std::string AssignmentPrefix();
// Of a mailbox, or with no mailbox of the tenant itself; removal_rows.h.
std::string RemovalKey(TenantId tenant, MailboxId mailbox);
std::string RemovalPrefix();
std::string RemovalPrefix(TenantId tenant);
std::string DayUseKey(std::string_view name);     // Of "": the prefix of all.
std::string CheckTimeKey(std::string_view host);  // Likewise.
std::string SecretKey(std::string_view name);     // Likewise.
std::string WebhookKey(std::string_view name);    // Likewise.

// Mail shards.
std::string ShardSequenceKey(ShardId shard);  // Next message and change number.
std::string MailboxKey(MailboxId mailbox);
std::string FolderKey(MailboxId mailbox, uint32_t folder);
std::string FolderPrefix(MailboxId mailbox);
std::string LedgerKey(MailboxId mailbox, uint32_t folder, uint32_t uid_validity, Uid start);
std::string LedgerPrefix(MailboxId mailbox, uint32_t folder, uint32_t uid_validity);
std::string LedgerPrefix(MailboxId mailbox, uint32_t folder);  // Under every UIDVALIDITY.
std::string ContentKey(MessageId id);
std::string PlacementKey(MessageId id);
std::string MailboxDateKey(TenantId tenant, MailboxId mailbox, WallTime received, MessageId id);
std::string MailboxDatePrefix(TenantId tenant, MailboxId mailbox);
std::string TenantDateKey(ShardId shard, TenantId tenant, WallTime received, MessageId id);
std::string TenantDatePrefix(ShardId shard, TenantId tenant);
// By dates, like those: a thread in one shard; what is shown with a tag, or in a folder.
std::string ThreadKey(ShardId shard, TenantId tenant, uint64_t thread, WallTime received,
                      MessageId id);
std::string ThreadPrefix(ShardId shard, TenantId tenant, uint64_t thread);
using TagHash = std::array<unsigned char, 16>;
TagHash TagHashOf(std::string_view tag);  // ASCII case does not matter.
std::string MailboxTagKey(TenantId tenant, MailboxId mailbox, const TagHash& tag, WallTime received,
                          MessageId id);
std::string MailboxTagPrefix(TenantId tenant, MailboxId mailbox, const TagHash& tag);
std::string TenantTagKey(ShardId shard, TenantId tenant, const TagHash& tag, WallTime received,
                         MessageId id);
std::string TenantTagPrefix(ShardId shard, TenantId tenant, const TagHash& tag);
std::string FolderDateKey(TenantId tenant, MailboxId mailbox, uint32_t folder, WallTime received,
                          MessageId id);
std::string FolderDatePrefix(TenantId tenant, MailboxId mailbox, uint32_t folder);
// Where a message body is placed in a folder: the placements of earlier UIDVALIDITYs of one body
// lie together, so that re-linking finds one in one bounded scan.
std::string ContentHashKey(TenantId tenant, MailboxId mailbox, uint32_t folder,
                           const Sha256& sha256, uint32_t uid_validity, MessageId id);
std::string ContentHashPrefix(TenantId tenant, MailboxId mailbox, uint32_t folder,
                              const Sha256& sha256);
std::string UidKey(MailboxId mailbox, uint32_t folder, uint32_t uid_validity, Uid uid);
std::string UidPrefix(MailboxId mailbox, uint32_t folder, uint32_t uid_validity);
std::string UidPrefix(MailboxId mailbox, uint32_t folder);
std::string UidPrefix(MailboxId mailbox);
std::string IdentityKey(MailboxId mailbox, const MessageIdentity& identity, MessageId id);
std::string IdentityPrefix(MailboxId mailbox, const MessageIdentity& identity);
// Gone placements; those with the same bytes lie together.
std::string GoneKey(MailboxId mailbox, const Sha256& sha256, MessageId id);
std::string GonePrefix(MailboxId mailbox, const Sha256& sha256);
std::string GonePrefix(MailboxId mailbox);
std::string UidlKeyOf(MailboxId mailbox, uint32_t folder, const UidlKey& key);
std::string UidlPrefix(MailboxId mailbox, uint32_t folder);
// A submission, and its row in the tenant's list, newest first.
std::string SubmissionKey(SubmissionId id);
// When a submission wants something done.
std::string DueKey(ShardId shard, WallTime at, SubmissionId id);
std::string DuePrefix(ShardId shard);
// The submission that a client's key stands for, and the placements that a Message-ID does.
std::string IdempotencyKey(MailboxId mailbox, const std::array<unsigned char, 16>& hash);
std::string AwaitedKey(MailboxId mailbox, const std::array<unsigned char, 16>& hash, MessageId id);
std::string AwaitedPrefix(MailboxId mailbox, const std::array<unsigned char, 16>& hash);
// The id at the end of a content hash, identity or gone key.
MessageId ReadMessageId(std::string_view key);
std::string BlobPrefix(ShardId shard, TenantId tenant);
std::string BlobKey(ShardId shard, TenantId tenant, const Sha256& sha256);
std::string ChangeKey(ShardId shard, TenantId tenant, uint64_t sequence);
std::string ChangePrefix(ShardId shard, TenantId tenant);
// Number 0, which no change has: holds the last number that was dropped.
std::string DroppedChangesKey(ShardId shard, TenantId tenant);
// What an entry of the log is of; nullopt: not the key of an entry.
std::optional<TenantId> TenantOfChangeKey(std::string_view key);
std::string ChangeTimesKey(ShardId shard);  // When the shard's changes had which numbers.

// A position in a date index: what follows the prefix of its keys.
struct DatePosition {
  WallTime received;
  MessageId id;
};
inline constexpr size_t kDatePositionBytes = 16;
void AppendDatePosition(std::string& out, const DatePosition& position);
// Of the last kDatePositionBytes of `key`, which is at least that long.
DatePosition ReadDatePosition(std::string_view key);

std::string SubmissionDateKey(ShardId shard, TenantId tenant, const DatePosition& position);
std::string SubmissionDatePrefix(ShardId shard, TenantId tenant);
DatePosition ReadDueKey(std::string_view key);  // Likewise of the last bytes.

// All that lies in a mailbox's shard under its id, whatever the keyspace, its own row last. Rows
// under a message's id, the date rows of its tenant and the list of submissions are not among them.
std::vector<std::string> MailboxPrefixes(TenantId tenant, MailboxId mailbox);

// The smallest key above all keys with this prefix, which is not all 0xFF.
std::string PrefixEnd(std::string prefix);

}  // namespace mailhaul::store
