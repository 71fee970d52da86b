#include "connectors/imap/fetch_plan.h"

#include <algorithm>

namespace mailhaul::imap {
namespace {

constexpr size_t kUidBytesMax = 11;  // Ten digits and the comma behind them.
constexpr size_t kRangeBytesMax = 2 * kUidBytesMax;
// Tag, "UID FETCH", the items and modifiers we ask for.
constexpr size_t kOverheadBytes = 128;
static_assert(kBatchMessagesMax * kUidBytesMax <= kUidSetBytesMax,
              "a full batch of bodies always fits a command line");

size_t Digits(Uid uid) {
  size_t digits = 1;
  for (; uid >= 10; uid /= 10) {
    ++digits;
  }
  return digits;
}

// With the comma behind it.
size_t TextBytes(UidRange range) {
  return range.first == range.last ? Digits(range.first) + 1
                                   : Digits(range.first) + Digits(range.last) + 2;
}

}  // namespace

size_t UidSetBytes(size_t command_bytes_max) {
  const size_t left = command_bytes_max - std::min(command_bytes_max, kOverheadBytes);
  return std::clamp(left, 4 * kRangeBytesMax, kUidSetBytesMax);
}

std::span<const MessageMeta> TakeBodyBatch(std::span<const MessageMeta> messages,
                                           size_t set_bytes_max) {
  const size_t count_max = std::clamp(set_bytes_max / kUidBytesMax, size_t{1}, kBatchMessagesMax);
  size_t count = 0;
  uint64_t bytes = 0;
  while (count < messages.size() && count < count_max) {
    const uint64_t size = messages[count].size;
    if (count > 0 && (size > kBatchBytesMax || bytes + size > kBatchBytesMax)) {
      break;
    }
    bytes += std::min<uint64_t>(size, kBatchBytesMax + 1);
    ++count;
  }
  return messages.first(count);
}

std::deque<UidSet> SplitUids(const UidSet& uids, uint64_t members_max, size_t set_bytes_max) {
  std::deque<UidSet> sets;
  uint64_t members = members_max;  // As if the last set were full.
  size_t bytes = 0;
  for (UidRange range : uids.ranges()) {
    uint64_t left = uint64_t{range.last} - range.first + 1;
    while (left > 0) {
      if (members >= members_max || bytes + TextBytes(range) > set_bytes_max) {
        sets.emplace_back();
        members = 0;
        bytes = 0;
      }
      const uint64_t taken = std::min<uint64_t>(left, members_max - members);
      const UidRange part{range.first, static_cast<Uid>(range.first + (taken - 1))};
      sets.back().AddRange(part);
      bytes += TextBytes(part);
      members += taken;
      left -= taken;
      if (left > 0) {
        range.first = part.last + 1;
      }
    }
  }
  return sets;
}

std::string FetchText(const UidSet& uids, std::string_view items) {
  std::string text = "UID FETCH " + uids.ToSequenceSet();
  text += ' ';
  text += items;
  return text;
}

}  // namespace mailhaul::imap
