#include "scheduler/mailbox.h"

#include "base/check.h"
#include "scheduler/backoff.h"

namespace mailhaul::scheduler {

namespace {

uint64_t HashOf(MailboxId id) { return MixHash(0, id.value); }
uint32_t MarkOf(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }

}  // namespace

uint32_t MailboxIndex::Find(MailboxId id) const {
  const uint64_t hash = HashOf(id);
  const uint32_t mark = MarkOf(hash);
  const size_t mask = slots_.size() - 1;
  for (size_t at = Home(hash); slots_[at].mailbox != kAbsent; at = (at + 1) & mask) {
    if (slots_[at].mark == mark && mailboxes_[slots_[at].mailbox].id == id) {
      return slots_[at].mailbox;
    }
  }
  return kAbsent;
}

void MailboxIndex::Insert(uint32_t mailbox) {
  const uint64_t hash = HashOf(mailboxes_[mailbox].id);
  size_t at = Home(hash);
  while (slots_[at].mailbox != kAbsent) {
    at = (at + 1) & (slots_.size() - 1);
  }
  slots_[at] = {mailbox, MarkOf(hash)};
}

void MailboxIndex::Add(uint32_t mailbox) {
  if ((size_ + 1) * 4 > slots_.size() * 3) {
    std::vector<Slot, LargeMemory<Slot>> before(slots_.size() * 2);
    before.swap(slots_);
    for (const Slot& each : before) {
      if (each.mailbox != kAbsent) {
        Insert(each.mailbox);
      }
    }
  }
  Insert(mailbox);
  ++size_;
}

void MailboxIndex::Remove(MailboxId id) {
  const size_t mask = slots_.size() - 1;
  size_t hole = Home(HashOf(id));
  while (slots_[hole].mailbox == kAbsent || mailboxes_[slots_[hole].mailbox].id != id) {
    MH_CHECK(slots_[hole].mailbox != kAbsent);
    hole = (hole + 1) & mask;
  }
  // Whoever was pushed past the hole moves back into it, so that no search stops short of him.
  for (size_t at = (hole + 1) & mask; slots_[at].mailbox != kAbsent; at = (at + 1) & mask) {
    const size_t home = Home(HashOf(mailboxes_[slots_[at].mailbox].id));
    if (((at - home) & mask) >= ((at - hole) & mask)) {
      slots_[hole] = slots_[at];
      hole = at;
    }
  }
  slots_[hole] = Slot{};
  --size_;
}

}  // namespace mailhaul::scheduler
