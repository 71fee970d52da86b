#include "store/local_state.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace mailhaul::store {
namespace {

bool HasControl(std::string_view text) {
  constexpr unsigned char kFirstPrintable = 0x20;
  constexpr unsigned char kDelete = 0x7F;
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < kFirstPrintable || byte == kDelete;
  });
}

template <typename T>
void Apply(const std::optional<std::optional<T>>& change, std::optional<T>& value) {
  if (change) {
    value = *change;
  }
}

uint8_t WithBit(uint8_t flags, uint8_t bit, const std::optional<bool>& value) {
  if (!value) {
    return flags;
  }
  return static_cast<uint8_t>(*value ? flags | bit : flags & ~bit);
}

}  // namespace

Status CheckLocalTags(const std::vector<std::string>& tags) {
  if (tags.size() > kLocalTagsMax) {
    return {Code::kInvalidArgument, "at most " + std::to_string(kLocalTagsMax) + " tags"};
  }
  std::set<std::string_view> distinct;
  for (const std::string& tag : tags) {
    if (tag.empty() || tag.size() > kLocalTagBytesMax) {
      return {Code::kInvalidArgument,
              "a tag has 1 to " + std::to_string(kLocalTagBytesMax) + " bytes"};
    }
    if (!IsValidUtf8(tag) || HasControl(tag)) {
      return {Code::kInvalidArgument, "a tag is UTF-8 without control characters"};
    }
    if (!distinct.insert(tag).second) {
      return {Code::kInvalidArgument, "tag \"" + EscapeForLog(tag) + "\" is there twice"};
    }
  }
  return Status::Ok();
}

LocalState Patched(LocalState state, const LocalPatch& patch) {
  Apply(patch.seen, state.seen);
  Apply(patch.flagged, state.flagged);
  Apply(patch.folder, state.folder);
  Apply(patch.tags, state.tags);
  return state;
}

uint8_t ShownFlags(uint8_t source, const LocalState& local) {
  return WithBit(WithBit(source, kSeenBit, local.seen), kFlaggedBit, local.flagged);
}

}  // namespace mailhaul::store
