#include "scheduler/mailbox.h"

#include "base/check.h"
#include "scheduler/backoff.h"

namespace mailhaul::scheduler {

size_t MailboxIndex::Home(MailboxId id) const {
  return static_cast<size_t>(MixHash(0, id.value)) & (slots_.size() - 1);
}

uint32_t MailboxIndex::Find(MailboxId id) const {
  for (size_t at = Home(id); slots_[at] != kAbsent; at = (at + 1) & (slots_.size() - 1)) {
    if (mailboxes_[slots_[at]].id == id) {
      return slots_[at];
    }
  }
  return kAbsent;
}

void MailboxIndex::Insert(uint32_t mailbox) {
  size_t at = Home(mailboxes_[mailbox].id);
  while (slots_[at] != kAbsent) {
    at = (at + 1) & (slots_.size() - 1);
  }
  slots_[at] = mailbox;
}

void MailboxIndex::Add(uint32_t mailbox) {
  if ((size_ + 1) * 4 > slots_.size() * 3) {
    std::vector<uint32_t> before(slots_.size() * 2, kAbsent);
    before.swap(slots_);
    for (const uint32_t each : before) {
      if (each != kAbsent) {
        Insert(each);
      }
    }
  }
  Insert(mailbox);
  ++size_;
}

void MailboxIndex::Remove(MailboxId id) {
  const size_t mask = slots_.size() - 1;
  size_t hole = Home(id);
  while (slots_[hole] == kAbsent || mailboxes_[slots_[hole]].id != id) {
    MH_CHECK(slots_[hole] != kAbsent);
    hole = (hole + 1) & mask;
  }
  // Whoever was pushed past the hole moves back into it, so that no search stops short of him.
  for (size_t at = (hole + 1) & mask; slots_[at] != kAbsent; at = (at + 1) & mask) {
    const size_t home = Home(mailboxes_[slots_[at]].id);
    if (((at - home) & mask) >= ((at - hole) & mask)) {
      slots_[hole] = slots_[at];
      hole = at;
    }
  }
  slots_[hole] = kAbsent;
  --size_;
}

}  // namespace mailhaul::scheduler
