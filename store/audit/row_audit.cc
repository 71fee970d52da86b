#include "store/audit/row_audit.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "store/audit/count_audit.h"
#include "store/audit/fact_audit.h"
#include "store/audit/paging.h"
#include "store/audit/submission_audit.h"
#include "store/audit/wanted_rows.h"
#include "store/change_trim.h"
#include "store/index_build.h"
#include "store/key_layout.h"
#include "store/ledger.h"
#include "store/mail_store_cache.h"
#include "store/message_content.h"
#include "store/placements.h"
#include "store/records.h"

namespace mailhaul::store {
namespace {

constexpr size_t kIdKeyBytes = kKeyPrefixBytes + sizeof(uint64_t);
constexpr size_t kUidKeyBytes = kIdKeyBytes + 3 * sizeof(uint32_t);
constexpr uint64_t kProgressRows = 10'000;
// Rows that lead to a placement.
constexpr std::array kIndexes = {
    Keyspace::kMailboxDate, Keyspace::kTenantDate, Keyspace::kContentHash, Keyspace::kUid,
    Keyspace::kIdentity,    Keyspace::kGone,       Keyspace::kThread,      Keyspace::kShownUnder};

class RowAudit final {
 public:
  RowAudit(KeyValueStore& records, ShardId shard, const Owners& owners,
           const std::function<void(const AuditReport&)>& progress, AuditReport& report)
      : records_(records),
        shard_(shard),
        owners_(owners),
        progress_(progress),
        report_(report),
        counts_(records, shard, report) {}

  Status Run() {
    MH_ASSIGN_OR_RETURN(const std::optional<std::string> version,
                        GetRow(records_, FormatVersionKey()));
    indexed_ = version != kFormatVersionBefore && version != kFormatVersionBetween;
    MH_RETURN_IF_ERROR(ReadSequences());
    MH_RETURN_IF_ERROR(
        Each(Keyspace::kPlacement, [this](const Row& row) { return CheckPlacement(row); }));
    for (const Keyspace keyspace : kIndexes) {
      const bool is_new = keyspace == Keyspace::kThread || keyspace == Keyspace::kShownUnder;
      if (indexed_ || !is_new) {  // Of a store that is being converted there are some.
        MH_RETURN_IF_ERROR(CompareIndex(keyspace));
      }
    }
    MH_RETURN_IF_ERROR(CompareContents());
    MH_RETURN_IF_ERROR(CheckLedgers());
    MH_RETURN_IF_ERROR(CheckChanges());
    MH_RETURN_IF_ERROR(FindOrphanFolders());
    MH_ASSIGN_OR_RETURN(const uint64_t keys, AuditSubmissions(records_, shard_, report_));
    MH_RETURN_IF_ERROR(CompareKeys(keys));
    MH_RETURN_IF_ERROR(AuditShardFacts(records_, shard_, owners_, report_));
    return counts_.Compare(owners_);
  }

 private:
  Status Each(Keyspace keyspace, const std::function<Status(const Row&)>& visit) {
    return PageThrough(records_, ShardPrefix(keyspace, shard_), [&](const Row& row) {
      ++report_.rows;
      if (progress_ && report_.rows % kProgressRows == 0) {
        progress_(report_);
      }
      return visit(row);
    });
  }

  void Complain(const std::string& key, std::string problem) {
    report_.Add(NameRow(key), std::move(problem));
  }

  Status ReadSequences() {
    MH_ASSIGN_OR_RETURN(const std::optional<std::string> row,
                        GetRow(records_, ShardSequenceKey(shard_)));
    if (row) {
      const Result<Sequences> sequences = DecodeSequences(*row);
      if (!sequences.ok()) {
        Complain(ShardSequenceKey(shard_), "unreadable: the shard's next numbers are unknown");
        sequences_ = {.first = UINT64_MAX, .second = UINT64_MAX};
        return Status::Ok();
      }
      sequences_ = *sequences;
    }
    return Status::Ok();
  }

  Status CheckPlacement(const Row& row) {
    const Result<Placement> placement = DecodePlacement(row.value);
    const bool is_deleted = placement.ok() && placement->deleted;
    report_.messages += is_deleted ? 0 : 1;
    wanted_[Keyspace::kContent] += is_deleted ? 0 : 1;
    if (row.key.size() != kIdKeyBytes || !placement.ok()) {
      Complain(row.key, "not a readable placement");
      return Status::Ok();
    }
    const MessageId id = ReadMessageId(row.key);
    const auto owner = owners_.find(placement->mailbox);
    if (owner == owners_.end() || placement->mailbox.shard() != shard_) {
      Complain(row.key, "a placement in a mailbox that is not of this shard");
      return Status::Ok();
    }
    if (id.sequence() >= sequences_.first) {
      Complain(row.key, "a message id that is still to be given out");
    }
    for (const Row& wanted : WantedRows(owner->second, id, *placement, indexed_)) {
      ++wanted_[static_cast<Keyspace>(wanted.key.front())];
      MH_ASSIGN_OR_RETURN(const std::optional<std::string> stored, GetRow(records_, wanted.key));
      if (!stored) {
        Complain(wanted.key, "missing: message " + FormatId(id.value) + " cannot be found by it");
      } else if (*stored != wanted.value) {
        Complain(wanted.key, "has another value than message " + FormatId(id.value) + " wants");
      }
    }
    counts_.Count(*placement);
    return is_deleted ? Status::Ok() : CheckContent(id);
  }

  Status CheckContent(MessageId id) {
    const std::string key = ContentKey(id);
    MH_ASSIGN_OR_RETURN(const std::optional<std::string> stored, GetRow(records_, key));
    if (!stored) {
      Complain(key, "missing: message " + FormatId(id.value) + " has no content record");
    } else if (const Result<MessageContent> content = DecodeContent(*stored); !content.ok()) {
      Complain(key, "unreadable content record of message " + FormatId(id.value));
    }
    return Status::Ok();
  }

  // All wanted rows were looked up: as many rows as were wanted are the wanted ones.
  Status CompareIndex(Keyspace keyspace) {
    uint64_t stored = 0;
    MH_RETURN_IF_ERROR(Each(keyspace, [&stored](const Row& /*row*/) {
      ++stored;
      return Status::Ok();
    }));
    if (stored == wanted_[keyspace]) {
      return Status::Ok();
    }
    return PageThrough(records_, ShardPrefix(keyspace, shard_), [this](const Row& row) {
      MH_ASSIGN_OR_RETURN(const bool wanted, IsWanted(row));
      if (!wanted) {
        Complain(row.key, "leads to no message that belongs there");
      }
      return Status::Ok();
    });
  }

  Result<bool> IsWanted(const Row& row) {
    const MessageId id = MessageOfIndexRow(row);
    MH_ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                        GetRow(records_, PlacementKey(MessageId::Make(shard_, id.sequence()))));
    const Result<Placement> placement =
        stored ? DecodePlacement(*stored) : Status(Code::kNotFound, "no placement");
    const auto owner = placement.ok() ? owners_.find(placement->mailbox) : owners_.end();
    if (owner == owners_.end()) {
      return false;
    }
    const std::vector<Row> wanted = WantedRows(owner->second, id, *placement, indexed_);
    return std::any_of(wanted.begin(), wanted.end(),
                       [&row](const Row& one) { return one.key == row.key; });
  }

  Status CompareContents() {
    uint64_t stored = 0;
    MH_RETURN_IF_ERROR(Each(Keyspace::kContent, [&stored](const Row& /*row*/) {
      ++stored;
      return Status::Ok();
    }));
    if (stored > wanted_[Keyspace::kContent]) {
      report_.Add("shard " + std::to_string(shard_),
                  std::to_string(stored - wanted_[Keyspace::kContent]) +
                      " content records without a placement");
    }
    return Status::Ok();
  }

  // Keys of clients, and Message-IDs that are awaited: all that are wanted were looked up.
  Status CompareKeys(uint64_t keys) {
    uint64_t stored = 0;
    MH_RETURN_IF_ERROR(Each(Keyspace::kIdempotency, [&stored](const Row& /*row*/) {
      ++stored;
      return Status::Ok();
    }));
    if (stored > keys + wanted_[Keyspace::kIdempotency]) {
      report_.Add("shard " + std::to_string(shard_),
                  std::to_string(stored - keys - wanted_[Keyspace::kIdempotency]) +
                      " keys of submissions or awaited messages lead nowhere");
    }
    return Status::Ok();
  }

  Status CheckLedgers() {
    // The rows of both keyspaces begin with the same mailbox, folder and UIDVALIDITY.
    std::string of;
    Ledger ledger;
    return Each(Keyspace::kUid, [&](const Row& row) -> Status {
      if (row.key.size() != kUidKeyBytes) {
        Complain(row.key, "not the key of a UID");
        return Status::Ok();
      }
      const std::string prefix = row.key.substr(0, kUidKeyBytes - sizeof(uint32_t));
      if (prefix != of) {
        of = prefix;
        MH_RETURN_IF_ERROR(LoadLedger(row.key, ledger));
      }
      if (!ledger.Contains(ReadU32(row.key, kUidKeyBytes - sizeof(uint32_t)))) {
        Complain(row.key, "a UID that is placed but not in the ledger");
      }
      return Status::Ok();
    });
  }

  Status LoadLedger(const std::string& uid_key, Ledger& ledger) {
    ledger = Ledger();
    const MailboxId mailbox{ReadU64(uid_key, kKeyPrefixBytes)};
    const FolderId folder = ReadU32(uid_key, kIdKeyBytes);
    const uint32_t uid_validity = ReadU32(uid_key, kIdKeyBytes + sizeof(uint32_t));
    const std::string prefix = LedgerPrefix(mailbox, folder, uid_validity);
    return PageThrough(records_, prefix, [&](const Row& row) {
      const Status loaded = row.key.size() == prefix.size() + sizeof(uint32_t)
                                ? ledger.Load(ReadU32(row.key, prefix.size()), row.value)
                                : Status(Code::kCorrupt, "not the key of a ledger segment");
      if (!loaded.ok()) {
        Complain(row.key, loaded.message());
      }
      return Status::Ok();
    });
  }

  // Folders under the id of a mailbox that is not there (any more); AuditShardFacts() tells of what
  // else lies there. Jumps from mailbox to mailbox.
  Status FindOrphanFolders() {
    const std::string prefix = ShardPrefix(Keyspace::kFolder, shard_);
    ScanRequest request{
        .begin = prefix, .end = PrefixEnd(prefix), .descending = false, .rows_max = 1};
    for (bool found = true; found;) {
      std::string key;
      MH_ASSIGN_OR_RETURN([[maybe_unused]] const bool more,
                          records_.Scan(request, [&key](std::string_view at, std::string_view) {
                            key.assign(at);
                            return false;
                          }));
      found = key.size() >= kIdKeyBytes;
      if (found && !owners_.contains(MailboxId{ReadU64(key, kKeyPrefixBytes)})) {
        Complain(key, "of a mailbox that is not there");
      }
      request.begin = found ? PrefixEnd(key.substr(0, kIdKeyBytes)) : request.end;
    }
    return Status::Ok();
  }

  Status CheckChanges() {
    MH_RETURN_IF_ERROR(CheckChangeTimes());
    // Of the tenant whose entries follow.
    std::string prefix;
    uint64_t dropped = 0;
    return Each(Keyspace::kChange, [&](const Row& row) {
      constexpr size_t kChangeKeyBytes = kKeyPrefixBytes + sizeof(uint32_t) + sizeof(uint64_t);
      if (row.key.size() != kChangeKeyBytes) {
        Complain(row.key, "not the key of a change log entry");
        return Status::Ok();
      }
      if (!row.key.starts_with(prefix) || prefix.empty()) {
        prefix = row.key.substr(0, kChangeKeyBytes - sizeof(uint64_t));
        dropped = 0;
      }
      const uint64_t number = ReadU64(row.key, prefix.size());
      const Result<uint64_t> last =
          number == 0 ? DecodeDroppedChanges(row.value) : Result<uint64_t>(number);
      if (!last.ok() || (number != 0 && !DecodeChange(row.value).ok())) {
        Complain(row.key, "not a readable change log entry");
      } else if (*last >= sequences_.second) {
        Complain(row.key, "a change log number that is still to be given out");
      } else if (number == 0) {
        dropped = *last;
      } else if (number <= dropped) {
        Complain(row.key, "a change log entry that counts as dropped");
      }
      return Status::Ok();
    });
  }

  Status CheckChangeTimes() {
    const std::string key = ChangeTimesKey(shard_);
    MH_ASSIGN_OR_RETURN(const std::optional<std::string> row, GetRow(records_, key));
    if (!row) {
      return Status::Ok();
    }
    ++report_.rows;
    const Result<std::vector<ChangeMark>> marks = DecodeChangeMarks(*row);
    if (!marks.ok()) {
      Complain(key, marks.status().message());
    } else if (marks->back().next > sequences_.second) {
      Complain(key, "names a change log number that is still to be given out");
    }
    return Status::Ok();
  }

  KeyValueStore& records_;
  const ShardId shard_;
  const Owners& owners_;
  const std::function<void(const AuditReport&)>& progress_;
  AuditReport& report_;
  CountAudit counts_;
  Sequences sequences_;
  bool indexed_ = true;
  std::map<Keyspace, uint64_t> wanted_;
};

}  // namespace

Status AuditShardRows(KeyValueStore& records, ShardId shard, const Owners& owners,
                      const std::function<void(const AuditReport&)>& progress,
                      AuditReport& report) {
  return RowAudit(records, shard, owners, progress, report).Run();
}

}  // namespace mailhaul::store
