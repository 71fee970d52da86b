#include "connectors/imap/flag_collector.h"

#include <algorithm>
#include <utility>

#include "connectors/imap/labels.h"
#include "connectors/imap/limits.h"

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

Status FlagCollector::Add(const FetchEntry& fetch) {
  if (fetch.uid == 0 || (!fetch.flags && !(with_labels_ && fetch.labels))) {
    return {};
  }
  Told told;
  told.uid = fetch.uid;
  if (fetch.flags) {
    told.flags = fetch.flags;
    told.keywords = fetch.keywords;
  }
  if (with_labels_ && fetch.labels) {
    told.labels = fetch.labels;
  }
  text_bytes_ += Bytes(told.keywords) + (told.labels ? Bytes(*told.labels) : 0);
  if (text_bytes_ > kFlagTextBytesMax) {
    return {Code::kProtocol, "the server tells too many keywords"};
  }
  told_.push_back(std::move(told));
  return {};
}

std::optional<FlagState> FlagCollector::ToState(Told told) const {
  if (!told.flags || (with_labels_ && !told.labels)) {
    return std::nullopt;
  }
  FlagState state;
  state.uid = told.uid;
  state.flags = *told.flags;
  state.keywords = std::move(told.keywords);
  if (told.labels) {
    Labels labels = ReadLabels(*told.labels);
    state.flags |= labels.flags;
    state.labels = std::move(labels.names);
  }
  return state;
}

std::vector<FlagState> FlagCollector::Finish() && {
  std::stable_sort(told_.begin(), told_.end(),
                   [](const Told& a, const Told& b) { return a.uid < b.uid; });
  std::vector<FlagState> states;
  for (auto it = told_.begin(); it != told_.end();) {
    Told all = std::move(*it);
    for (++it; it != told_.end() && it->uid == all.uid; ++it) {
      if (it->flags) {
        all.flags = it->flags;
        all.keywords = std::move(it->keywords);
      }
      if (it->labels) {
        all.labels = std::move(it->labels);
      }
    }
    if (std::optional<FlagState> state = ToState(std::move(all))) {
      states.push_back(*std::move(state));
    }
  }
  told_.clear();
  return states;
}

}  // namespace mailhaul::imap
