#include "connectors/imap/fetch_plan.h"

#include <algorithm>

#include "connectors/imap/imap_session.h"

namespace mailhaul::imap {
namespace {

constexpr size_t kUidDigitsMax = 10;
static_assert(kBatchMessagesMax * (kUidDigitsMax + 1) <= kUidSetBytesMax,
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

std::span<const MessageMeta> TakeBodyBatch(std::span<const MessageMeta> messages) {
  size_t count = 0;
  uint64_t bytes = 0;
  while (count < messages.size() && count < kBatchMessagesMax) {
    const uint64_t size = messages[count].size;
    if (count > 0 && (size > kBatchBytesMax || bytes + size > kBatchBytesMax)) {
      break;
    }
    bytes += std::min<uint64_t>(size, kBatchBytesMax + 1);
    ++count;
  }
  return messages.first(count);
}

std::deque<UidSet> SplitForMeta(const UidSet& uids) {
  std::deque<UidSet> sets;
  size_t members = kMetaMessagesMax;  // As if the last set were full.
  size_t bytes = 0;
  for (UidRange range : uids.ranges()) {
    uint64_t left = uint64_t{range.last} - range.first + 1;
    while (left > 0) {
      if (members >= kMetaMessagesMax || bytes + TextBytes(range) > kUidSetBytesMax) {
        sets.emplace_back();
        members = 0;
        bytes = 0;
      }
      const uint64_t taken = std::min<uint64_t>(left, kMetaMessagesMax - members);
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
