// Identifiers. Mailbox and message ids carry their shard in the top 16 bits, for ever: a mailbox
// never changes shard (design: one shard = one unit of ownership).
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mailhaul {

using ShardId = uint16_t;
inline constexpr ShardId kControlShard = 0;  // Tenants and bucket assignment; holds no mail.

// A tenant's number inside this installation, given at onboarding; never reused.
struct TenantId {
  uint32_t value = 0;
  friend auto operator<=>(const TenantId&, const TenantId&) = default;
};

template <typename Tag>
struct ShardedId {
  uint64_t value = 0;  // 0 is no id.

  static constexpr uint64_t kSequenceMask = (uint64_t{1} << 48) - 1;
  static ShardedId Make(ShardId shard, uint64_t sequence) {
    return {(static_cast<uint64_t>(shard) << 48) | (sequence & kSequenceMask)};
  }
  ShardId shard() const { return static_cast<ShardId>(value >> 48); }
  uint64_t sequence() const { return value & kSequenceMask; }
  friend auto operator<=>(const ShardedId&, const ShardedId&) = default;
};
using MailboxId = ShardedId<struct MailboxTag>;
using MessageId = ShardedId<struct MessageTag>;
using SubmissionId = ShardedId<struct SubmissionTag>;  // Of its mailbox's shard; no message has it.

// 16 lower-case hexadecimal digits: the id as HTTP shows it. Opaque to clients.
std::string FormatId(uint64_t value);
Result<uint64_t> ParseId(std::string_view text);

}  // namespace mailhaul

template <typename Tag>
struct std::hash<mailhaul::ShardedId<Tag>> {
  size_t operator()(const mailhaul::ShardedId<Tag>& id) const {
    return std::hash<uint64_t>()(id.value * 0x9E3779B97F4A7C15ULL);
  }
};
