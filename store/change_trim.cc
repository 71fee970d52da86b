#include "store/change_trim.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "store/key_layout.h"
#include "store/mail_store.h"
#include "store/shard_batch.h"

namespace mailhaul::store {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMarkBytes = 2 * sizeof(uint64_t);
// The shortest time between two marks, as a part of the time that entries are kept.
constexpr int kMarksPerKeep = 24;
constexpr milliseconds kKeepMin = std::chrono::seconds(1);

// The first number that was not yet given out at `time`, as far as is known; 0: nothing is known.
uint64_t NextAt(const std::vector<ChangeMark>& marks, WallTime time) {
  uint64_t next = 0;
  for (const ChangeMark& mark : marks) {
    next = mark.at <= time ? mark.next : next;
  }
  return next;
}

// Notes that `next` is the next number now, and forgets what no longer says anything.
void Note(std::vector<ChangeMark>& marks, uint64_t next, const ChangeTrim& trim) {
  // From before the clock was set back: what had happened then has happened now.
  for (ChangeMark& mark : marks) {
    mark.at = std::min(mark.at, trim.now);
  }
  const bool is_known = !marks.empty() && marks.back().next >= next;
  if (!is_known && (marks.empty() || trim.now - marks.back().at >= trim.keep / kMarksPerKeep)) {
    marks.push_back({.next = next, .at = trim.now});
  }
  // Of those that are old enough for all entries the newest says the most.
  while (marks.size() > 1 &&
         (marks.size() > kChangeMarksMax || marks[1].at <= trim.now - 2 * trim.keep)) {
    marks.erase(marks.begin());
  }
}

class ShardTrim final {
 public:
  ShardTrim(KeyValueStore& records, ShardId shard, const ChangeTrim& trim)
      : records_(records), shard_(shard), trim_(trim) {}

  Status Fill(ShardBatch& batch) {
    more_ = false;
    room_ = kChangesTrimmedMax;
    const std::string key = ChangeTimesKey(shard_);
    MH_ASSIGN_OR_RETURN(std::optional<std::string> row, GetRow(records_, key));
    Result<std::vector<ChangeMark>> decoded =
        row ? DecodeChangeMarks(*row) : std::vector<ChangeMark>();
    if (!decoded.ok()) {
      return AtKey(decoded.status(), key);
    }
    std::vector<ChangeMark> marks = std::move(decoded).value();
    Note(marks, batch.next_change(), trim_);
    end_ = NextAt(marks, trim_.now - trim_.keep);
    read_or_not_end_ = NextAt(marks, trim_.now - 2 * trim_.keep);
    std::string noted = EncodeChangeMarks(marks);
    if (row.value_or("") != noted) {
      batch.Replace(key, std::move(row), std::move(noted));
    }
    return DropAll(batch);
  }
  bool more() const { return more_; }

 private:
  // Tenant by tenant, of whom some may have been removed.
  Status DropAll(ShardBatch& batch) {
    TenantId tenant{0};
    while (end_ > 0 && !more_) {
      std::optional<TenantId> found;
      const ScanRequest request{.begin = ChangeKey(shard_, tenant, 1),
                                .end = PrefixEnd(ShardPrefix(Keyspace::kChange, shard_)),
                                .descending = false,
                                .rows_max = 1};
      MH_ASSIGN_OR_RETURN([[maybe_unused]] const bool rest,
                          records_.Scan(request, [&](std::string_view key, std::string_view) {
                            found = TenantIn(key);
                            return true;
                          }));
      if (!found) {
        return {};
      }
      if (found->value >= tenant.value) {
        MH_RETURN_IF_ERROR(Drop(batch, *found));
      }
      if (found->value == UINT32_MAX) {
        return {};
      }
      tenant = TenantId{found->value + 1};
    }
    return {};
  }

  // Of the key of an entry or of a row of number 0.
  static std::optional<TenantId> TenantIn(std::string_view key) {
    constexpr size_t kBytes = kKeyPrefixBytes + sizeof(uint32_t);
    return key.size() < kBytes ? std::nullopt
                               : std::optional(TenantId{ReadU32(key, kKeyPrefixBytes)});
  }

  Status Drop(ShardBatch& batch, TenantId tenant) {
    uint64_t end = end_;
    if (trim_.read_to) {
      if (const std::optional<uint64_t> read = trim_.read_to(tenant, shard_)) {
        end = std::max(read_or_not_end_, std::min(end, *read + 1));
      }
    }
    MH_ASSIGN_OR_RETURN(const uint64_t dropped, ReadDroppedChanges(records_, shard_, tenant));
    if (end <= dropped + 1) {
      return {};
    }
    const ScanRequest request{.begin = ChangeKey(shard_, tenant, dropped + 1),
                              .end = ChangeKey(shard_, tenant, end),
                              .descending = false,
                              .rows_max = room_};
    std::vector<std::string> keys;
    MH_ASSIGN_OR_RETURN(const bool rest,
                        records_.Scan(request, [&](std::string_view key, std::string_view) {
                          keys.emplace_back(key);
                          return true;
                        }));
    if (keys.empty()) {
      return {};
    }
    batch.Put(DroppedChangesKey(shard_, tenant),
              EncodeDroppedChanges(ReadU64(keys.back(), keys.back().size() - sizeof(uint64_t))));
    room_ -= keys.size();
    more_ = rest || room_ == 0;
    for (std::string& key : keys) {
      batch.Delete(std::move(key));
    }
    return {};
  }

  KeyValueStore& records_;
  const ShardId shard_;
  const ChangeTrim& trim_;
  uint64_t end_ = 0;              // Entries with smaller numbers are old enough.
  uint64_t read_or_not_end_ = 0;  // And these whether they were read or not.
  size_t room_ = kChangesTrimmedMax;
  bool more_ = false;
};

}  // namespace

std::string EncodeChangeMarks(const std::vector<ChangeMark>& marks) {
  std::string value;
  for (const ChangeMark& mark : marks) {
    AppendU64(value, mark.next);
    AppendU64(value, static_cast<uint64_t>(mark.at.time_since_epoch().count()));
  }
  return value;
}

Result<std::vector<ChangeMark>> DecodeChangeMarks(std::string_view value) {
  std::vector<ChangeMark> marks;
  bool is_ascending = true;
  for (size_t at = 0; at + kMarkBytes <= value.size(); at += kMarkBytes) {
    const auto time = static_cast<int64_t>(ReadU64(value, at + sizeof(uint64_t)));
    const ChangeMark mark{.next = ReadU64(value, at), .at = WallTime(milliseconds(time))};
    is_ascending = is_ascending &&
                   (marks.empty() || (marks.back().next < mark.next && marks.back().at <= mark.at));
    marks.push_back(mark);
  }
  if (value.empty() || value.size() % kMarkBytes != 0 || marks.size() > kChangeMarksMax ||
      !is_ascending) {
    return Status(Code::kCorrupt, "not valid times of changes");
  }
  return marks;
}

std::string EncodeDroppedChanges(uint64_t last) {
  std::string value;
  AppendU64(value, last);
  return value;
}

Result<uint64_t> DecodeDroppedChanges(std::string_view value) {
  const uint64_t last = value.size() == sizeof(uint64_t) ? ReadU64(value, 0) : 0;
  if (last == 0) {
    return Status(Code::kCorrupt, "not the number of a dropped change");
  }
  return last;
}

Result<uint64_t> ReadDroppedChanges(KeyValueStore& records, ShardId shard, TenantId tenant) {
  const std::string key = DroppedChangesKey(shard, tenant);
  MH_ASSIGN_OR_RETURN(const std::optional<std::string> row, GetRow(records, key));
  if (!row) {
    return uint64_t{0};
  }
  Result<uint64_t> last = DecodeDroppedChanges(*row);
  return last.ok() ? last : AtKey(last.status(), key);
}

Result<bool> MailStore::TrimChanges(ShardId shard, const ChangeTrim& trim) {
  if (trim.keep < kKeepMin) {
    return Status(Code::kInvalidArgument, "changes are kept for at least a second");
  }
  impl_->cache.Trim();
  ShardTrim work(impl_->records, shard, trim);
  MH_RETURN_IF_ERROR(
      CommitShardBatch(*impl_, shard, [&work](ShardBatch& batch) { return work.Fill(batch); }));
  return work.more();
}

}  // namespace mailhaul::store
