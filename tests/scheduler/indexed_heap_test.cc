#include "scheduler/indexed_heap.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace mailhaul::scheduler {
namespace {

using Model = std::map<uint32_t, int>;  // Key by id.

std::pair<int, uint32_t> LeastOf(const Model& model) {
  std::pair<int, uint32_t> least{INT32_MAX, 0};
  for (const auto& [id, key] : model) {
    least = std::min(least, {key, id});
  }
  return least;
}

TEST(IndexedHeapTest, AgreesWithAMapUnderRandomPutsAndRemoves) {
  constexpr uint32_t kIds = 60;
  SeededRandom random(7);
  IndexedHeap<int> heap;
  Positions positions(kIds, kAbsent);
  Model model;
  for (int step = 0; step < 20'000; ++step) {
    const auto id = static_cast<uint32_t>(random.Below(kIds));
    if (random.Chance(3, 5)) {
      const int key = static_cast<int>(random.Below(20));
      heap.Put(id, key, positions);
      model[id] = key;
    } else {
      heap.RemoveIfPresent(id, positions);
      model.erase(id);
    }
    ASSERT_EQ(heap.size(), model.size());
    if (!model.empty()) {
      ASSERT_EQ(std::pair(heap.top_key(), heap.top_id()), LeastOf(model));
    }
  }
}

TEST(IndexedHeapTest, EqualKeysComeOutById) {
  IndexedHeap<int> heap;
  Positions positions(5, kAbsent);
  for (const uint32_t id : {3U, 1U, 4U, 0U, 2U}) {
    heap.Push(id, 9, positions);
  }
  for (uint32_t id = 0; id < 5; ++id) {
    EXPECT_EQ(heap.top_id(), id);
    heap.Remove(id, positions);
    EXPECT_EQ(positions[id], kAbsent);
  }
  EXPECT_TRUE(heap.empty());
}

}  // namespace
}  // namespace mailhaul::scheduler
