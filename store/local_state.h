// What a user changed of a message here, beside what its source says. It is never written at the
// source, and what the source says later does not undo it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/source_sync.h"

namespace mailhaul::store {

// The bits of a message's flags that a user changes; the others are the source's alone.
inline constexpr uint8_t kSeenBit = 1;
inline constexpr uint8_t kFlaggedBit = 4;

inline constexpr size_t kLocalTagsMax = 64;
inline constexpr size_t kLocalTagBytesMax = 128;

// What is set is shown in place of the source's value.
struct LocalState {
  std::optional<bool> seen;
  std::optional<bool> flagged;
  std::optional<FolderId> folder;                // Of the same mailbox.
  std::optional<std::vector<std::string>> tags;  // All of them, in the order given.

  bool empty() const { return !seen && !flagged && !folder && !tags; }
  friend bool operator==(const LocalState&, const LocalState&) = default;
};

// A change of it: what is absent stays as it is, what holds no value is the source's again.
struct LocalPatch {
  std::optional<std::optional<bool>> seen;
  std::optional<std::optional<bool>> flagged;
  std::optional<std::optional<FolderId>> folder;
  std::optional<std::optional<std::vector<std::string>>> tags;
};

// kInvalidArgument, with what is wrong: more than kLocalTagsMax, one of no or of more than
// kLocalTagBytesMax bytes, not UTF-8, with control characters, or twice.
Status CheckLocalTags(const std::vector<std::string>& tags);

LocalState Patched(LocalState state, const LocalPatch& patch);

uint8_t ShownFlags(uint8_t source, const LocalState& local);

}  // namespace mailhaul::store
