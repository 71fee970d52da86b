#include "engine/search/index_thread.h"

#include <filesystem>
#include <future>

#include "tests/search/search_fixture.h"

namespace mailhaul::search {
namespace {

using std::chrono::milliseconds;

TEST(PacerTest, RestsFourTimesAsLongAsItWorkedWhileMailComesIn) {
  Pacer pacer;
  EXPECT_EQ(pacer.PauseAfter(milliseconds(10), 100), milliseconds(40));
  EXPECT_EQ(pacer.PauseAfter(milliseconds(10), 200), milliseconds(40));
  EXPECT_EQ(pacer.PauseAfter(std::chrono::minutes(1), 300), std::chrono::seconds(2));
}

TEST(PacerTest, DoesNotRestWhileNothingComesIn) {
  Pacer pacer;
  EXPECT_EQ(pacer.PauseAfter(milliseconds(10), 0), Duration::zero());
  EXPECT_EQ(pacer.PauseAfter(milliseconds(10), 4), Duration::zero());
  EXPECT_EQ(pacer.PauseAfter(milliseconds(10), 9), milliseconds(40));
  EXPECT_EQ(pacer.PauseAfter(milliseconds(10), 9), Duration::zero());
}

using IndexThreadTest = SearchFixture;

TEST_F(IndexThreadTest, IndexesByItselfAndOneTenantsFailureStopsNoOther) {
  Store({Mail(1, "apple", "x"), Mail(2, "apple", "y")});
  const TenantId other = store_->EnsureTenant("broken").value();
  const MailboxId mailbox = store_->EnsureMailbox(other, "b", "b@broken.example").value();
  std::filesystem::create_directories(PathOf({.shard = mailbox.shard(), .tenant = other}));
  std::promise<void> indexed;
  bool told = false;
  {
    // Asked after each step, on the thread.
    IndexThread thread(*indexer_, *store_, clock_, {"unknown", "broken", "acme"}, [&] {
      if (!told && indexer_->IndexedTo(tenant_).has_value()) {
        told = true;
        indexed.set_value();
      }
      return uint64_t{0};
    });
    indexed.get_future().wait();
    EXPECT_EQ(Find("apple"), (Seconds{2, 1}));
    EXPECT_EQ(indexer_->IndexedTo(other), std::nullopt);
  }
}

TEST_F(IndexThreadTest, DeletesOnItsThreadWhatMayBeOpen) {
  Store({Mail(1, "apple", "x")});
  std::promise<void> indexed;
  std::promise<void> deleted;
  bool told = false;
  {
    IndexThread thread(*indexer_, *store_, clock_, {"acme"}, [&] {
      if (!told && indexer_->IndexedTo(tenant_).has_value()) {
        told = true;
        indexed.set_value();
      }
      return uint64_t{0};
    });
    indexed.get_future().wait();
    EXPECT_EQ(Find("apple"), Seconds{1});
    thread.RemoveTenant("acme");
    thread.Delete(IndexOf(mailbox_));
  }
  EXPECT_FALSE(std::filesystem::exists(PathOf(IndexOf(mailbox_))));
  EXPECT_EQ(indexer_->IndexedTo(tenant_), std::nullopt);
  EXPECT_EQ(indexer_->ReadTo(tenant_, mailbox_.shard()), 0U);
  EXPECT_EQ(Find("apple"), Seconds());
}

}  // namespace
}  // namespace mailhaul::search
