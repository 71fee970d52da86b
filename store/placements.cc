#include "store/placements.h"

#include <utility>

#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

void AddUnread(FolderState& folder, uint8_t flags) {
  folder.record.unread += IsUnread(flags) ? 1 : 0;
}

void SubtractUnread(FolderState& folder, uint8_t flags) {
  folder.record.unread -= IsUnread(flags) ? 1 : 0;
}

// Deletes the rows by which it is found, and what was counted because of them.
void Unindex(ShardBatch& batch, const MailboxState& mailbox, FolderState& folder, MessageId id,
             const Placement& placement) {
  if (placement.gone) {
    batch.Delete(GoneKey(placement.mailbox, placement.sha256, id));
    if (placement.awaited) {
      batch.Delete(AwaitedKey(placement.mailbox, *placement.awaited));
    }
    --folder.record.gone;
    return;
  }
  batch.Delete(UidKey(placement.mailbox, placement.folder, placement.uid_validity, placement.uid));
  batch.Delete(ContentHashKey(mailbox.record.tenant, placement.mailbox, placement.folder,
                              placement.sha256, placement.uid_validity, id));
  if (placement.uid_validity != folder.placements_validity && folder.stale_placements > 0) {
    --folder.stale_placements;
  }
}

void ReplaceBody(ShardBatch& batch, MailboxState& mailbox, MessageId id, const NewBody& body,
                 Placement& placement) {
  if (placement.identity) {
    batch.Delete(IdentityKey(placement.mailbox, *placement.identity, id));
    placement.identity.reset();
  }
  mailbox.record.bytes += body.size - placement.size;  // Wraps around correctly.
  placement.size = body.size;
  placement.thread = body.thread;
  placement.quarantined = body.quarantined;
  placement.sha256 = body.sha256;
  placement.location = body.location;
  batch.Put(ContentKey(id), body.content);
}

}  // namespace

std::string FolderValue(FolderId folder) {
  std::string value;
  AppendU32(value, folder);
  return value;
}

std::string IdValue(MessageId id) {
  std::string value;
  AppendU64(value, id.value);
  return value;
}

MessageId IdOfValue(std::string_view value) {
  return {value.size() == sizeof(uint64_t) ? ReadU64(value, 0) : 0};
}

Result<FolderState*> FindFolder(MailboxState& mailbox, FolderId folder) {
  const auto found = mailbox.folders.find(folder);
  if (found == mailbox.folders.end()) {
    return Status(Code::kNotFound, "no folder " + std::to_string(folder) + " in mailbox " +
                                       FormatId(mailbox.record.id.value));
  }
  return &found->second;
}

Result<Placement> ReadPlacement(KeyValueStore& records, MessageId id) {
  const std::string key = PlacementKey(id);
  MH_ASSIGN_OR_RETURN(const std::optional<std::string> row, GetRow(records, key));
  Result<Placement> placement =
      row ? DecodePlacement(*row) : Status(Code::kCorrupt, "a message has no placement");
  if (!placement.ok()) {
    return AtKey(placement.status(), key);
  }
  return placement;
}

Result<std::optional<MessageId>> FindByUid(KeyValueStore& records, MailboxId mailbox,
                                           FolderId folder, uint32_t uid_validity, Uid uid) {
  const std::string key = UidKey(mailbox, folder, uid_validity, uid);
  MH_ASSIGN_OR_RETURN(const std::optional<std::string> row, GetRow(records, key));
  return row ? std::optional(IdOfValue(*row)) : std::nullopt;
}

void NoteUidValidity(FolderState& folder, uint32_t uid_validity) {
  if (folder.placements_validity != uid_validity) {
    folder.placements_validity = uid_validity;
    folder.stale_placements = folder.record.messages - folder.record.gone;  // At most all of them.
  }
}

void PutIndexed(ShardBatch& batch, TenantId tenant, MessageId id, const Placement& placement) {
  batch.Put(PlacementKey(id), EncodePlacement(placement));
  batch.Put(UidKey(placement.mailbox, placement.folder, placement.uid_validity, placement.uid),
            IdValue(id));
  batch.Put(ContentHashKey(tenant, placement.mailbox, placement.folder, placement.sha256,
                           placement.uid_validity, id),
            std::string());
}

Status MovePlacement(ShardBatch& batch, MailboxState& mailbox, MessageId id, Placement placement,
                     const SourceState& to) {
  MH_ASSIGN_OR_RETURN(FolderState * from, FindFolder(mailbox, placement.folder));
  MH_ASSIGN_OR_RETURN(FolderState * target, FindFolder(mailbox, to.folder));
  const TenantId tenant = mailbox.record.tenant;
  batch.Mark(id);
  batch.Touch(mailbox.record.id, placement.folder);
  batch.Touch(mailbox.record.id, to.folder);
  NoteUidValidity(*target, to.uid_validity);
  Unindex(batch, mailbox, *from, id, placement);
  --from->record.messages;
  SubtractUnread(*from, placement.flags);

  if (placement.folder != to.folder) {
    batch.Put(MailboxDateKey(tenant, placement.mailbox, placement.internal_date, id),
              FolderValue(to.folder));
  }
  placement.folder = to.folder;
  placement.uid_validity = to.uid_validity;
  placement.uid = to.uid;
  placement.flags = to.flags;
  placement.keywords = to.keywords;
  placement.gone = false;
  placement.awaited.reset();
  if (to.body != nullptr) {
    ReplaceBody(batch, mailbox, id, *to.body, placement);
  }
  if (!placement.identity && to.identity) {
    placement.identity = to.identity;
    batch.Put(IdentityKey(placement.mailbox, *to.identity, id), std::string());
  }
  PutIndexed(batch, tenant, id, placement);
  ++target->record.messages;
  AddUnread(*target, placement.flags);
  batch.AddChange(ChangeEntry::Type::kMessageUpdated, tenant, placement.mailbox, id);
  return Status::Ok();
}

Status MakeGone(ShardBatch& batch, MailboxState& mailbox, MessageId id, Placement placement) {
  MH_ASSIGN_OR_RETURN(FolderState * folder, FindFolder(mailbox, placement.folder));
  batch.Mark(id);
  batch.Touch(mailbox.record.id, placement.folder);
  Unindex(batch, mailbox, *folder, id, placement);
  placement.gone = true;
  ++folder->record.gone;
  batch.Put(PlacementKey(id), EncodePlacement(placement));
  batch.Put(GoneKey(placement.mailbox, placement.sha256, id), std::string());
  batch.AddChange(ChangeEntry::Type::kMessageUpdated, mailbox.record.tenant, placement.mailbox, id);
  return Status::Ok();
}

}  // namespace mailhaul::store
