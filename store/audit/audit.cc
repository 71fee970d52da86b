#include "store/audit/audit.h"

#include <optional>
#include <set>
#include <utility>

#include "store/audit/body_audit.h"
#include "store/audit/fact_audit.h"
#include "store/audit/owners.h"
#include "store/audit/row_audit.h"
#include "store/key_layout.h"

namespace mailhaul::store {
namespace {

// Every shard that has a row in any keyspace, whether or not a mailbox is assigned to it.
Result<std::set<ShardId>> FindShards(KeyValueStore& records) {
  std::set<ShardId> shards;
  for (uint8_t keyspace = kKeyspaceFirst; keyspace <= kKeyspaceLast; ++keyspace) {
    const std::string prefix(1, static_cast<char>(keyspace));
    ScanRequest request{
        .begin = prefix, .end = PrefixEnd(prefix), .descending = false, .rows_max = 1};
    for (bool more = true; more;) {
      std::optional<ShardId> found;
      const auto note = [&](std::string_view key, std::string_view /*value*/) {
        found = ShardOfKey(key);
        return true;
      };
      MH_ASSIGN_OR_RETURN(const bool rest, records.Scan(request, note));
      static_cast<void>(rest);
      more = found.has_value() && *found != UINT16_MAX;
      if (found) {
        shards.insert(*found);
      }
      if (more) {
        request.begin = ShardPrefix(static_cast<Keyspace>(keyspace), *found + 1);
      }
    }
  }
  shards.erase(kControlShard);
  return shards;
}

}  // namespace

void AuditReport::Add(std::string place, std::string problem) {
  ++problems;
  if (findings.size() < kAuditFindingsMax) {
    findings.push_back({.place = std::move(place), .problem = std::move(problem)});
  }
}

Result<AuditReport> AuditStore(KeyValueStore& records, FileSystem& files,
                               const AuditOptions& options) {
  AuditReport report;
  MH_ASSIGN_OR_RETURN(const Owners owners, AuditControlRows(records, report));
  MH_ASSIGN_OR_RETURN(const std::set<ShardId> shards, FindShards(records));
  MH_RETURN_IF_ERROR(AuditControlFacts(records, report));
  for (const ShardId shard : shards) {
    MH_RETURN_IF_ERROR(AuditShardRows(records, shard, owners, options.progress, report));
  }
  MH_RETURN_IF_ERROR(AuditBodies(records, files, options, report));
  return report;
}

}  // namespace mailhaul::store
