#include "connectors/imap/flag_collector.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "connectors/imap/limits.h"
#include "connectors/imap/modified_utf7.h"

namespace mailhaul::imap {
namespace {

size_t Bytes(const std::vector<std::string>& texts) {
  size_t bytes = 0;
  for (const std::string& text : texts) {
    bytes += sizeof(std::string) + text.size();
  }
  return bytes;
}

}  // namespace

std::vector<std::string> LabelTexts(const std::vector<std::string>& wire) {
  std::vector<std::string> labels;
  for (const std::string& label : wire) {
    std::optional<std::string> decoded = DecodeModifiedUtf7(label);
    if (decoded && decoded->size() <= kLabelBytesMax) {
      labels.push_back(*std::move(decoded));
    } else {
      labels.push_back(IsValidUtf8(label) ? label : EscapeForLog(label, kLabelBytesMax));
    }
  }
  return labels;
}

Status FlagCollector::Add(const FetchEntry& fetch) {
  if (fetch.uid == 0 || !fetch.flags) {
    return {};
  }
  FlagState state;
  state.uid = fetch.uid;
  state.flags = *fetch.flags;
  state.keywords = fetch.keywords;
  if (fetch.labels) {
    state.labels = LabelTexts(*fetch.labels);
  }
  text_bytes_ += Bytes(state.keywords) + Bytes(state.labels);
  if (text_bytes_ > kFlagTextBytesMax) {
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
