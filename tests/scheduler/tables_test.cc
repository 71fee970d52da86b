// The containers under the scheduler, each against a simple one.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/random.h"
#include "scheduler/mailbox.h"
#include "scheduler/timer_heap.h"

namespace mailhaul::scheduler {
namespace {

TEST(MailboxIndexTest, FindsWhatIsThereThroughAddingAndRemoving) {
  SeededRandom random(3);
  Mailboxes mailboxes;
  MailboxIndex index(mailboxes);
  std::map<uint64_t, uint32_t> model;
  for (uint32_t i = 0; i < 300; ++i) {
    mailboxes.Add().id = MailboxId{random.Below(2) == 0 ? i + 1 : random.NextU64()};
  }
  for (int step = 0; step < 20'000; ++step) {
    const auto at = static_cast<uint32_t>(random.Below(300));
    const MailboxId id = mailboxes[at].id;
    const auto known = model.find(id.value);
    ASSERT_EQ(index.Find(id), known == model.end() ? kAbsent : known->second);
    if (known == model.end()) {
      index.Add(at);
      model[id.value] = at;
    } else {
      index.Remove(id);
      model.erase(known);
    }
    ASSERT_EQ(index.size(), model.size());
  }
}

TEST(TimerHeapTest, GivesTheEarliestFirstAndKeepsWhatCounts) {
  SeededRandom random(5);
  TimerHeap heap;
  std::set<std::pair<TimePoint, uint32_t>> model;
  for (uint32_t stamp = 0; stamp < 5000; ++stamp) {
    const TimePoint due{Duration(static_cast<int64_t>(random.Below(500)))};
    heap.Push({due, stamp, stamp});
    model.emplace(due, stamp);
    if (stamp % 3 == 0) {
      ASSERT_EQ(heap.top().due, model.begin()->first);
      ASSERT_EQ(heap.top().stamp, model.begin()->second);
      heap.Pop();
      model.erase(model.begin());
    }
    if (stamp % 1000 == 999) {
      heap.Keep([](const TimerHeap::Entry& entry) { return entry.stamp % 2 == 0; });
      std::erase_if(model, [](const auto& entry) { return entry.second % 2 != 0; });
    }
  }
  while (!heap.empty()) {
    ASSERT_EQ(heap.top().stamp, model.begin()->second);
    heap.Pop();
    model.erase(model.begin());
  }
  EXPECT_TRUE(model.empty());
}

TEST(MailboxTest, StatesOfItsKindsAreIndependent) {
  Mailbox mailbox;
  mailbox.set_state(JobKind::kNew, JobState::kParked);
  mailbox.set_state(JobKind::kWindow, JobState::kTimed);
  mailbox.set_state(JobKind::kBackfill, JobState::kReady);
  EXPECT_EQ(mailbox.state(JobKind::kNew), JobState::kParked);
  EXPECT_EQ(mailbox.state(JobKind::kWindow), JobState::kTimed);
  EXPECT_EQ(mailbox.state(JobKind::kBackfill), JobState::kReady);
  mailbox.set_state(JobKind::kWindow, JobState::kNone);
  EXPECT_EQ(mailbox.state(JobKind::kNew), JobState::kParked);
  EXPECT_EQ(mailbox.state(JobKind::kWindow), JobState::kNone);
}

}  // namespace
}  // namespace mailhaul::scheduler
