#include "connectors/pop3/maildrop.h"

#include <algorithm>
#include <utility>

namespace mailhaul::pop3 {

Maildrop::Maildrop(std::vector<ListedMessage> messages) : messages_(std::move(messages)) {
  by_uid_.reserve(messages_.size());
  for (size_t i = 0; i < messages_.size(); ++i) {
    by_uid_.emplace_back(messages_[i].uid, i);
  }
  std::sort(by_uid_.begin(), by_uid_.end());
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  by_uid_.erase(std::unique(by_uid_.begin(), by_uid_.end(), same), by_uid_.end());
  for (const auto& [uid, index] : by_uid_) {
    uids_.Add(uid);
  }
}

ListedMessage* Maildrop::Find(Uid uid) {
  const auto it = std::lower_bound(by_uid_.begin(), by_uid_.end(), std::pair(uid, size_t{0}));
  return it != by_uid_.end() && it->first == uid ? &messages_[it->second] : nullptr;
}

ListedMessage* Maildrop::FindNumber(uint32_t number) {
  const auto it =
      std::lower_bound(messages_.begin(), messages_.end(), number,
                       [](const ListedMessage& message, uint32_t n) { return message.number < n; });
  return it != messages_.end() && it->number == number ? &*it : nullptr;
}

}  // namespace mailhaul::pop3
