#include "store/audit/fact_audit.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "store/audit/paging.h"
#include "store/change_log.h"
#include "store/key_layout.h"
#include "store/ledger.h"
#include "store/mail_store_cache.h"
#include "store/records.h"
#include "store/secret_box.h"

namespace mailhaul::store {
namespace {

constexpr size_t kFolderKeyBytes = kKeyPrefixBytes + sizeof(uint64_t) + sizeof(uint32_t);
constexpr size_t kLedgerKeyBytes = kFolderKeyBytes + 2 * sizeof(uint32_t);
constexpr size_t kUidlKeyBytes = kFolderKeyBytes + sizeof(UidlKey);
constexpr size_t kUidlValueBytes = 2 * sizeof(uint32_t);
constexpr size_t kNumbersBytes = sizeof(uint32_t) + 2 * sizeof(uint64_t);
constexpr std::array kOfControlShard = {
    Keyspace::kTenant, Keyspace::kAssignment, Keyspace::kDayUse, Keyspace::kCheckTime,
    Keyspace::kSecret, Keyspace::kRemoval,    Keyspace::kWebhook};

bool IsOfControlShard(Keyspace keyspace) {
  return std::find(kOfControlShard.begin(), kOfControlShard.end(), keyspace) !=
         kOfControlShard.end();
}

// Complains of rows that lie in a shard where no such rows belong.
Status AuditShard(KeyValueStore& records, ShardId shard, AuditReport& report) {
  for (uint8_t number = kKeyspaceFirst + 1; number <= kKeyspaceLast; ++number) {
    const auto keyspace = static_cast<Keyspace>(number);
    if (IsOfControlShard(keyspace) != (shard == kControlShard)) {
      MH_RETURN_IF_ERROR(PageThrough(records, ShardPrefix(keyspace, shard), [&](const Row& row) {
        report.Add(NameRow(row.key), "lies in a shard where it does not belong");
        return Status::Ok();
      }));
    }
  }
  return Status::Ok();
}

Status AuditMeta(KeyValueStore& records, ShardId shard, const std::set<std::string>& known,
                 AuditReport& report) {
  return PageThrough(records, ShardPrefix(Keyspace::kMeta, shard), [&](const Row& row) {
    if (!known.contains(row.key)) {
      report.Add(NameRow(row.key), "not a row that is known");
    }
    return Status::Ok();
  });
}

class ShardFacts final {
 public:
  ShardFacts(KeyValueStore& records, ShardId shard, const Owners& owners, AuditReport& report)
      : records_(records), shard_(shard), owners_(owners), report_(report) {}

  Status Run() {
    MH_RETURN_IF_ERROR(AuditShard(records_, shard_, report_));
    MH_RETURN_IF_ERROR(
        AuditMeta(records_, shard_, {ShardSequenceKey(shard_), ChangeTimesKey(shard_)}, report_));
    MH_RETURN_IF_ERROR(CheckMailboxes());
    MH_RETURN_IF_ERROR(CheckLedgers());
    return CheckUidls();
  }

 private:
  Status CheckMailboxes() {
    constexpr size_t kMailboxKeyBytes = kKeyPrefixBytes + sizeof(uint64_t);
    return PageThrough(records_, ShardPrefix(Keyspace::kMailbox, shard_), [&](const Row& row) {
      if (row.key.size() != kMailboxKeyBytes ||
          !owners_.contains({ReadU64(row.key, kKeyPrefixBytes)})) {
        report_.Add(NameRow(row.key), "a mailbox that nobody owns");
      }
      return Status::Ok();
    });
  }

  // Of the folder that a row's key begins with; null when it has none.
  Result<const FolderState*> FolderOf(const Row& row) {
    const MailboxId mailbox{ReadU64(row.key, kKeyPrefixBytes)};
    const FolderId id = ReadU32(row.key, kKeyPrefixBytes + sizeof(uint64_t));
    const std::string key = FolderKey(mailbox, id);
    if (key != folder_key_) {
      folder_key_ = key;
      folder_.reset();
      MH_ASSIGN_OR_RETURN(const std::optional<std::string> stored, GetRow(records_, key));
      Result<FolderState> folder =
          stored ? DecodeFolder(id, *stored) : Status(Code::kNotFound, "no such folder");
      if (folder.ok() && owners_.contains(mailbox)) {
        folder_ = std::move(folder).value();
      }
    }
    return folder_ ? &*folder_ : nullptr;
  }

  Status CheckLedgers() {
    std::string of;
    Ledger ledger;
    return PageThrough(records_, ShardPrefix(Keyspace::kLedger, shard_), [&](const Row& row) {
      if (row.key.size() != kLedgerKeyBytes) {
        report_.Add(NameRow(row.key), "not the key of a ledger segment");
        return Status::Ok();
      }
      MH_ASSIGN_OR_RETURN(const FolderState* folder, FolderOf(row));
      const std::string prefix = row.key.substr(0, kLedgerKeyBytes - sizeof(uint32_t));
      if (prefix != of) {
        of = prefix;
        ledger = Ledger();
      }
      const Status loaded = ledger.Load(ReadU32(row.key, prefix.size()), row.value);
      if (folder == nullptr) {
        report_.Add(NameRow(row.key), "a ledger of no folder");
      } else if (!loaded.ok()) {
        report_.Add(NameRow(row.key), loaded.message());
      }
      return Status::Ok();
    });
  }

  Status CheckUidls() {
    return PageThrough(records_, ShardPrefix(Keyspace::kUidl, shard_), [&](const Row& row) {
      ++report_.rows;
      if (row.key.size() != kUidlKeyBytes || row.value.size() != kUidlValueBytes) {
        report_.Add(NameRow(row.key), "not a readable UIDL");
        return Status::Ok();
      }
      MH_ASSIGN_OR_RETURN(const FolderState* folder, FolderOf(row));
      const Uid uid = ReadU32(row.value, 0);
      if (folder == nullptr) {
        report_.Add(NameRow(row.key), "a UIDL of no folder");
      } else if (uid == 0 || uid >= folder->uidl_next) {
        report_.Add(NameRow(row.key), "a UIDL with a number that is still to be given out");
      }
      return Status::Ok();
    });
  }

  KeyValueStore& records_;
  const ShardId shard_;
  const Owners& owners_;
  AuditReport& report_;
  std::string folder_key_;
  std::optional<FolderState> folder_;
};

bool IsReadable(Keyspace keyspace, const std::string& value) {
  switch (keyspace) {
    case Keyspace::kSecret:
      return IsSealed(value);
    case Keyspace::kWebhook:
      return ChangePosition::Decode(value).ok();
    default:
      return value.size() == kNumbersBytes;
  }
}

}  // namespace

Status AuditControlFacts(KeyValueStore& records, AuditReport& report) {
  MH_RETURN_IF_ERROR(AuditShard(records, kControlShard, report));
  MH_RETURN_IF_ERROR(AuditMeta(
      records, kControlShard,
      {FormatVersionKey(), ControlSequenceKey(), LastLoginKey(), IndexBuildKey()}, report));
  for (const Keyspace keyspace :
       {Keyspace::kDayUse, Keyspace::kCheckTime, Keyspace::kSecret, Keyspace::kWebhook}) {
    MH_RETURN_IF_ERROR(
        PageThrough(records, ShardPrefix(keyspace, kControlShard), [&](const Row& row) {
          ++report.rows;
          const bool is_named = row.key.size() > kKeyPrefixBytes;
          if (!is_named || !IsReadable(keyspace, row.value)) {
            report.Add(NameRow(row.key), "not readable");
          }
          return Status::Ok();
        }));
  }
  for (const std::string& key : {LastLoginKey(), IndexBuildKey()}) {
    MH_ASSIGN_OR_RETURN(const std::optional<std::string> row, GetRow(records, key));
    if (row && row->size() != sizeof(uint64_t)) {
      report.Add(NameRow(key), "not readable");
    }
  }
  return Status::Ok();
}

Status AuditShardFacts(KeyValueStore& records, ShardId shard, const Owners& owners,
                       AuditReport& report) {
  return ShardFacts(records, shard, owners, report).Run();
}

}  // namespace mailhaul::store
