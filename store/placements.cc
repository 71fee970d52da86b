#include "store/placements.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>
#include <vector>

#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

// All rows by which it is found.
Rows RowsOf(TenantId tenant, MessageId id, const Placement& p) {
  Rows rows;
  if (p.gone) {
    rows.emplace_back(GoneKey(p.mailbox, p.sha256, id), GoneValueOf(p));
    if (p.awaited) {
      rows.emplace_back(AwaitedKey(p.mailbox, *p.awaited, id), std::string());
    }
  } else {
    rows.emplace_back(UidKey(p.mailbox, p.folder, p.uid_validity, p.uid), IdValue(id));
    rows.emplace_back(ContentHashKey(tenant, p.mailbox, p.folder, p.sha256, p.uid_validity, id),
                      std::string());
  }
  if (p.identity) {
    rows.emplace_back(IdentityKey(p.mailbox, *p.identity, id), std::string());
  }
  if (!p.deleted) {
    rows.emplace_back(MailboxDateKey(tenant, p.mailbox, p.internal_date, id),
                      FolderValue(p.shown_folder()));
    rows.emplace_back(TenantDateKey(p.mailbox.shard(), tenant, p.internal_date, id), std::string());
  }
  Rows shown = ShownRowsOf(tenant, id, p);
  std::move(shown.begin(), shown.end(), std::back_inserter(rows));
  return rows;
}

// Those of `from` that `other` has not, or with another value.
template <typename Visit>
void EachMissing(const Rows& from, const Rows& other, bool by_value, const Visit& visit) {
  for (const auto& row : from) {
    const auto same = [&](const auto& each) {
      return each.first == row.first && (!by_value || each.second == row.second);
    };
    if (std::none_of(other.begin(), other.end(), same)) {
      visit(row);
    }
  }
}

// Adds the placement to what is counted, or takes it away. Unsigned differences wrap around
// correctly.
Status Count(ShardBatch& batch, MailboxState& mailbox, const Placement& p, uint64_t one) {
  MH_ASSIGN_OR_RETURN(FolderState * source, FindFolder(mailbox, p.folder));
  MH_ASSIGN_OR_RETURN(FolderState * shown, FindFolder(mailbox, p.shown_folder()));
  batch.Touch(p.mailbox, p.folder);
  (!p.gone ? source->record.placed : p.deleted ? source->deleted_gone : source->record.gone) += one;
  if (p.deleted) {
    return Status::Ok();
  }
  batch.Touch(p.mailbox, p.shown_folder());
  shown->record.messages += one;
  shown->record.unread += IsUnread(p.shown_flags()) ? one : 0;
  mailbox.record.messages += one;
  mailbox.record.bytes += one * p.size;
  return Status::Ok();
}

// `before` was counted among those of an earlier UIDVALIDITY and no longer is.
Status LeaveStale(MailboxState& mailbox, const Placement& before,
                  const std::optional<Placement>& after) {
  const bool stays = after && !after->gone && after->folder == before.folder &&
                     after->uid_validity == before.uid_validity;
  if (before.gone || stays) {
    return Status::Ok();
  }
  MH_ASSIGN_OR_RETURN(FolderState * folder, FindFolder(mailbox, before.folder));
  if (before.uid_validity != folder->placements_validity && folder->stale_placements > 0) {
    --folder->stale_placements;
  }
  // Those of a UIDVALIDITY that has come back were counted too: bounded by what is placed besides.
  folder->stale_placements = std::min(folder->stale_placements, folder->record.placed - 1);
  return Status::Ok();
}

// Whether somebody who reads both could tell them apart.
bool IsShownAlike(const Placement& a, const Placement& b) {
  return a.shown_flags() == b.shown_flags() && a.shown_folder() == b.shown_folder() &&
         SameKeywords(a.shown_tags(), b.shown_tags()) && a.folder == b.folder &&
         a.uid_validity == b.uid_validity && a.uid == b.uid && a.gone == b.gone &&
         a.sha256 == b.sha256 && a.size == b.size && a.thread == b.thread &&
         a.quarantined == b.quarantined && a.awaited == b.awaited;
}

// What the change log tells of it, if anything.
std::optional<ChangeEntry::Type> ChangeOf(const std::optional<Placement>& before,
                                          const std::optional<Placement>& after) {
  const bool was_shown = before && !before->deleted;
  const bool is_shown = after && !after->deleted;
  if (was_shown && is_shown) {
    return IsShownAlike(*before, *after) ? std::nullopt
                                         : std::optional(ChangeEntry::Type::kMessageUpdated);
  }
  if (was_shown) {
    return ChangeEntry::Type::kMessageDeleted;
  }
  return is_shown ? std::optional(ChangeEntry::Type::kMessageCreated) : std::nullopt;
}

}  // namespace

Rows ShownRowsOf(TenantId tenant, MessageId id, const Placement& p) {
  Rows rows;
  if (p.deleted) {
    return rows;
  }
  const ShardId shard = p.mailbox.shard();
  const std::string folder = FolderValue(p.shown_folder());
  rows.emplace_back(ThreadKey(shard, tenant, p.thread, p.internal_date, id),
                    MailboxValue(p.mailbox) + folder);
  rows.emplace_back(FolderDateKey(tenant, p.mailbox, p.shown_folder(), p.internal_date, id),
                    std::string());
  std::set<TagHash> tags;  // Some differ in case only.
  for (const std::string_view tag : KeptKeywords(p.shown_tags())) {
    tags.insert(TagHashOf(tag));
  }
  for (const TagHash& tag : tags) {
    rows.emplace_back(MailboxTagKey(tenant, p.mailbox, tag, p.internal_date, id), folder);
    rows.emplace_back(TenantTagKey(shard, tenant, tag, p.internal_date, id), std::string());
  }
  return rows;
}

std::string MailboxValue(MailboxId mailbox) {
  std::string value;
  AppendU64(value, mailbox.value);
  return value;
}

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
    folder.stale_placements = folder.record.placed;  // At most all of them.
  }
}

Status ReplacePlacement(ShardBatch& batch, MailboxState& mailbox, MessageId id,
                        const std::optional<Placement>& before,
                        const std::optional<Placement>& after) {
  const TenantId tenant = mailbox.record.tenant;
  if (before) {
    batch.Mark(id);
  }
  const Rows old_rows = before ? RowsOf(tenant, id, *before) : Rows();
  Rows new_rows = after ? RowsOf(tenant, id, *after) : Rows();
  EachMissing(old_rows, new_rows, /*by_value=*/false,
              [&](const auto& row) { batch.Delete(row.first); });
  EachMissing(new_rows, old_rows, /*by_value=*/true,
              [&](const auto& row) { batch.Put(row.first, row.second); });
  if (after) {
    batch.Put(PlacementKey(id), EncodePlacement(*after));
  } else {
    batch.Delete(PlacementKey(id));
  }
  if (before && !before->deleted && (!after || after->deleted)) {
    batch.Delete(ContentKey(id));
  }
  if (before) {
    MH_RETURN_IF_ERROR(LeaveStale(mailbox, *before, after));
    MH_RETURN_IF_ERROR(Count(batch, mailbox, *before, ~uint64_t{0}));
  }
  if (after) {
    MH_RETURN_IF_ERROR(Count(batch, mailbox, *after, 1));
  }
  if (const std::optional<ChangeEntry::Type> change = ChangeOf(before, after)) {
    batch.AddChange(*change, tenant, mailbox.record.id, id);
  }
  return Status::Ok();
}

Status MovePlacement(ShardBatch& batch, MailboxState& mailbox, MessageId id, Placement placement,
                     const SourceState& to) {
  MH_ASSIGN_OR_RETURN(FolderState * target, FindFolder(mailbox, to.folder));
  NoteUidValidity(*target, to.uid_validity);
  Placement moved = placement;
  moved.folder = to.folder;
  moved.uid_validity = to.uid_validity;
  moved.uid = to.uid;
  moved.flags = to.flags;
  moved.keywords = to.keywords;
  moved.gone = false;
  moved.awaited.reset();
  if (to.body != nullptr) {
    moved.size = to.body->size;
    moved.thread = to.body->thread;
    moved.quarantined = to.body->quarantined;
    moved.sha256 = to.body->sha256;
    moved.location = to.body->location;
    moved.identity.reset();
    if (!moved.deleted) {
      batch.Put(ContentKey(id), to.body->content);
    }
  }
  if (!moved.identity) {
    moved.identity = to.identity;
  }
  return ReplacePlacement(batch, mailbox, id, std::move(placement), std::move(moved));
}

Status MakeGone(ShardBatch& batch, MailboxState& mailbox, MessageId id, Placement placement) {
  Placement gone = placement;
  gone.gone = true;
  return ReplacePlacement(batch, mailbox, id, std::move(placement), std::move(gone));
}

}  // namespace mailhaul::store
