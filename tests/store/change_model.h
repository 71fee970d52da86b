// All that a tenant's change log ever told, kept outside the store.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "store/mail_store.h"

namespace mailhaul::store {

// Of a tenant in one shard, whose log is trimmed only after it was looked at.
class ChangeModel final {
 public:
  // Whoever has read some of the log gets exactly the rest, or is told that some of it is gone.
  void Compare(const MailStore& store, TenantId tenant, ShardId shard, Random& random) {
    const uint64_t dropped = store.StartOfChanges(tenant)->Last(shard);
    ChangePosition position;
    position.Set(shard, std::max(log_.empty() ? 0 : log_.back().sequence, dropped));
    const ChangePage news = store.ListChanges(tenant, position, kAll).value();
    log_.insert(log_.end(), news.changes.begin(), news.changes.end());
    const uint64_t read = log_.empty() ? 0 : random.Below(log_.back().sequence + 1);
    position.Set(shard, read);
    const Result<ChangePage> page = store.ListChanges(tenant, position, kAll);
    if (read < dropped) {
      EXPECT_EQ(page.status().code(), Code::kNotFound);
      return;
    }
    ASSERT_TRUE(page.ok()) << page.status().ToString();
    const auto next = std::find_if(log_.begin(), log_.end(),
                                   [read](const Change& one) { return one.sequence > read; });
    const auto is_same = [](const Change& a, const Change& b) {
      return a.sequence == b.sequence && a.entry.type == b.entry.type &&
             a.entry.message == b.entry.message;
    };
    const auto count = std::min(log_.end() - next, std::ptrdiff_t{kAll});
    EXPECT_TRUE(
        std::equal(next, next + count, page->changes.begin(), page->changes.end(), is_same));
  }

 private:
  static constexpr size_t kAll = 1000;

  std::vector<Change> log_;
};

}  // namespace mailhaul::store
