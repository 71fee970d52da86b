// The messages of a maildrop as one session knows them: numbers, UIDs and what was learned of each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/uid_set.h"

namespace mailhaul::pop3 {

struct ListedMessage {
  uint32_t number = 0;  // Of this session.
  Uid uid = 0;
  std::optional<uint64_t> size;  // As LIST says.
  bool looked_at = false;        // TOP was asked for.
  WallTime arrival{};            // 0: not known.
};

class Maildrop final {
 public:
  Maildrop() = default;
  // `messages`: by number. Of two with one UID the later is dropped.
  explicit Maildrop(std::vector<ListedMessage> messages);

  std::vector<ListedMessage>& messages() { return messages_; }  // By number.
  const std::vector<ListedMessage>& messages() const { return messages_; }
  ListedMessage* Find(Uid uid);
  ListedMessage* FindNumber(uint32_t number);
  const UidSet& uids() const { return uids_; }

 private:
  std::vector<ListedMessage> messages_;
  std::vector<std::pair<Uid, size_t>> by_uid_;  // Index into messages_.
  UidSet uids_;
};

}  // namespace mailhaul::pop3
