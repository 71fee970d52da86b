// One shard's counters: of mailboxes, folders and references to bodies.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/ids.h"
#include "base/result.h"
#include "store/audit/audit.h"
#include "store/audit/owners.h"
#include "store/key_value_store.h"
#include "store/records.h"

namespace mailhaul::store {

class CountAudit final {
 public:
  CountAudit(KeyValueStore& records, ShardId shard, AuditReport& report)
      : records_(records), shard_(shard), report_(report) {}

  void Count(const Placement& placement);
  // All placements have been counted.
  Status Compare(const Owners& owners);

 private:
  struct Counters {
    uint64_t messages = 0;
    uint64_t bytes = 0;
    uint64_t unread = 0;
    uint64_t gone = 0;
    uint64_t deleted_gone = 0;
    std::map<uint32_t, uint64_t> placed;  // Not gone, by UIDVALIDITY.
  };

  Status CompareFolders();
  void CompareFolder(const std::string& name, const FolderState& folder, const Counters& counted);
  Status CompareMailboxes(const Owners& owners);
  Status CompareBodies(const Owners& owners);
  Status ComparePart(const Owners& owners, size_t part, size_t parts);
  Status CountReferences(const Owners& owners, size_t part, size_t parts,
                         std::unordered_map<std::string, uint64_t>& counts);

  KeyValueStore& records_;
  const ShardId shard_;
  AuditReport& report_;
  std::map<std::pair<MailboxId, FolderId>, Counters> folders_;
  std::map<MailboxId, Counters> mailboxes_;
};

}  // namespace mailhaul::store
