#include "store/audit/wanted_rows.h"

#include "store/key_layout.h"
#include "store/placements.h"

namespace mailhaul::store {

std::vector<Row> WantedRows(TenantId tenant, MessageId id, const Placement& p) {
  std::vector<Row> rows;
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
