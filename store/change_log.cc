#include "store/change_log.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "store/change_trim.h"
#include "store/key_layout.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"
#include "store/records.h"

namespace mailhaul::store {
namespace {

constexpr size_t kChangesMax = 1000;
constexpr unsigned kVarintBitsMax = 63;

void AppendVarint(std::string& out, uint64_t value) {
  for (; value >= 128; value >>= 7) {
    out.push_back(static_cast<char>((value & 127) | 128));
  }
  out.push_back(static_cast<char>(value));
}

std::optional<uint64_t> TakeVarint(std::string_view* bytes) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift <= kVarintBitsMax && !bytes->empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes->front());
    bytes->remove_prefix(1);
    if (shift == kVarintBitsMax && byte > 1) {
      return std::nullopt;
    }
    value |= static_cast<uint64_t>(byte & 127) << shift;
    if (byte < 128) {
      return value;
    }
  }
  return std::nullopt;
}

// Some of one shard's changes; true when there are more.
Result<bool> ReadShard(KeyValueStore& records, TenantId tenant, ShardId shard, size_t count,
                       ChangePage* page) {
  const std::string prefix = ChangePrefix(shard, tenant);
  const uint64_t last = page->position.Last(shard);
  if (last == UINT64_MAX) {
    return false;
  }
  const ScanRequest request{.begin = ChangeKey(shard, tenant, last + 1),
                            .end = PrefixEnd(prefix),
                            .descending = false,
                            .rows_max = count};
  Status damaged;
  MH_ASSIGN_OR_RETURN(
      const bool more, records.Scan(request, [&](std::string_view key, std::string_view value) {
        Result<ChangeEntry> entry = DecodeChange(value);
        if (!entry.ok() || key.size() != prefix.size() + sizeof(uint64_t)) {
          damaged = Status(Code::kCorrupt, "a change log entry is not what was written");
          return false;
        }
        const uint64_t sequence = ReadU64(key, prefix.size());
        page->changes.push_back({.shard = shard, .sequence = sequence, .entry = *entry});
        page->position.Set(shard, sequence);
        return true;
      }));
  MH_RETURN_IF_ERROR(damaged);
  // Looked at last: had some of the rows been dropped meanwhile, it would say so.
  MH_ASSIGN_OR_RETURN(const uint64_t dropped, ReadDroppedChanges(records, shard, tenant));
  if (last < dropped) {
    return Status(Code::kNotFound, "changes behind this position are no longer kept");
  }
  return more;
}

}  // namespace

std::string_view ToString(ChangeEntry::Type type) {
  using Type = ChangeEntry::Type;
  switch (type) {
    case Type::kMessageCreated:
      return "message.created";
    case Type::kMessageUpdated:
      return "message.updated";
    case Type::kMessageDeleted:
      return "message.deleted";
    case Type::kMailboxUpdated:
      return "mailbox.updated";
    case Type::kSubmissionUpdated:
      return "submission.updated";
  }
  return "";
}

uint64_t ChangePosition::Last(ShardId shard) const {
  const auto found = last_.find(shard);
  return found == last_.end() ? 0 : found->second;
}

std::string ChangePosition::Encode() const {
  std::string bytes;
  ShardId before = 0;
  for (const auto& [shard, sequence] : last_) {
    AppendVarint(bytes, static_cast<uint64_t>(shard - before));
    AppendVarint(bytes, sequence);
    before = shard;
  }
  return bytes;
}

Result<ChangePosition> ChangePosition::Decode(std::string_view bytes) {
  ChangePosition position;
  uint64_t shard = 0;
  while (!bytes.empty()) {
    const std::optional<uint64_t> step = TakeVarint(&bytes);
    const std::optional<uint64_t> sequence = step ? TakeVarint(&bytes) : std::nullopt;
    // A step of 0 names a shard twice, or the control shard, which has no changes.
    if (!sequence || *step == 0 || *step > UINT16_MAX - shard) {
      return Status(Code::kInvalidArgument, "not a position in the change log");
    }
    shard += *step;
    position.Set(static_cast<ShardId>(shard), *sequence);
  }
  return position;
}

Result<ChangePage> MailStore::ListChanges(TenantId tenant, ChangePosition after,
                                          size_t limit) const {
  limit = std::clamp<size_t>(limit, 1, kChangesMax);
  ChangePage page;
  page.position = std::move(after);
  std::vector<ShardId> shards = impl_->table.ShardsOf(tenant);
  // In turns, so that a shard where much happens does not keep the others from being read.
  while (!shards.empty()) {
    const size_t share = std::max<size_t>(limit / shards.size(), 1);
    std::vector<ShardId> unfinished;
    for (const ShardId shard : shards) {
      const size_t room = limit - page.changes.size();
      if (room == 0) {
        page.more = true;
        return page;
      }
      MH_ASSIGN_OR_RETURN(const bool more,
                          ReadShard(impl_->records, tenant, shard, std::min(share, room), &page));
      if (more) {
        unfinished.push_back(shard);
      }
    }
    shards = std::move(unfinished);
  }
  return page;
}

Result<ChangePosition> MailStore::StartOfChanges(TenantId tenant) const {
  ChangePosition position;
  for (const ShardId shard : impl_->table.ShardsOf(tenant)) {
    MH_ASSIGN_OR_RETURN(const uint64_t dropped, ReadDroppedChanges(impl_->records, shard, tenant));
    if (dropped > 0) {
      position.Set(shard, dropped);
    }
  }
  return position;
}

Result<ChangePosition> MailStore::EndOfChanges(TenantId tenant) const {
  ChangePosition position;
  for (const ShardId shard : impl_->table.ShardsOf(tenant)) {
    const std::string prefix = ChangePrefix(shard, tenant);
    const ScanRequest request{
        .begin = prefix, .end = PrefixEnd(prefix), .descending = true, .rows_max = 1};
    uint64_t last = 0;
    MH_ASSIGN_OR_RETURN([[maybe_unused]] const bool more,
                        impl_->records.Scan(request, [&](std::string_view key, std::string_view) {
                          if (key.size() == prefix.size() + sizeof(uint64_t)) {
                            last = ReadU64(key, prefix.size());
                          }
                          return false;
                        }));
    if (last == 0) {  // Perhaps all were dropped.
      MH_ASSIGN_OR_RETURN(last, ReadDroppedChanges(impl_->records, shard, tenant));
    }
    if (last > 0) {
      position.Set(shard, last);
    }
  }
  return position;
}

}  // namespace mailhaul::store
