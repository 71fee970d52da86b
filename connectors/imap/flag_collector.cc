#include "connectors/imap/flag_collector.h"

#include <algorithm>
#include <utility>

#include "connectors/imap/limits.h"

namespace mailhaul::imap {

Status FlagCollector::Add(const FetchEntry& fetch) {
  if (fetch.uid == 0 || !fetch.flags) {
    return {};
  }
  FlagState state;
  state.uid = fetch.uid;
  state.flags = *fetch.flags;
  state.keywords = fetch.keywords;
  for (const std::string& keyword : state.keywords) {
    keyword_bytes_ += sizeof(std::string) + keyword.size();
  }
  if (keyword_bytes_ > kFlagTextBytesMax) {
    return {Code::kProtocol, "the server tells too many keywords"};
  }
  states_.push_back(std::move(state));
  return {};
}

std::vector<FlagState> FlagCollector::Finish() && {
  const auto before = [](const FlagState& a, const FlagState& b) { return a.uid < b.uid; };
  std::stable_sort(states_.begin(), states_.end(), before);
  // Of equal ones the last: unique() keeps the first, so it runs from behind.
  const auto same = [](const FlagState& a, const FlagState& b) { return a.uid == b.uid; };
  const auto kept = std::unique(states_.rbegin(), states_.rend(), same);
  states_.erase(states_.begin(), kept.base());
  return std::move(states_);
}

}  // namespace mailhaul::imap
