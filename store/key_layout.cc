#include "store/key_layout.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/text.h"

namespace mailhaul::store {
namespace {

constexpr uint8_t kFormatVersion = 0;
constexpr uint8_t kSequences = 1;
constexpr uint8_t kLastLogin = 2;
constexpr uint8_t kChangeTimes = 3;
constexpr uint8_t kIndexBuild = 4;

// Within the keyspace of submissions, and of keys that stand for something else.
constexpr uint8_t kById = 0;
constexpr uint8_t kByDate = 1;
constexpr uint8_t kOfClient = 0;
constexpr uint8_t kOfMessage = 1;

// Within the keyspace of what messages are shown under.
constexpr uint8_t kTagOfMailbox = 0;
constexpr uint8_t kTagOfTenant = 1;
constexpr uint8_t kFolderOfMailbox = 2;

template <typename T>
void AppendBigEndian(std::string& out, T value) {
  for (size_t shift = sizeof(T) * 8; shift > 0; shift -= 8) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(value >> (shift - 8))));
  }
}

template <typename T>
T ReadBigEndian(std::string_view bytes, size_t offset) {
  MH_CHECK(bytes.size() >= offset + sizeof(T));
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value << 8) | static_cast<unsigned char>(bytes[offset + i]);
  }
  return value;
}

class KeyBuilder final {
 public:
  KeyBuilder(Keyspace keyspace, ShardId shard) {
    constexpr size_t kUsualKeyBytes = 80;
    key_.reserve(kUsualKeyBytes);
    key_.push_back(static_cast<char>(keyspace));
    AppendBigEndian(key_, shard);
  }
  KeyBuilder& U8(uint8_t value) {
    key_.push_back(static_cast<char>(value));
    return *this;
  }
  KeyBuilder& U32(uint32_t value) {
    AppendBigEndian(key_, value);
    return *this;
  }
  KeyBuilder& U64(uint64_t value) {
    AppendBigEndian(key_, value);
    return *this;
  }
  template <size_t size>
  KeyBuilder& Bytes(const std::array<unsigned char, size>& bytes) {
    key_.append(bytes.begin(), bytes.end());
    return *this;
  }
  KeyBuilder& Date(const DatePosition& position) {
    AppendDatePosition(key_, position);
    return *this;
  }
  std::string Take() { return std::move(key_); }

 private:
  std::string key_;
};

// Signed milliseconds, so that the latest has the smallest value.
uint64_t Descending(WallTime time) {
  constexpr uint64_t kSignBit = uint64_t{1} << 63;
  return ~(static_cast<uint64_t>(time.time_since_epoch().count()) ^ kSignBit);
}

WallTime FromDescending(uint64_t value) {
  constexpr uint64_t kSignBit = uint64_t{1} << 63;
  return WallTime(std::chrono::milliseconds(static_cast<int64_t>(~value ^ kSignBit)));
}

std::string WithDate(std::string prefix, WallTime received, MessageId id) {
  AppendDatePosition(prefix, {.received = received, .id = id});
  return prefix;
}

uint64_t Ascending(WallTime time) { return ~Descending(time); }

}  // namespace

std::string ShardPrefix(Keyspace keyspace, ShardId shard) {
  return KeyBuilder(keyspace, shard).Take();
}

ShardId ShardOfKey(std::string_view key) { return ReadBigEndian<ShardId>(key, 1); }

void AppendU32(std::string& out, uint32_t value) { AppendBigEndian(out, value); }
void AppendU64(std::string& out, uint64_t value) { AppendBigEndian(out, value); }
uint32_t ReadU32(std::string_view bytes, size_t offset) {
  return ReadBigEndian<uint32_t>(bytes, offset);
}
uint64_t ReadU64(std::string_view bytes, size_t offset) {
  return ReadBigEndian<uint64_t>(bytes, offset);
}

std::string FormatVersionKey() {
  return KeyBuilder(Keyspace::kMeta, kControlShard).U8(kFormatVersion).Take();
}
std::string ControlSequenceKey() { return ShardSequenceKey(kControlShard); }
std::string LastLoginKey() {
  return KeyBuilder(Keyspace::kMeta, kControlShard).U8(kLastLogin).Take();
}
std::string IndexBuildKey() {
  return KeyBuilder(Keyspace::kMeta, kControlShard).U8(kIndexBuild).Take();
}
std::string TenantKey(TenantId tenant) {
  return KeyBuilder(Keyspace::kTenant, kControlShard).U32(tenant.value).Take();
}
std::string DayUseKey(std::string_view name) {
  return KeyBuilder(Keyspace::kDayUse, kControlShard).Take() + std::string(name);
}
std::string CheckTimeKey(std::string_view host) {
  return KeyBuilder(Keyspace::kCheckTime, kControlShard).Take() + std::string(host);
}
std::string SecretKey(std::string_view name) {
  return KeyBuilder(Keyspace::kSecret, kControlShard).Take() + std::string(name);
}
std::string WebhookKey(std::string_view name) {
  return KeyBuilder(Keyspace::kWebhook, kControlShard).Take() + std::string(name);
}
std::string TenantPrefix() { return KeyBuilder(Keyspace::kTenant, kControlShard).Take(); }
std::string AssignmentKey(TenantId tenant, MailboxId mailbox) {
  return KeyBuilder(Keyspace::kAssignment, kControlShard)
      .U32(tenant.value)
      .U64(mailbox.value)
      .Take();
}
std::string AssignmentPrefix() { return KeyBuilder(Keyspace::kAssignment, kControlShard).Take(); }

std::string RemovalKey(TenantId tenant, MailboxId mailbox) {
  return KeyBuilder(Keyspace::kRemoval, kControlShard).U32(tenant.value).U64(mailbox.value).Take();
}
std::string RemovalPrefix(TenantId tenant) {
  return KeyBuilder(Keyspace::kRemoval, kControlShard).U32(tenant.value).Take();
}
std::string RemovalPrefix() { return KeyBuilder(Keyspace::kRemoval, kControlShard).Take(); }

std::string ShardSequenceKey(ShardId shard) {
  return KeyBuilder(Keyspace::kMeta, shard).U8(kSequences).Take();
}
std::string MailboxKey(MailboxId mailbox) {
  return KeyBuilder(Keyspace::kMailbox, mailbox.shard()).U64(mailbox.value).Take();
}
std::string FolderKey(MailboxId mailbox, uint32_t folder) {
  return KeyBuilder(Keyspace::kFolder, mailbox.shard()).U64(mailbox.value).U32(folder).Take();
}
std::string FolderPrefix(MailboxId mailbox) {
  return KeyBuilder(Keyspace::kFolder, mailbox.shard()).U64(mailbox.value).Take();
}
std::string LedgerKey(MailboxId mailbox, uint32_t folder, uint32_t uid_validity, Uid start) {
  return KeyBuilder(Keyspace::kLedger, mailbox.shard())
      .U64(mailbox.value)
      .U32(folder)
      .U32(uid_validity)
      .U32(start)
      .Take();
}
std::string LedgerPrefix(MailboxId mailbox, uint32_t folder, uint32_t uid_validity) {
  return KeyBuilder(Keyspace::kLedger, mailbox.shard())
      .U64(mailbox.value)
      .U32(folder)
      .U32(uid_validity)
      .Take();
}
std::string LedgerPrefix(MailboxId mailbox, uint32_t folder) {
  return KeyBuilder(Keyspace::kLedger, mailbox.shard()).U64(mailbox.value).U32(folder).Take();
}
std::string ContentKey(MessageId id) {
  return KeyBuilder(Keyspace::kContent, id.shard()).U64(id.value).Take();
}
std::string PlacementKey(MessageId id) {
  return KeyBuilder(Keyspace::kPlacement, id.shard()).U64(id.value).Take();
}
std::string MailboxDateKey(TenantId tenant, MailboxId mailbox, WallTime received, MessageId id) {
  return KeyBuilder(Keyspace::kMailboxDate, mailbox.shard())
      .U32(tenant.value)
      .U64(mailbox.value)
      .Date({.received = received, .id = id})
      .Take();
}
std::string MailboxDatePrefix(TenantId tenant, MailboxId mailbox) {
  return KeyBuilder(Keyspace::kMailboxDate, mailbox.shard())
      .U32(tenant.value)
      .U64(mailbox.value)
      .Take();
}
std::string TenantDateKey(ShardId shard, TenantId tenant, WallTime received, MessageId id) {
  return KeyBuilder(Keyspace::kTenantDate, shard)
      .U32(tenant.value)
      .Date({.received = received, .id = id})
      .Take();
}
std::string TenantDatePrefix(ShardId shard, TenantId tenant) {
  return KeyBuilder(Keyspace::kTenantDate, shard).U32(tenant.value).Take();
}
std::string ThreadKey(ShardId shard, TenantId tenant, uint64_t thread, WallTime received,
                      MessageId id) {
  return WithDate(ThreadPrefix(shard, tenant, thread), received, id);
}
std::string ThreadPrefix(ShardId shard, TenantId tenant, uint64_t thread) {
  return KeyBuilder(Keyspace::kThread, shard).U32(tenant.value).U64(thread).Take();
}
TagHash TagHashOf(std::string_view tag) {
  const Sha256 whole = ComputeSha256(AsciiLowered(tag));
  TagHash hash;
  std::copy_n(whole.begin(), hash.size(), hash.begin());
  return hash;
}
std::string MailboxTagKey(TenantId tenant, MailboxId mailbox, const TagHash& tag, WallTime received,
                          MessageId id) {
  return WithDate(MailboxTagPrefix(tenant, mailbox, tag), received, id);
}
std::string MailboxTagPrefix(TenantId tenant, MailboxId mailbox, const TagHash& tag) {
  return KeyBuilder(Keyspace::kShownUnder, mailbox.shard())
      .U8(kTagOfMailbox)
      .U32(tenant.value)
      .U64(mailbox.value)
      .Bytes(tag)
      .Take();
}
std::string TenantTagKey(ShardId shard, TenantId tenant, const TagHash& tag, WallTime received,
                         MessageId id) {
  return WithDate(TenantTagPrefix(shard, tenant, tag), received, id);
}
std::string TenantTagPrefix(ShardId shard, TenantId tenant, const TagHash& tag) {
  return KeyBuilder(Keyspace::kShownUnder, shard)
      .U8(kTagOfTenant)
      .U32(tenant.value)
      .Bytes(tag)
      .Take();
}
std::string FolderDateKey(TenantId tenant, MailboxId mailbox, uint32_t folder, WallTime received,
                          MessageId id) {
  return WithDate(FolderDatePrefix(tenant, mailbox, folder), received, id);
}
std::string FolderDatePrefix(TenantId tenant, MailboxId mailbox, uint32_t folder) {
  return KeyBuilder(Keyspace::kShownUnder, mailbox.shard())
      .U8(kFolderOfMailbox)
      .U32(tenant.value)
      .U64(mailbox.value)
      .U32(folder)
      .Take();
}
std::string ContentHashKey(TenantId tenant, MailboxId mailbox, uint32_t folder,
                           const Sha256& sha256, uint32_t uid_validity, MessageId id) {
  return KeyBuilder(Keyspace::kContentHash, mailbox.shard())
      .U32(tenant.value)
      .U64(mailbox.value)
      .U32(folder)
      .Bytes(sha256)
      .U32(uid_validity)
      .U64(id.value)
      .Take();
}
std::string ContentHashPrefix(TenantId tenant, MailboxId mailbox, uint32_t folder,
                              const Sha256& sha256) {
  return KeyBuilder(Keyspace::kContentHash, mailbox.shard())
      .U32(tenant.value)
      .U64(mailbox.value)
      .U32(folder)
      .Bytes(sha256)
      .Take();
}
std::string UidKey(MailboxId mailbox, uint32_t folder, uint32_t uid_validity, Uid uid) {
  return KeyBuilder(Keyspace::kUid, mailbox.shard())
      .U64(mailbox.value)
      .U32(folder)
      .U32(uid_validity)
      .U32(uid)
      .Take();
}
std::string UidPrefix(MailboxId mailbox, uint32_t folder, uint32_t uid_validity) {
  return KeyBuilder(Keyspace::kUid, mailbox.shard())
      .U64(mailbox.value)
      .U32(folder)
      .U32(uid_validity)
      .Take();
}
std::string UidPrefix(MailboxId mailbox, uint32_t folder) {
  return KeyBuilder(Keyspace::kUid, mailbox.shard()).U64(mailbox.value).U32(folder).Take();
}
std::string UidPrefix(MailboxId mailbox) {
  return KeyBuilder(Keyspace::kUid, mailbox.shard()).U64(mailbox.value).Take();
}
std::string IdentityKey(MailboxId mailbox, const MessageIdentity& identity, MessageId id) {
  return KeyBuilder(Keyspace::kIdentity, mailbox.shard())
      .U64(mailbox.value)
      .Bytes(identity)
      .U64(id.value)
      .Take();
}
std::string IdentityPrefix(MailboxId mailbox, const MessageIdentity& identity) {
  return KeyBuilder(Keyspace::kIdentity, mailbox.shard()).U64(mailbox.value).Bytes(identity).Take();
}
std::string GoneKey(MailboxId mailbox, const Sha256& sha256, MessageId id) {
  return KeyBuilder(Keyspace::kGone, mailbox.shard())
      .U64(mailbox.value)
      .Bytes(sha256)
      .U64(id.value)
      .Take();
}
std::string GonePrefix(MailboxId mailbox, const Sha256& sha256) {
  return KeyBuilder(Keyspace::kGone, mailbox.shard()).U64(mailbox.value).Bytes(sha256).Take();
}
std::string GonePrefix(MailboxId mailbox) {
  return KeyBuilder(Keyspace::kGone, mailbox.shard()).U64(mailbox.value).Take();
}
std::string UidlKeyOf(MailboxId mailbox, uint32_t folder, const UidlKey& key) {
  return KeyBuilder(Keyspace::kUidl, mailbox.shard())
      .U64(mailbox.value)
      .U32(folder)
      .Bytes(key)
      .Take();
}
std::string UidlPrefix(MailboxId mailbox, uint32_t folder) {
  return KeyBuilder(Keyspace::kUidl, mailbox.shard()).U64(mailbox.value).U32(folder).Take();
}
std::string SubmissionKey(SubmissionId id) {
  return KeyBuilder(Keyspace::kSubmission, id.shard()).U8(kById).U64(id.value).Take();
}
std::string SubmissionDateKey(ShardId shard, TenantId tenant, const DatePosition& position) {
  return KeyBuilder(Keyspace::kSubmission, shard)
      .U8(kByDate)
      .U32(tenant.value)
      .Date(position)
      .Take();
}
std::string SubmissionDatePrefix(ShardId shard, TenantId tenant) {
  return KeyBuilder(Keyspace::kSubmission, shard).U8(kByDate).U32(tenant.value).Take();
}
std::string DueKey(ShardId shard, WallTime at, SubmissionId id) {
  return KeyBuilder(Keyspace::kDue, shard).U64(Ascending(at)).U64(id.value).Take();
}
std::string DuePrefix(ShardId shard) { return KeyBuilder(Keyspace::kDue, shard).Take(); }
std::string IdempotencyKey(MailboxId mailbox, const std::array<unsigned char, 16>& hash) {
  return KeyBuilder(Keyspace::kIdempotency, mailbox.shard())
      .U8(kOfClient)
      .U64(mailbox.value)
      .Bytes(hash)
      .Take();
}
std::string AwaitedKey(MailboxId mailbox, const std::array<unsigned char, 16>& hash, MessageId id) {
  std::string key = AwaitedPrefix(mailbox, hash);
  AppendU64(key, id.value);
  return key;
}
std::string AwaitedPrefix(MailboxId mailbox, const std::array<unsigned char, 16>& hash) {
  return KeyBuilder(Keyspace::kIdempotency, mailbox.shard())
      .U8(kOfMessage)
      .U64(mailbox.value)
      .Bytes(hash)
      .Take();
}
MessageId ReadMessageId(std::string_view key) {
  MH_CHECK(key.size() >= kKeyPrefixBytes + sizeof(uint64_t));
  return {ReadU64(key, key.size() - sizeof(uint64_t))};
}
std::string BlobPrefix(ShardId shard, TenantId tenant) {
  return KeyBuilder(Keyspace::kBlob, shard).U32(tenant.value).Take();
}
std::string BlobKey(ShardId shard, TenantId tenant, const Sha256& sha256) {
  return KeyBuilder(Keyspace::kBlob, shard).U32(tenant.value).Bytes(sha256).Take();
}
std::string ChangeKey(ShardId shard, TenantId tenant, uint64_t sequence) {
  return KeyBuilder(Keyspace::kChange, shard).U32(tenant.value).U64(sequence).Take();
}

std::string ChangePrefix(ShardId shard, TenantId tenant) {
  return KeyBuilder(Keyspace::kChange, shard).U32(tenant.value).Take();
}

std::string DroppedChangesKey(ShardId shard, TenantId tenant) {
  return ChangeKey(shard, tenant, 0);
}

std::string ChangeTimesKey(ShardId shard) {
  return KeyBuilder(Keyspace::kMeta, shard).U8(kChangeTimes).Take();
}

std::optional<TenantId> TenantOfChangeKey(std::string_view key) {
  const std::string prefix = KeyBuilder(Keyspace::kChange, 0).U32(0).Take();
  if (key.size() != prefix.size() + sizeof(uint64_t) || key.front() != prefix.front() ||
      ReadU64(key, prefix.size()) == 0) {
    return std::nullopt;
  }
  return TenantId{ReadU32(key, prefix.size() - sizeof(uint32_t))};
}

void AppendDatePosition(std::string& out, const DatePosition& position) {
  AppendBigEndian(out, Descending(position.received));
  AppendBigEndian(out, ~position.id.value);
}

DatePosition ReadDatePosition(std::string_view key) {
  MH_CHECK(key.size() >= kDatePositionBytes);
  const std::string_view tail = key.substr(key.size() - kDatePositionBytes);
  return {.received = FromDescending(ReadU64(tail, 0)), .id = {~ReadU64(tail, sizeof(uint64_t))}};
}

DatePosition ReadDueKey(std::string_view key) {
  MH_CHECK(key.size() >= kDatePositionBytes);
  const std::string_view tail = key.substr(key.size() - kDatePositionBytes);
  return {.received = FromDescending(~ReadU64(tail, 0)), .id = {ReadU64(tail, sizeof(uint64_t))}};
}

std::vector<std::string> MailboxPrefixes(TenantId tenant, MailboxId mailbox) {
  std::vector<std::string> prefixes;
  const ShardId shard = mailbox.shard();
  for (const Keyspace keyspace : {Keyspace::kMailboxDate, Keyspace::kContentHash}) {
    prefixes.push_back(KeyBuilder(keyspace, shard).U32(tenant.value).U64(mailbox.value).Take());
  }
  for (const uint8_t kind : {kOfClient, kOfMessage}) {
    prefixes.push_back(
        KeyBuilder(Keyspace::kIdempotency, shard).U8(kind).U64(mailbox.value).Take());
  }
  for (const Keyspace keyspace :
       {Keyspace::kUid, Keyspace::kIdentity, Keyspace::kGone, Keyspace::kUidl, Keyspace::kLedger,
        Keyspace::kFolder, Keyspace::kMailbox}) {
    prefixes.push_back(KeyBuilder(keyspace, shard).U64(mailbox.value).Take());
  }
  return prefixes;
}

std::string PrefixEnd(std::string prefix) {
  while (!prefix.empty()) {
    const auto last = static_cast<unsigned char>(prefix.back());
    if (last != 0xFF) {
      prefix.back() = static_cast<char>(last + 1);
      return prefix;
    }
    prefix.pop_back();
  }
  MH_CHECK(!"a prefix of a key is never all 0xFF");
  return prefix;
}

}  // namespace mailhaul::store
