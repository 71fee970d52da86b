// Reading the change log: what happened to the messages of a tenant, in the order of the commits of
// each shard. Nothing is kept back: an entry is durable with the change that it tells of. What is
// old is dropped (TrimChanges), and whoever has not read it by then is told so.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace mailhaul::store {

struct ChangeEntry {
  enum class Type : uint8_t {  // Values are stored: never renumber.
    kMessageCreated = 1,
    kMessageUpdated = 2,
    kMessageDeleted = 3,
    kMailboxUpdated = 4,
    kSubmissionUpdated = 5,
  };
  Type type = Type::kMessageCreated;
  MailboxId mailbox;
  MessageId message;
};

// "message.created", ...: what interfaces call it.
std::string_view ToString(ChangeEntry::Type type);

// How far somebody has read: by shard, the last number read. A shard that is absent was not read.
class ChangePosition final {
 public:
  uint64_t Last(ShardId shard) const;
  void Set(ShardId shard, uint64_t sequence) { last_[shard] = sequence; }

  // At most 12 bytes for each shard; 5 or 6 as a rule. A tenant has a shard for 256 mailboxes.
  std::string Encode() const;
  static Result<ChangePosition> Decode(std::string_view bytes);  // kInvalidArgument.

 private:
  std::map<ShardId, uint64_t> last_;
};

struct Change {
  ShardId shard = 0;
  uint64_t sequence = 0;  // Ascending in its shard, with gaps.
  ChangeEntry entry;
};

struct ChangePage {
  std::vector<Change> changes;
  ChangePosition position;  // Behind them.
  bool more = false;        // Known to be there already.
};

// What of the log may be dropped.
struct ChangeTrim {
  WallTime now{};
  // Older entries go. That they are so old is noticed some 1/24 of this later at most, if
  // TrimChanges is called that often. At least a second.
  std::chrono::milliseconds keep{};
  // The last number that a reader of this process has taken in: entries behind it stay until they
  // are twice as old. Null, or absent for a tenant: there is no such reader.
  std::function<std::optional<uint64_t>(TenantId, ShardId)> read_to;
};

}  // namespace mailhaul::store
