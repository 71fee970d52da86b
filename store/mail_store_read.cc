#include <algorithm>
#include <utility>

#include "base/text.h"
#include "store/checked_body.h"
#include "store/key_layout.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"
#include "store/message_scan.h"
#include "store/sha256.h"

namespace mailhaul::store {
namespace {

constexpr size_t kPageMax = 1000;
// Of the rows that a message is read from.
std::string VersionOf(std::string_view placement, std::string_view content) {
  constexpr size_t kVersionBytes = 16;
  Sha256Hasher hasher;
  hasher.Restart();
  hasher.Update(placement);
  hasher.Update(content);
  const Sha256 hash = hasher.Finish();
  return HexEncode(std::string_view(reinterpret_cast<const char*>(hash.data()), kVersionBytes));
}

}  // namespace

std::optional<TenantId> MailStore::FindTenant(std::string_view name) const {
  return impl_->table.FindTenant(name);
}

std::optional<MailboxId> MailStore::FindMailbox(TenantId tenant, std::string_view name) const {
  return impl_->table.FindMailbox(tenant, name);
}

std::vector<ShardId> MailStore::ShardsOf(TenantId tenant) const {
  return impl_->table.ShardsOf(tenant);
}

std::vector<ShardId> MailStore::Shards() const { return impl_->table.Shards(); }

Result<MailboxRecord> MailStore::GetMailbox(MailboxId mailbox) const {
  std::optional<MailboxTable::Entry> entry = impl_->table.Find(mailbox);
  if (!entry || entry->removed) {
    return Status(Code::kNotFound, "no mailbox " + FormatId(mailbox.value));
  }
  // The check in memory is taken first: it is forgotten only after the row has it.
  const std::optional<MailboxRecord> check = impl_->PendingCheck(mailbox);
  MailboxRecord record;
  MH_RETURN_IF_ERROR(ReadMailboxRow(impl_->records, mailbox, record));
  ApplyCheck(check, record);
  record.id = mailbox;
  record.tenant = entry->tenant;
  record.name = std::move(entry->name);
  record.address = std::move(entry->address);
  return record;
}

std::vector<MailboxId> MailStore::MailboxesOf(TenantId tenant) const {
  return impl_->table.MailboxesOf(tenant);
}

std::string MailStore::NameOf(MailboxId mailbox) const {
  std::optional<MailboxTable::Entry> entry = impl_->table.Find(mailbox);
  return entry ? std::move(entry->name) : std::string();
}

Result<std::vector<FolderRecord>> MailStore::ListFolders(MailboxId mailbox) const {
  if (!impl_->table.TenantOf(mailbox)) {
    return Status(Code::kNotFound, "no mailbox " + FormatId(mailbox.value));
  }
  MH_ASSIGN_OR_RETURN(std::vector<FolderState> states, ReadFolders(impl_->records, mailbox));
  std::vector<FolderRecord> folders;
  folders.reserve(states.size());
  for (FolderState& state : states) {
    folders.push_back(std::move(state.record));
  }
  return folders;
}

Result<UidSet> MailStore::ReadLedger(MailboxId mailbox, FolderId folder,
                                     uint32_t uid_validity) const {
  UidSet all;
  const auto add = [&all](std::string_view /*key*/, std::string_view value) -> Status {
    MH_ASSIGN_OR_RETURN(const UidSet segment, DecodeLedgerSegment(value));
    all.AddAll(segment);
    return Status::Ok();
  };
  MH_RETURN_IF_ERROR(VisitRows(impl_->records, LedgerPrefix(mailbox, folder, uid_validity), add));
  return all;
}

Result<UidSet> MailStore::ReadPlacedUids(MailboxId mailbox, FolderId folder,
                                         uint32_t uid_validity) const {
  UidSet placed;
  const std::string prefix = UidPrefix(mailbox, folder, uid_validity);
  const auto add = [&](std::string_view key, std::string_view /*value*/) -> Status {
    placed.Add(ReadU32(key, prefix.size()));
    return Status::Ok();
  };
  MH_RETURN_IF_ERROR(VisitRows(impl_->records, prefix, add));
  return placed;
}

Result<BlobLocation> MailStore::Impl::FindBody(ShardId shard, TenantId tenant,
                                               const Sha256& sha256) const {
  const std::string key = BlobKey(shard, tenant, sha256);
  MH_ASSIGN_OR_RETURN(const std::optional<std::string> row, GetRow(records, key));
  if (!row) {
    return AtKey({Code::kNotFound, "the body is no longer there"}, key);
  }
  const Result<BlobReference> reference = DecodeBlobReference(*row);
  return reference.ok() ? Result<BlobLocation>(reference->location)
                        : AtKey(reference.status(), key);
}

Result<StoredMessage> MailStore::Impl::ReadMessage(MessageId id, bool with_version) const {
  const std::string key = PlacementKey(id);
  MH_ASSIGN_OR_RETURN(const std::optional<std::string> row, GetRow(records, key));
  if (!row) {
    return Status(Code::kNotFound, "no message " + FormatId(id.value));
  }
  Result<Placement> placement = DecodePlacement(*row);
  if (!placement.ok()) {
    return AtKey(placement.status(), key);
  }
  if (placement->deleted || !table.TenantOf(placement->mailbox)) {
    return Status(Code::kNotFound, "message " + FormatId(id.value) + " was deleted");
  }
  const std::string content_key = ContentKey(id);
  MH_ASSIGN_OR_RETURN(const std::optional<std::string> content_row, GetRow(records, content_key));
  if (!content_row) {
    // It goes in the batch that deletes the message, perhaps just now.
    MH_ASSIGN_OR_RETURN(const std::optional<std::string> now, GetRow(records, key));
    if (now != row) {
      return ReadMessage(id, with_version);
    }
  }
  Result<MessageContent> content =
      content_row ? DecodeContent(*content_row) : Status(Code::kCorrupt, "missing");
  if (!content.ok()) {
    return AtKey(content.status(), content_key);
  }
  return StoredMessage{.id = id,
                       .mailbox = placement->mailbox,
                       .folder = placement->folder,
                       .uid_validity = placement->uid_validity,
                       .uid = placement->uid,
                       .flags = placement->flags,
                       .keywords = std::move(placement->keywords),
                       .internal_date = placement->internal_date,
                       .size = placement->size,
                       .thread = placement->thread,
                       .quarantined = placement->quarantined,
                       .gone = placement->gone,
                       .local = placement->awaited.has_value(),
                       .sha256 = placement->sha256,
                       .location = placement->location,
                       .content = std::move(content).value(),
                       .local_state = std::move(placement->local),
                       .version = with_version ? VersionOf(*row, *content_row) : std::string()};
}

Result<StoredMessage> MailStore::GetMessage(MessageId id) const {
  return impl_->ReadMessage(id, /*with_version=*/true);
}

Result<MessagePage> MailStore::ListMessages(const MessageQuery& query) const {
  if (query.limit < 1 || query.limit > kPageMax || (query.folder && !query.mailbox) ||
      (query.thread && query.tag)) {
    return Status(
        Code::kInvalidArgument,
        "limit must be 1 to 1000, a folder needs its mailbox, and a thread excludes a tag");
  }
  if ((query.thread || query.tag) && !impl_->indexed) {
    return Status(Code::kInvalidArgument, "the store has no index of threads and tags yet");
  }
  MessageQuery next = query;
  MessagePage page;
  bool ended_early = false;
  do {
    // One more than the page shows tells whether there is more.
    MH_ASSIGN_OR_RETURN(FoundPositions found, FindPositions(impl_->records, impl_->table, next,
                                                            query.limit + 1, impl_->indexed));
    std::vector<DatePosition>& positions = found.positions;
    ended_early = found.stopped.has_value();
    page.skipped += found.skipped;
    page.more = positions.size() > query.limit || ended_early;
    positions.resize(std::min(positions.size(), query.limit));
    for (const DatePosition& position : positions) {
      Result<StoredMessage> message = impl_->ReadMessage(position.id, /*with_version=*/false);
      if (message.ok()) {
        page.items.push_back(std::move(message).value());
      } else if (message.status().code() != Code::kNotFound) {
        return message.status();
      }
    }
    if (page.more) {
      const DatePosition& last = ended_early ? *found.stopped : positions.back();
      page.next_date = last.received;
      page.next_id = last.id;
      next.cursor_date = last.received;
      next.cursor_id = last.id;
      next.skip_max -= std::min(next.skip_max, found.skipped);
    }
    // Nothing but what is just being removed: a page that goes on has a message to go on behind.
  } while (page.items.empty() && page.more && !ended_early);
  return page;
}

Result<std::unique_ptr<ByteSource>> MailStore::OpenRaw(const StoredMessage& message) const {
  return impl_->OpenBody(message, &OpenChecked);
}

Result<std::unique_ptr<ByteSource>> MailStore::OpenRawInOrder(const StoredMessage& message) const {
  return impl_->OpenBody(message, &OpenInOrder);
}

Result<std::unique_ptr<ByteSource>> MailStore::Impl::OpenBody(
    const StoredMessage& message,
    Result<std::unique_ptr<ByteSource>> (*open)(const BlobStore&, const BlobLocation&,
                                                const Sha256&)) const {
  if (!message.has_body()) {
    return Status(Code::kNotFound, "the message's bytes are not stored: " +
                                       EscapeForLog(message.content.unparsed_reason));
  }
  const std::optional<TenantId> tenant = table.TenantOf(message.mailbox);
  if (!tenant) {
    return Status(Code::kNotFound, "no message " + FormatId(message.id.value));
  }
  // Its own location is where the body was when it was placed: it may have moved since.
  MH_ASSIGN_OR_RETURN(const BlobLocation location,
                      FindBody(message.mailbox.shard(), *tenant, message.sha256));
  Result<std::unique_ptr<ByteSource>> source = open(blobs, location, message.sha256);
  if (!source.ok()) {
    return source.status().WithContext("message " + FormatId(message.id.value));
  }
  if ((*source)->size() != message.size) {
    return Status(Code::kCorrupt,
                  "message " + FormatId(message.id.value) + " has another size than its body");
  }
  return source;
}

}  // namespace mailhaul::store
