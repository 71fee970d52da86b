#include "engine/pipeline/committer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "tests/store/mail_store_fixture.h"

namespace mailhaul::pipeline {
namespace {

// Between two commits so much time passes that only what is tested ends it.
class ThreadCommitterTest : public store::MailStoreFixture {
 protected:
  void SetUp() override {
    MailStoreFixture::SetUp();
    Onboard();
    committer_.emplace(*store_, std::chrono::hours(24));
    ASSERT_TRUE(Commit(1, "the first, which waits for nothing").get().ok());
  }

  std::future<Status> Commit(Uid uid, const std::string& name, size_t body_bytes = 0) {
    auto batch = std::make_unique<store::IngestBatch>(BatchOf({store::MessageOf(uid, name)}));
    if (body_bytes != 0) {
      store::IngestMessage& message = batch->messages.front();
      message.body.resize(body_bytes, 'x');
      message.size = message.body.size();
      message.sha256 = store::ComputeSha256(message.body);
    }
    auto done = std::make_shared<std::promise<Status>>();
    std::future<Status> future = done->get_future();
    committer_->Commit(std::move(batch), [done](store::IngestBatch& committed) {
      done->set_value(committed.status);
    });
    return future;
  }
  void RunNothing() {
    std::promise<void> ran;
    committer_->Run([&ran] { ran.set_value(); });
    ran.get_future().get();
  }
  static bool IsReady(const std::future<Status>& future) {
    return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

  std::optional<ThreadCommitter> committer_;
};

TEST_F(ThreadCommitterTest, WhatNobodyWaitsForRestsAndOperationsDoNot) {
  const std::future<Status> second = Commit(2, "two");
  RunNothing();
  RunNothing();
  EXPECT_FALSE(IsReady(second));
}

TEST_F(ThreadCommitterTest, SomebodyWaits) {
  std::future<Status> second = Commit(2, "two");
  std::future<Status> third = Commit(3, "three");
  committer_->Hurry();
  EXPECT_TRUE(second.get().ok());
  EXPECT_TRUE(third.get().ok());
  committer_->Hurry();  // For nothing: what comes next rests.
  const std::future<Status> fourth = Commit(4, "four");
  RunNothing();
  EXPECT_FALSE(IsReady(fourth));
}

TEST_F(ThreadCommitterTest, OperationsWithoutEndDoNotHoldUpWhatIsDue) {
  ThreadCommitter& committer = *committer_;
  std::atomic<bool> over = false;
  std::function<void()> again = [&] {
    if (!over) {
      committer.Run(again);
    }
  };
  committer.Run(again);
  std::future<Status> second = Commit(2, "two");
  committer_->Hurry();
  EXPECT_TRUE(second.get().ok());
  over = true;
  committer_.reset();  // The last of them refers to this frame.
}

TEST_F(ThreadCommitterTest, MuchDoesNotRest) {
  std::future<Status> second = Commit(2, "two");
  std::future<Status> third = Commit(3, "three", size_t{5} << 20);
  EXPECT_TRUE(second.get().ok());
  EXPECT_TRUE(third.get().ok());
}

TEST_F(ThreadCommitterTest, WhatRunsBesideWaitsForNoOperationAndKeepsItsOrder) {
  std::promise<void> last;
  std::promise<void> waited;
  committer_->Run([&] {
    last.get_future().get();
    waited.set_value();
  });
  std::string order;
  for (const char c : std::string("abc")) {
    committer_->RunBeside([&order, c] { order += c; });
  }
  committer_->RunBeside([&last] { last.set_value(); });
  waited.get_future().get();
  EXPECT_EQ(order, "abc");
}

TEST_F(ThreadCommitterTest, ItsEndCommitsWhatRests) {
  std::future<Status> second = Commit(2, "two");
  committer_.reset();
  ASSERT_TRUE(IsReady(second));
  EXPECT_TRUE(second.get().ok());
}

}  // namespace
}  // namespace mailhaul::pipeline
