// Messages that are older than their tenant keeps them.
#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "store/body_release.h"
#include "store/key_layout.h"
#include "store/mail_store.h"
#include "store/placements.h"
#include "store/shard_batch.h"

namespace mailhaul::store {
namespace {

constexpr size_t kScanRows = 1000;

// nullopt: it is no longer there, or goes with its mailbox.
Result<std::optional<Placement>> ReadListed(const MailStore::Impl& store, MessageId id) {
  const std::string key = PlacementKey(id);
  MH_ASSIGN_OR_RETURN(const std::optional<std::string> row, GetRow(store.records, key));
  Result<Placement> placement =
      row ? DecodePlacement(*row) : Status(Code::kCorrupt, "a message has no placement");
  if (!placement.ok()) {
    return AtKey(placement.status(), key);
  }
  if (!store.table.TenantOf(placement->mailbox)) {
    return std::optional<Placement>();
  }
  return std::optional(std::move(placement).value());
}

}  // namespace

Result<bool> MailStore::RemoveExpired(TenantId tenant, ShardId shard, WallTime before,
                                      std::string& next) {
  impl_->cache.Trim();
  const std::string prefix = TenantDatePrefix(shard, tenant);
  std::string begin = prefix;
  AppendDatePosition(begin,
                     {.received = before - std::chrono::milliseconds(1), .id = {UINT64_MAX}});
  const ScanRequest request{.begin = std::max(begin, next),
                            .end = PrefixEnd(prefix),
                            .descending = false,
                            .rows_max = kScanRows};
  std::vector<std::string> keys;
  const Result<bool> more =
      impl_->records.Scan(request, [&keys](std::string_view key, std::string_view /*value*/) {
        keys.emplace_back(key);
        return true;
      });
  if (!more.ok()) {
    return AtKey(more.status(), request.begin);
  }
  if (keys.empty()) {
    return false;
  }
  size_t done = 0;
  const auto fill = [&](ShardBatch& batch) -> Status {
    BodyRelease release(impl_->records, tenant, BodyRelease::AtZero::kDelete);
    for (done = 0; done < keys.size() && !batch.full(); ++done) {
      const MessageId id = ReadDatePosition(keys[done]).id;
      MH_ASSIGN_OR_RETURN(std::optional<Placement> placement, ReadListed(*impl_, id));
      if (placement) {
        MH_ASSIGN_OR_RETURN(MailboxState * mailbox, impl_->cache.Mailbox(placement->mailbox));
        MH_RETURN_IF_ERROR(release.Add(batch, *placement));
        MH_RETURN_IF_ERROR(
            ReplacePlacement(batch, *mailbox, id, std::move(placement), std::nullopt));
      }
    }
    release.Write(batch);
    return Status::Ok();
  };
  impl_->reclaim.wanted = true;
  MH_RETURN_IF_ERROR(CommitShardBatch(*impl_, shard, fill));
  next = keys[done - 1] + '\0';
  return *more || done < keys.size();
}

}  // namespace mailhaul::store
