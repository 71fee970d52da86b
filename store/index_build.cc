#include "store/index_build.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "store/key_layout.h"
#include "store/mail_store_cache.h"
#include "store/mail_store_impl.h"
#include "store/placements.h"
#include "store/records.h"

namespace mailhaul::store {
namespace {

constexpr uint64_t kMessagesPerLine = 1'000'000;  // Of the log.
// What one placement adds, at most: two rows for each of 64 tags, and two more.
constexpr size_t kRowsBytesMax = size_t{16} << 10;

class IndexBuild final {
 public:
  IndexBuild(KeyValueStore& records, const MailboxTable& table)
      : records_(records), table_(table) {}

  Status Run() {
    MH_RETURN_IF_ERROR(Begin());
    LogInfo("building the indexes of threads, tags and folders: the store gets a new format");
    for (bool more = true; more;) {
      MH_ASSIGN_OR_RETURN(std::vector<Message> messages, ReadSome());
      more = !messages.empty();
      if (more) {
        MH_RETURN_IF_ERROR(WriteRows(std::move(messages)));
      }
    }
    MH_RETURN_IF_ERROR(End());
    LogInfo("the indexes are complete: " + std::to_string(done_) + " messages since the start");
    return Status::Ok();
  }

 private:
  struct Message {
    MessageId id;
    Rows rows;
  };

  Status Begin() {
    MH_ASSIGN_OR_RETURN(const std::optional<std::string> version,
                        GetRow(records_, FormatVersionKey()));
    if (version == kFormatVersionBefore) {
      Batch batch;
      batch.shard = kControlShard;
      batch.expectations.push_back({.key = FormatVersionKey(), .value = version});
      batch.Put(FormatVersionKey(), std::string(kFormatVersionBetween));
      return Commit({std::move(batch)});
    }
    const std::string key = IndexBuildKey();
    MH_ASSIGN_OR_RETURN(const std::optional<std::string> row, GetRow(records_, key));
    if (row && row->size() != sizeof(uint64_t)) {
      return AtKey({Code::kCorrupt, "not a valid position of a conversion"}, key);
    }
    // The message of that id may be done: again, to the same end.
    next_ = row ? PlacementKey({ReadU64(*row, 0)}) : next_;
    return Status::Ok();
  }

  // Of one shard, so few that their rows fit a batch.
  Result<std::vector<Message>> ReadSome() {
    std::vector<Message> messages;
    Status damaged;
    const ScanRequest request{.begin = next_,
                              .end = PrefixEnd(std::string(1, next_.front())),
                              .descending = false,
                              .rows_max = kIndexBuildRowsMax};
    size_t bytes = 0;
    const auto visit = [&](std::string_view key, std::string_view value) {
      if (key.size() != kKeyPrefixBytes + sizeof(uint64_t)) {
        damaged = AtKey({Code::kCorrupt, "not the key of a message"}, std::string(key));
        return false;
      }
      const MessageId id = ReadMessageId(key);
      if ((!messages.empty() && id.shard() != messages.back().id.shard()) ||
          bytes + kRowsBytesMax > kBatchBytesMax) {
        return false;
      }
      Result<Placement> placement = DecodePlacement(value);
      if (!placement.ok()) {
        damaged = AtKey(placement.status(), std::string(key));
        return false;
      }
      messages.push_back({.id = id, .rows = RowsFor(id, *placement)});
      for (const auto& [row_key, row_value] : messages.back().rows) {
        bytes += row_key.size() + row_value.size();
      }
      return true;
    };
    MH_ASSIGN_OR_RETURN([[maybe_unused]] const bool rest, records_.Scan(request, visit));
    MH_RETURN_IF_ERROR(damaged);
    return messages;
  }

  Rows RowsFor(MessageId id, const Placement& placement) const {
    // Nobody's: the audit tells of it.
    const std::optional<MailboxTable::Entry> mailbox = table_.Find(placement.mailbox);
    return mailbox ? ShownRowsOf(mailbox->tenant, id, placement) : Rows();
  }

  // Batches of two shards need not become durable together: the position noted with these rows is
  // that of the batch before.
  Status WriteRows(std::vector<Message> messages) {
    std::vector<Batch> batches(1);
    batches[0].shard = kControlShard;
    std::string position;
    AppendU64(position, messages.front().id.value);
    batches[0].Put(IndexBuildKey(), std::move(position));
    Batch rows;
    rows.shard = messages.front().id.shard();
    for (Message& message : messages) {
      for (auto& [key, value] : message.rows) {
        rows.Put(std::move(key), std::move(value));
      }
    }
    if (!rows.writes.empty()) {
      batches.push_back(std::move(rows));
    }
    MH_RETURN_IF_ERROR(Commit(batches));
    next_ = PlacementKey(messages.back().id) + '\0';
    if ((done_ + messages.size()) / kMessagesPerLine > done_ / kMessagesPerLine) {
      LogInfo("building the indexes: " + std::to_string(done_ + messages.size()) + " messages");
    }
    done_ += messages.size();
    return Status::Ok();
  }

  Status End() {
    Batch batch;
    batch.shard = kControlShard;
    batch.expectations.push_back(
        {.key = FormatVersionKey(), .value = std::string(kFormatVersionBetween)});
    batch.Put(FormatVersionKey(), std::string(kFormatVersionValue));
    batch.Delete(IndexBuildKey());
    return Commit({std::move(batch)});
  }

  Status Commit(const std::vector<Batch>& batches) {
    std::vector<Outcome> outcomes(batches.size());
    records_.Commit(batches, outcomes);
    for (const Outcome& outcome : outcomes) {
      MH_RETURN_IF_ERROR(
          StatusOf(outcome).WithContext("converting the store; opening it again goes on"));
    }
    return Status::Ok();
  }

  KeyValueStore& records_;
  const MailboxTable& table_;
  std::string next_ = std::string(1, static_cast<char>(Keyspace::kPlacement));
  uint64_t done_ = 0;
};

}  // namespace

bool IsIndexedFormat(std::string_view version) {
  return version == kFormatVersionValue || version == kFormatVersionSplit ||
         version == kFormatVersionFramed || version == kFormatVersionIndexed;
}

bool IsKnownFormat(std::string_view version) {
  return IsIndexedFormat(version) || version == kFormatVersionBefore ||
         version == kFormatVersionBetween;
}

Status BuildIndexes(KeyValueStore& records, const MailboxTable& table) {
  return IndexBuild(records, table).Run();
}

}  // namespace mailhaul::store
