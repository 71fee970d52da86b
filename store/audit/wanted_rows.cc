#include "store/audit/wanted_rows.h"

#include <set>
#include <string>
#include <utility>

#include "base/text.h"
#include "store/key_layout.h"
#include "store/placements.h"

namespace mailhaul::store {

namespace {

// Written anew rather than shared with what writes them.
void AddShownRows(TenantId tenant, MessageId id, const Placement& p, std::vector<Row>& rows) {
  const ShardId shard = p.mailbox.shard();
  std::string place;
  AppendU64(place, p.mailbox.value);
  AppendU32(place, p.shown_folder());
  const std::string folder = place.substr(sizeof(uint64_t));
  rows.push_back(
      {.key = ThreadKey(shard, tenant, p.thread, p.internal_date, id), .value = std::move(place)});
  rows.push_back({.key = FolderDateKey(tenant, p.mailbox, p.shown_folder(), p.internal_date, id),
                  .value = {}});
  std::set<std::string> tags;
  for (const std::string& tag : p.shown_tags()) {
    if (tags.insert(AsciiLowered(tag)).second) {
      const TagHash hash = TagHashOf(tag);
      rows.push_back(
          {.key = MailboxTagKey(tenant, p.mailbox, hash, p.internal_date, id), .value = folder});
      rows.push_back({.key = TenantTagKey(shard, tenant, hash, p.internal_date, id), .value = {}});
    }
  }
}

}  // namespace

std::vector<Row> WantedRows(TenantId tenant, MessageId id, const Placement& p, bool indexed) {
  std::vector<Row> rows;
  if (!p.deleted && indexed) {
    AddShownRows(tenant, id, p, rows);
  }
  if (!p.deleted) {
    rows.push_back({.key = MailboxDateKey(tenant, p.mailbox, p.internal_date, id),
                    .value = FolderValue(p.shown_folder())});
    rows.push_back(
        {.key = TenantDateKey(p.mailbox.shard(), tenant, p.internal_date, id), .value = {}});
  }
  if (p.identity) {
    rows.push_back({.key = IdentityKey(p.mailbox, *p.identity, id), .value = {}});
  }
  if (p.gone) {
    rows.push_back({.key = GoneKey(p.mailbox, p.sha256, id), .value = std::string(GoneValueOf(p))});
    if (p.awaited) {
      rows.push_back({.key = AwaitedKey(p.mailbox, *p.awaited, id), .value = {}});
    }
  } else {
    rows.push_back(
        {.key = UidKey(p.mailbox, p.folder, p.uid_validity, p.uid), .value = IdValue(id)});
    rows.push_back(
        {.key = ContentHashKey(tenant, p.mailbox, p.folder, p.sha256, p.uid_validity, id),
         .value = {}});
  }
  return rows;
}

MessageId MessageOfIndexRow(const Row& row) {
  switch (static_cast<Keyspace>(row.key.front())) {
    case Keyspace::kMailboxDate:
    case Keyspace::kTenantDate:
    case Keyspace::kThread:
    case Keyspace::kShownUnder:
      return row.key.size() < kKeyPrefixBytes + kDatePositionBytes ? MessageId{}
                                                                   : ReadDatePosition(row.key).id;
    case Keyspace::kUid:
      return IdOfValue(row.value);
    default:
      return row.key.size() < kKeyPrefixBytes + sizeof(uint64_t) ? MessageId{}
                                                                 : ReadMessageId(row.key);
  }
}

}  // namespace mailhaul::store
