// Numbers for the messages of POP3 sources.
#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "store/key_layout.h"
#include "store/placements.h"
#include "store/shard_batch.h"

namespace mailhaul::store {
namespace {

// A row says when its key was listed, up to kRefreshDays late: so that a check that finds nothing
// new writes nothing.
constexpr uint32_t kRefreshDays = 30;
constexpr uint32_t kForgetDays = 90;

uint32_t DayOf(WallTime time) {
  return static_cast<uint32_t>(
      std::max<int64_t>(0, std::chrono::floor<std::chrono::days>(time).time_since_epoch().count()));
}

struct UidlRow {
  Uid uid = 0;
  uint32_t day = 0;
};

std::string EncodeUidl(const UidlRow& row) {
  std::string value;
  AppendU32(value, row.uid);
  AppendU32(value, row.day);
  return value;
}

Result<UidlRow> DecodeUidl(std::string_view value) {
  if (value.size() != 2 * sizeof(uint32_t)) {
    return Status(Code::kCorrupt, "not a valid UIDL record");
  }
  return UidlRow{.uid = ReadU32(value, 0), .day = ReadU32(value, sizeof(uint32_t))};
}

class UidlAssigner final {
 public:
  UidlAssigner(MailStore::Impl& store, MailboxId mailbox, FolderId folder,
               std::span<const UidlKey> keys, uint32_t today)
      : store_(store), mailbox_(mailbox), folder_(folder), keys_(keys), today_(today) {
    for (size_t i = 0; i < keys.size(); ++i) {
      listed_.push_back({.key = keys[i], .first = i, .row = {}});
    }
    std::sort(listed_.begin(), listed_.end(), [](const Listed& a, const Listed& b) {
      return a.key != b.key ? a.key < b.key : a.first < b.first;
    });
    const auto same = [](const Listed& a, const Listed& b) { return a.key == b.key; };
    listed_.erase(std::unique(listed_.begin(), listed_.end(), same), listed_.end());
  }

  Result<std::vector<Uid>> Run() {
    // Each batch starts with what is stored by then.
    for (bool complete = false; !complete;) {
      const auto fill = [&](ShardBatch& batch) -> Status {
        MH_RETURN_IF_ERROR(ReadStored());
        MH_ASSIGN_OR_RETURN(complete, Write(batch));
        return Status::Ok();
      };
      MH_RETURN_IF_ERROR(CommitShardBatch(store_, mailbox_.shard(), fill));
    }
    std::vector<Uid> uids;
    uids.reserve(keys_.size());
    for (const UidlKey& key : keys_) {
      uids.push_back(Find(key)->row.uid);
    }
    return uids;
  }

 private:
  struct Listed {
    UidlKey key{};
    size_t first = 0;  // Where it is listed first.
    UidlRow row;       // UID 0: none yet.
  };

  std::vector<Listed>::iterator Find(const UidlKey& key) {
    return std::lower_bound(listed_.begin(), listed_.end(), key,
                            [](const Listed& listed, const UidlKey& k) { return listed.key < k; });
  }

  // Rows and `listed_` in one pass: both are in the order of the keys.
  Status ReadStored() {
    const std::string prefix = UidlPrefix(mailbox_, folder_);
    for (Listed& listed : listed_) {
      listed.row = {};
    }
    forgotten_.clear();
    auto next = listed_.begin();
    const auto visit = [&](std::string_view row_key, std::string_view value) -> Status {
      MH_ASSIGN_OR_RETURN(const UidlRow row, DecodeUidl(value));
      UidlKey key;
      if (row_key.size() != prefix.size() + key.size()) {
        return {Code::kCorrupt, "not a valid UIDL key"};
      }
      std::copy(row_key.begin() + static_cast<std::ptrdiff_t>(prefix.size()), row_key.end(),
                key.begin());
      while (next != listed_.end() && next->key < key) {
        ++next;
      }
      if (next != listed_.end() && next->key == key) {
        next->row = row;
      } else if (today_ > row.day + kRefreshDays + kForgetDays &&
                 forgotten_.size() < kUidlsForgottenMax) {
        forgotten_.emplace_back(row_key);
      }
      return Status::Ok();
    };
    return VisitRows(store_.records, prefix, visit);
  }

  // As much as fits. True: all that was to be written.
  Result<bool> Write(ShardBatch& batch) {
    MH_ASSIGN_OR_RETURN(MailboxState * mailbox, store_.cache.Mailbox(mailbox_));
    MH_ASSIGN_OR_RETURN(FolderState * folder, FindFolder(*mailbox, folder_));
    std::vector<Listed*> unnumbered;
    for (Listed& listed : listed_) {
      if (listed.row.uid == 0) {
        unnumbered.push_back(&listed);
      } else if (today_ > listed.row.day + kRefreshDays) {
        if (batch.full()) {
          return false;
        }
        listed.row.day = today_;
        batch.Put(UidlKeyOf(mailbox_, folder_, listed.key), EncodeUidl(listed.row));
      }
    }
    std::sort(unnumbered.begin(), unnumbered.end(),
              [](const Listed* a, const Listed* b) { return a->first < b->first; });
    for (Listed* listed : unnumbered) {
      if (batch.full()) {
        return false;
      }
      MH_RETURN_IF_ERROR(Number(*folder, *listed));
      batch.Touch(mailbox_, folder_);
      batch.Put(UidlKeyOf(mailbox_, folder_, listed->key), EncodeUidl(listed->row));
    }
    for (const std::string& key : forgotten_) {
      if (batch.full()) {
        break;  // The next call's.
      }
      batch.Delete(key);
    }
    return true;
  }

  Status Number(FolderState& folder, Listed& listed) const {
    const Uid uid = std::max<Uid>(1, folder.uidl_next);
    if (uid == UINT32_MAX) {
      return {Code::kResourceExhausted,
              "all numbers for messages of mailbox " + FormatId(mailbox_.value) + " are used up"};
    }
    listed.row = {.uid = uid, .day = today_};
    folder.uidl_next = uid + 1;
    return Status::Ok();
  }

  MailStore::Impl& store_;
  const MailboxId mailbox_;
  const FolderId folder_;
  const std::span<const UidlKey> keys_;
  const uint32_t today_;
  std::vector<Listed> listed_;          // By key, each once.
  std::vector<std::string> forgotten_;  // Row keys.
};

}  // namespace

Result<std::vector<Uid>> MailStore::AssignUidls(MailboxId mailbox, FolderId folder,
                                                std::span<const UidlKey> keys, WallTime now) {
  impl_->cache.Trim();
  return UidlAssigner(*impl_, mailbox, folder, keys, DayOf(now)).Run();
}

Result<std::vector<Uid>> MailStore::FindUidls(MailboxId mailbox, FolderId folder,
                                              std::span<const UidlKey> keys) const {
  std::vector<Uid> uids;
  uids.reserve(keys.size());
  for (const UidlKey& key : keys) {
    MH_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                        impl_->records.Get(UidlKeyOf(mailbox, folder, key)));
    UidlRow row;
    if (value.has_value()) {
      MH_ASSIGN_OR_RETURN(row, DecodeUidl(*value));
    }
    uids.push_back(row.uid);
  }
  return uids;
}

Status MailStore::BindUidls(MailboxId mailbox, FolderId folder, std::span<const UidlKey> keys,
                            std::span<const Uid> uids, WallTime now) {
  MH_CHECK(keys.size() == uids.size());
  impl_->cache.Trim();
  const uint32_t today = DayOf(now);
  size_t done = 0;
  while (done < keys.size()) {
    size_t next = done;
    const auto fill = [&](ShardBatch& batch) -> Status {
      MH_RETURN_IF_ERROR(impl_->cache.Mailbox(mailbox).status());
      for (next = done; next < keys.size() && !batch.full(); ++next) {
        batch.Put(UidlKeyOf(mailbox, folder, keys[next]),
                  EncodeUidl({.uid = uids[next], .day = today}));
      }
      return Status::Ok();
    };
    MH_RETURN_IF_ERROR(CommitShardBatch(*impl_, mailbox.shard(), fill));
    done = next;
  }
  return Status::Ok();
}

}  // namespace mailhaul::store
