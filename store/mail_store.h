// Durable home of messages, their indexes, and how far each folder has been read.
//
// Written once over the key-value seam (key_value_store.h) and the blob store. Append() is atomic
// per message: body, record, indexes, counters, change log entry and the UID's ledger entry become
// durable together or not at all, so a UID is in the ledger only if its message is stored (or
// recorded as absent), and a crash at any instant loses nothing acknowledged and doubles nothing.
//
// A placement is one message in one folder, under one id for ever. When the source no longer has
// it there, it becomes *gone*: still listed and counted, but without a UID, until Relink() or
// Append() find it again (a move) or RemoveGone() deletes it. What the source says of it and what a
// user set here (local_state.h) are kept apart; lists, filters by folder and counters go by what is
// shown.
//
// Threads: what is not const, on the committer's thread only; the rest on any thread. Everything
// may block on disk: never call it on an event loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_source.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/uid_set.h"
#include "store/blob_store.h"
#include "store/change_log.h"
#include "store/identity.h"
#include "store/key_value_store.h"
#include "store/local_state.h"
#include "store/message_content.h"
#include "store/source_sync.h"

namespace mailhaul::store {

// Longer names are refused with kInvalidArgument.
inline constexpr size_t kNameBytesMax = 255;
inline constexpr size_t kAddressBytesMax = 320;
inline constexpr size_t kFolderNameBytesMax = 1000;

struct FolderRecord {
  FolderId id = 0;
  std::string name;                // UTF-8.
  std::string role;                // RFC 6154 without the backslash, lower case; "" for none.
  uint32_t uid_validity = 0;       // 0: never opened.
  Uid uid_next = 0;                // As of the last complete check.
  bool window_complete = false;    // Under uid_validity: all of the window is in the ledger.
  bool backfill_complete = false;  // All UIDs below uid_next are in the ledger.
  // Counters are exact, and the store's: SaveFolders() keeps them. Of what is shown in the folder:
  uint64_t messages = 0;
  uint64_t unread = 0;
  // Of what the source has, or last had, in it, wherever it is shown: placements that are not gone,
  // those deleted here among them, and placements that are gone, without those.
  uint64_t placed = 0;
  uint64_t gone = 0;
  // What the source said of the folder at the last complete check; 0: it did not.
  uint64_t modseq = 0;
  uint32_t source_messages = 0;
  uint32_t source_unseen = 0;
  WallTime flags_checked_at{};  // The last time all flags were compared; 0: never.
  // Not opened: it shows messages of the folder of role "all" that carry its label, and the counts
  // of it are source_messages and source_unseen.
  bool is_label = false;
  // False since MarkFolderGone(), until EnsureFolders() names it again. Need not be shown when it
  // holds no messages.
  bool listed = true;
};

struct MailboxRecord {
  MailboxId id;
  TenantId tenant;
  std::string name;  // The id in configuration and HTTP, local to the tenant.
  std::string address;
  WallTime last_complete{};      // 0: no complete check yet.
  WallTime last_used{};          // New mail came, or somebody read it; 0: not known.
  double window_coverage = 0;    // 0..1
  double backfill_coverage = 0;  // 0..1
  std::string error_code;  // Of the last check; "" when it was complete. Code names of status.h.
  std::string error_detail;
  uint64_t messages = 0;  // Exact. Counts placements that were not deleted here.
  uint64_t bytes = 0;     // Logical bytes of those; the same.
};

// One message to store. The body is either here, or was streamed to the blob store before.
struct IngestMessage {
  Uid uid = 0;
  uint8_t flags = 0;  // kFlag... bits of connectors/connector.h.
  std::vector<std::string> keywords;
  WallTime internal_date{};
  std::string body;         // Raw RFC 5322 bytes; unused when `streamed` is set.
  bool compressed = false;  // `body` is what CompressBody() made of them.
  std::optional<BlobStore::Writer::Finished> streamed;
  uint64_t size = 0;
  Sha256 sha256{};
  std::string content;       // EncodeContent() of what was parsed (message_content.h).
  uint64_t thread = 0;       // Thread id: messages with equal values belong together.
  bool quarantined = false;  // Stored raw, but could not be parsed; content says why.
  std::optional<MessageIdentity> identity;  // Without one it is re-linked by its bytes only.
  // Its UID is in the ledger and its placement has no body: this is it. (If there is no such
  // placement, it is a message or a duplicate like any other.)
  bool completes = false;
};

// Messages of one folder under one UIDVALIDITY, and what else was learned about its UIDs.
struct IngestBatch {
  MailboxId mailbox;
  FolderId folder = 0;
  uint32_t uid_validity = 0;
  std::vector<IngestMessage> messages;
  UidSet absent;  // Reported absent, or skipped by policy: enters the ledger without a message.
  // A message with the bytes of a gone placement of this mailbox takes it over instead of getting
  // an id of its own: one of the same folder, else whatever its folder.
  bool relink_gone = false;
  // For sources that number messages anew (POP3): all UIDs of the folder that the source has now.
  // A message with the bytes of a placement whose UID is not among them takes it over; gone ones
  // as with relink_gone.
  std::optional<UidSet> listed;

  // Filled by Append().
  Status status;
  uint32_t stored = 0;        // New placements.
  uint32_t duplicates = 0;    // UIDs that were in the ledger already: nothing was changed for them.
  uint32_t relinked = 0;      // Placements that got a new UID, and perhaps folder.
  uint32_t completed = 0;     // Placements that got their body.
  uint64_t bytes_stored = 0;  // Body bytes newly written.
};

// One message as stored.
struct StoredMessage {
  MessageId id;
  MailboxId mailbox;
  FolderId folder = 0;
  uint32_t uid_validity = 0;
  Uid uid = 0;
  uint8_t flags = 0;  // As the source has them, like the keywords.
  std::vector<std::string> keywords;
  WallTime internal_date{};
  uint64_t size = 0;
  uint64_t thread = 0;
  bool quarantined = false;
  bool gone = false;   // The source no longer has it here; folder and UID are its last ones.
  bool local = false;  // Sent from here, and the source has not shown its copy yet; gone too.
  Sha256 sha256{};
  BlobLocation location;
  MessageContent content;
  LocalState local_state;
  // Of GetMessage() and ChangeMessage() only: differs whenever anything else here does.
  std::string version;

  uint8_t shown_flags() const { return ShownFlags(flags, local_state); }
  FolderId shown_folder() const { return local_state.folder.value_or(folder); }
  const std::vector<std::string>& shown_tags() const {
    return local_state.tags ? *local_state.tags : keywords;
  }

  // False: listed only. Its bytes were never fetched, and content.unparsed_reason says why.
  bool has_body() const { return !quarantined || location.size > 0 || size == 0; }
};

struct MessageQuery {
  TenantId tenant;
  std::optional<MailboxId> mailbox;  // Absent: the whole tenant.
  std::optional<FolderId> folder;    // Where it is shown. Only with mailbox.
  // At most one of these two; as shown. A tag's ASCII case does not matter.
  std::optional<uint64_t> thread;
  std::optional<std::string> tag;
  std::optional<ShardId> shard;    // Only the tenant's mailboxes in this shard; without mailbox.
  std::optional<WallTime> after;   // Inclusive, by internal_date.
  std::optional<WallTime> before;  // Exclusive.
  size_t limit = 100;              // 1 .. 1000
  // Rows that an index may pass over because they are of another mailbox or folder, before the page
  // ends early.
  size_t skip_max = SIZE_MAX;
  // Continue after this message, newest first; both from next_... of the previous page, or those of
  // its last item.
  std::optional<WallTime> cursor_date;
  MessageId cursor_id;
};

struct MessagePage {
  std::vector<StoredMessage> items;  // Newest internal_date first, then greatest id first.
  bool more = false;
  // Where the next page begins, when there is more: the last item, unless the page ended early.
  WallTime next_date{};
  MessageId next_id;
  size_t skipped = 0;  // Rows that were passed over.
};

struct MailStoreStats {
  uint64_t commits = 0;       // Calls of KeyValueStore::Commit().
  uint64_t blob_bytes = 0;    // Written to segments.
  uint64_t record_bytes = 0;  // Keys and values of all batches.
};

class MailStore final {
 public:
  // Reads tenants, assignments and sequences back. kCorrupt names the key that fails its checks, or
  // the format, if it is not one that this program knows. Opened for writing, a store of the format
  // before is converted first, which may take a while and goes on after a crash (index_build.h);
  // for reading it stays as it is, and cannot be asked for threads and tags.
  enum class Access : uint8_t { kWrite, kRead };
  static Result<std::unique_ptr<MailStore>> Open(KeyValueStore& records, BlobStore& blobs,
                                                 const Clock& clock,
                                                 Access access = Access::kWrite);
  ~MailStore();

  // Onboarding. An id once given never changes, whatever the order of later calls.
  Result<TenantId> EnsureTenant(std::string_view name);
  Result<MailboxId> EnsureMailbox(TenantId tenant, std::string_view name, std::string_view address);
  // Many at once with few log syncs; ids in the order of `mailboxes`.
  struct NewMailbox {
    std::string name;
    std::string address;
  };
  Result<std::vector<MailboxId>> EnsureMailboxes(TenantId tenant,
                                                 std::span<const NewMailbox> mailboxes);
  Result<FolderId> EnsureFolder(MailboxId mailbox, std::string_view name, std::string_view role);
  // Many at once, in one commit; the ids in the same order.
  struct NewFolder {
    std::string name;
    std::string role;
    bool is_label = false;
  };
  Result<std::vector<FolderId>> EnsureFolders(MailboxId mailbox,
                                              std::span<const NewFolder> folders);

  // Tells of the mailbox in the change log, as updated. kNotFound: none of that id.
  Status NoteMailboxUpdated(MailboxId mailbox);

  // Removal. From the moment it is durable nobody finds the mailbox, or the tenant with all its
  // mailboxes, or a message of it, and the name may be given to a new one, which shares nothing
  // with it. Secrets that are kept for it (sealed_secrets.h) go at once, the rest is deleted by
  // ContinueRemovals(), after a restart as well. kNotFound: none of that id. After a failure
  // calling again is harmless.
  Status RemoveMailbox(MailboxId mailbox);
  Status RemoveTenant(TenantId tenant);
  // One batch of what removals have left: each message that was shown is told of as deleted in the
  // change log, and the mailbox as updated at last. False: nothing is left. Bodies that nobody else
  // refers to lose their references; their bytes are ReclaimBodies()'.
  Result<bool> ContinueRemovals();
  // Mailboxes and tenants that something is left of. Any thread.
  size_t removals_pending() const;

  // Space of bodies, in passes over all references to them, of which a call does one step: at most
  // 1,000 rows, or some MiB of bodies. A pass deletes references that nothing counts any more,
  // moves bodies out of segments that they fill less than half of, and finds the segments that hold
  // none: these are deleted once `grace` has passed since. Nothing is deleted while a reference
  // cannot be read (kCorrupt). False: nothing is to be done now.
  struct ReclaimOptions {
    // Longer than any reader takes from a message's row to its body.
    Duration grace = std::chrono::minutes(10);
    bool may_begin = true;   // False: a pass that is under way goes on, but none begins.
    bool may_delete = true;  // False while somebody copies or audits the segments.
  };
  Result<bool> ReclaimBodies(const ReclaimOptions& options);

  // Keeps count of what the mailboxes of these tenants hold, from now on: the sum of
  // MailboxRecord::bytes, and of what is left of removed mailboxes. One read per mailbox.
  Status CountBytes(std::span<const TenantId> tenants);
  // Exact; absent: not counted. Any thread. After kUnknownOutcome up to that batch off, until the
  // next one.
  std::optional<uint64_t> BytesOf(TenantId tenant) const;

  // Makes all batches durable with one sync of the segments and one log sync, and sets each
  // batch's status: kDiskFull, kIo, kBusy, kUnknownOutcome or kFenced when it is not durable.
  // Several batches may be for one folder. A UID that is in the ledger already is left alone.
  void Append(std::span<IngestBatch* const> batches);

  // Following the source. Each works in batches that fit the store's limits, so that a crash or a
  // failure may leave a part done: calling again with the same arguments does the rest.

  // The flags of placed UIDs become what the source says, and placements of `vanished` UIDs become
  // gone; the ledger keeps their UIDs. What is so already writes nothing. kNotFound: no such
  // folder.
  Result<SyncCounts> ApplySync(const FolderSync& sync);

  // Finds stored messages that lie under a new UID now: after a move, or a new UIDVALIDITY. A
  // candidate for an item is a placement of this mailbox with its identity that is gone, or lies in
  // this folder under another UIDVALIDITY. It is bound to the item's UID and flags when
  // - there is one candidate and no other item of the call with that identity,
  // - there are as many candidates, or candidates of this folder, as items of that identity, and
  //   all candidates have the same bytes, or
  // - of several exactly one has the item's internal_date, and no other such item has it. While
  //   there are candidates of this folder, only they count.
  // Its id, date and contents stay. Returns the UIDs that need no download: those bound, and those
  // that were in the ledger before.
  Result<UidSet> Relink(MailboxId mailbox, FolderId folder, uint32_t uid_validity,
                        std::span<const RelinkItem> items);

  // All placements of a folder that the source no longer lists become gone, and so does `listed`.
  // Returns how many. Its ledger and progress are forgotten, uid_validity becomes 0: should it come
  // back, it is read anew. An unlisted folder with another uid_validity was not done with: again.
  Result<uint64_t> MarkFolderGone(MailboxId mailbox, FolderId folder);
  // The same for placements under another UIDVALIDITY than this: once all of the folder has been
  // read under it, what was not re-linked is no longer there.
  Result<uint64_t> MarkStaleGone(MailboxId mailbox, FolderId folder, uint32_t uid_validity);
  // Deletes up to `messages_max` gone placements for good, but none that DeleteMessage() deleted:
  // those are kept, so that they are known should they come back. Returns how many; 0: none are
  // left.
  Result<uint64_t> RemoveGone(MailboxId mailbox, size_t messages_max);

  // Deletes messages of the tenant's mailboxes in this shard that were received before then: one
  // batch from `next` on, which is "" at first and moves on. True: there may be more. Their UIDs
  // stay in the ledger, so that they are not fetched again.
  Result<bool> RemoveExpired(TenantId tenant, ShardId shard, WallTime before, std::string& next);

  // Local changes. `admit`, if given, is asked with the message as it is stored at that moment;
  // what it fails with is returned, and nothing is changed. Durable when they return. kNotFound: no
  // such message. kUnknownOutcome: it may be done; calling again is harmless.
  using Admit = std::function<Status(const StoredMessage&)>;
  // Sets and clears what is shown in place of the source's values; returns the message as it is
  // then. A change of what is shown is one in the change log. kInvalidArgument: tags that
  // CheckLocalTags() refuses, or a folder that the mailbox does not have.
  Result<StoredMessage> ChangeMessage(MessageId id, const LocalPatch& patch, const Admit& admit);
  // It is no longer shown or counted, and stays so wherever the source has it or moves it.
  Status DeleteMessage(MessageId id, const Admit& admit);

  // Numbers for the messages of a POP3 source, in the order of `keys`, which is all that the source
  // lists. A known key keeps its number; new ones are numbered upwards in the order given. A key
  // that was not listed for 90 to 120 days is forgotten, at most kUidlsForgottenMax per call.
  // Durable before it returns; writes nothing when nothing changed. kResourceExhausted: no numbers
  // are left.
  Result<std::vector<Uid>> AssignUidls(MailboxId mailbox, FolderId folder,
                                       std::span<const UidlKey> keys, WallTime now);
  // The numbers of known keys, 0 for the others. Any thread.
  Result<std::vector<Uid>> FindUidls(MailboxId mailbox, FolderId folder,
                                     std::span<const UidlKey> keys) const;
  // Makes every key another name of the number at its place, which AssignUidls() gave out, whatever
  // it named before; listed today. In batches: a failure may leave a part done.
  Status BindUidls(MailboxId mailbox, FolderId folder, std::span<const UidlKey> keys,
                   std::span<const Uid> uids, WallTime now);

  // Progress of a folder: uid_validity, uid_next, the two complete flags, and what the source said
  // of it (modseq, source_..., flags_checked_at). Counters and `listed` are kept.
  Status SaveFolder(MailboxId mailbox, const FolderRecord& folder);
  Status SaveFolders(MailboxId mailbox, std::span<const FolderRecord> folders);  // One commit.
  // Result of a check: last_complete, last_used, coverages, error. Counters are kept. Not synced by
  // itself: a crash may lose the newest values, never consistency.
  Status SaveMailboxCheck(const MailboxRecord& mailbox);
  // Makes the results of all checks durable. Append() and SaveMailboxCheck() do so now and then,
  // and so does the destructor.
  Status FlushChecks();

  std::optional<TenantId> FindTenant(std::string_view name) const;
  std::optional<MailboxId> FindMailbox(TenantId tenant, std::string_view name) const;
  // Those that hold mailboxes of the tenant, ascending.
  std::vector<ShardId> ShardsOf(TenantId tenant) const;
  std::vector<ShardId> Shards() const;                        // Of any tenant.
  Result<MailboxRecord> GetMailbox(MailboxId mailbox) const;  // kNotFound.
  // Also of one that was removed, while the change log may tell of it; "" for what was never there.
  std::string NameOf(MailboxId mailbox) const;
  std::vector<MailboxId> MailboxesOf(TenantId tenant) const;  // By name.
  Result<std::vector<FolderRecord>> ListFolders(MailboxId mailbox) const;
  // What is accounted for under this UIDVALIDITY.
  Result<UidSet> ReadLedger(MailboxId mailbox, FolderId folder, uint32_t uid_validity) const;
  // UIDs that have a placement now. Those of the ledger that do not were skipped, or are gone.
  Result<UidSet> ReadPlacedUids(MailboxId mailbox, FolderId folder, uint32_t uid_validity) const;

  Result<StoredMessage> GetMessage(MessageId id) const;  // kNotFound. Callers check the tenant.
  Result<MessagePage> ListMessages(const MessageQuery& query) const;
  // What happened after `after`, oldest first in each shard and so in each mailbox; at most
  // `limit`, 1 .. 1000. The mailboxes of shards that are new to `after` are told of from their
  // beginning. kNotFound: some of that was dropped.
  Result<ChangePage> ListChanges(TenantId tenant, ChangePosition after, size_t limit) const;
  // Calls `listener` on the committer's thread for each tenant whose change log has grown, once the
  // entries are durable. It must not block, and misses what other processes write. Before the first
  // write; at most once.
  void OnChanges(std::function<void(TenantId)> listener);
  // Before the oldest change that is kept; behind all that has happened.
  Result<ChangePosition> StartOfChanges(TenantId tenant) const;
  Result<ChangePosition> EndOfChanges(TenantId tenant) const;
  // Drops old entries of one shard's log, in one batch of at most kChangesTrimmedMax. True: there
  // is more to drop at once. Writes nothing when there is nothing to drop or note. Committer's
  // thread.
  Result<bool> TrimChanges(ShardId shard, const ChangeTrim& trim);
  // The raw bytes, read once and compared with their hash before this returns. kNotFound when it
  // has no body; kCorrupt when they are not what was stored.
  Result<std::unique_ptr<ByteSource>> OpenRaw(const StoredMessage& message) const;
  // The same for a reader who reads it once, from beginning to end: a large one is compared on the
  // way, and the read that would reach its end fails with kCorrupt instead.
  Result<std::unique_ptr<ByteSource>> OpenRawInOrder(const StoredMessage& message) const;
  BlobStore& blobs();

  MailStoreStats stats() const;

  struct Impl;  // For the store's own files (mail_store_impl.h).
  Impl& impl() { return *impl_; }

 private:
  explicit MailStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mailhaul::store
