#include "engine/pipeline/streamed_body.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "base/memory_budget.h"
#include "base/random.h"
#include "base/work_pool.h"
#include "connectors/net/virtual_loop.h"
#include "tests/pipeline/manual_committer.h"
#include "tests/store/mail_store_fixture.h"

namespace mailhaul::pipeline {
namespace {

constexpr size_t kPartsAhead = 4;

class StreamedBodyTest : public store::MailStoreFixture {
 protected:
  void SetUp() override {
    MailStoreFixture::SetUp();
    SetBudget(64 * kPartBytes);
  }
  void TearDown() override {
    loop_.RunDue();
    body_.reset();
    RunAll();
    EXPECT_EQ(budget_->bytes_taken(), 0U);
  }

  void SetBudget(size_t bytes) {
    budget_.emplace(bytes);
    context_ = std::unique_ptr<Context>(
        new Context{*store_, committer_, cpu_, cpu_, *budget_, loop_clock_, progress_});
  }
  void Start(std::optional<uint64_t> size) {
    loop_.Post([this, size] {
      body_ = StreamedBody::Start(*context_, WorkLane(cpu_, /*urgent=*/false), size);
    });
    loop_.RunDue();
  }
  // What has ended has a status.
  void Append(const std::string& bytes) {
    status_.reset();
    loop_.Post([this, &bytes] { tasks_.Spawn(AppendTask(bytes)); });
    loop_.RunDue();
  }
  void Finish() {
    status_.reset();
    loop_.Post([this] { tasks_.Spawn(FinishTask()); });
    loop_.RunDue();
  }
  net::Task<void> AppendTask(const std::string& bytes) {
    const std::shared_ptr<StreamedBody> body = body_;
    status_ = co_await body->Append(bytes);
  }
  net::Task<void> FinishTask() {
    const std::shared_ptr<StreamedBody> body = body_;
    status_ = co_await body->Finish();
  }
  void RunAll() {
    while (!committer_.operations.empty()) {
      committer_.RunOne();
      loop_.RunDue();
    }
  }
  bool has_ended() const { return status_.has_value(); }

  net::VirtualClock loop_clock_{WallTime(std::chrono::seconds(1'790'000'000))};
  net::VirtualLoop loop_{loop_clock_};
  ManualCommitter committer_;
  InlineWorkPool cpu_;
  Progress progress_;
  std::optional<MemoryBudget> budget_;
  std::unique_ptr<Context> context_;
  std::shared_ptr<StreamedBody> body_;
  std::optional<Status> status_;
  net::TaskGroup tasks_;
};

std::string Noise(size_t bytes) {
  std::string noise(bytes, '\0');
  SeededRandom random(bytes);
  random.Fill({reinterpret_cast<unsigned char*>(noise.data()), noise.size()});
  return noise;
}

TEST_F(StreamedBodyTest, ASessionRunsAheadOfABusyCommitter) {
  const std::string mail = Noise(kPartsAhead * kPartBytes + kPartBytes + 100);
  Start(mail.size());
  const std::string first = mail.substr(0, kPartsAhead * kPartBytes);
  Append(first);
  EXPECT_TRUE(has_ended());
  EXPECT_EQ(budget_->bytes_taken(), kPartsAhead * kPartBytes);
  const std::string rest = mail.substr(first.size());
  Append(rest);
  EXPECT_FALSE(has_ended());  // That is as far as it goes.
  committer_.RunOne();
  loop_.RunDue();
  EXPECT_TRUE(has_ended());
  Finish();
  EXPECT_FALSE(has_ended());
  RunAll();
  ASSERT_TRUE(has_ended() && status_->ok());
  std::string read(mail.size(), '\0');
  ASSERT_EQ(body_->source().ReadAt(0, read).value(), mail.size());
  EXPECT_TRUE(read == mail);
  EXPECT_TRUE(body_->finished().sha256 == store::ComputeSha256(mail));
}

TEST_F(StreamedBodyTest, WithoutMemoryOnePartWaitsForTheOneBefore) {
  SetBudget(kPartBytes);
  budget_->ForceTake(1);
  const std::string mail = Noise(2 * kPartBytes + 1);
  Start(std::nullopt);
  Append(mail);
  EXPECT_FALSE(has_ended());
  committer_.RunOne();  // It is begun: the first part may go.
  loop_.RunDue();
  EXPECT_FALSE(has_ended());
  committer_.RunOne();
  loop_.RunDue();
  EXPECT_TRUE(has_ended());
  Finish();
  RunAll();
  ASSERT_TRUE(has_ended() && status_->ok());
  EXPECT_EQ(body_->source().size(), mail.size());
  EXPECT_EQ(budget_->bytes_peak(), 1U);
  budget_->Give(1);
}

// As POP3 gives every message.
TEST_F(StreamedBodyTest, WhatIsSmallIsNotReadBack) {
  const std::string mail = "Subject: small\r\n\r\n" + Noise(1000);
  Start(std::nullopt);
  Append(mail);
  Finish();
  RunAll();
  ASSERT_TRUE(has_ended() && status_->ok());
  EXPECT_EQ(body_->source().Contiguous(), mail);
}

TEST_F(StreamedBodyTest, AFailureToBeginIsToldOnceItIsKnown) {
  files_.SetFreeBytes(0);
  const std::string part = Noise(kPartBytes);
  Start(3 * kPartBytes);
  Append(part);
  EXPECT_TRUE(has_ended() && status_->ok());
  RunAll();
  Append(part);
  ASSERT_TRUE(has_ended());
  EXPECT_EQ(status_->code(), Code::kDiskFull);
  Finish();
  RunAll();
  ASSERT_TRUE(has_ended());
  EXPECT_EQ(status_->code(), Code::kDiskFull);
}

TEST_F(StreamedBodyTest, DroppedOnTheWayItEndsByItself) {
  const std::string mail = Noise(3 * kPartBytes);
  Start(10 * kPartBytes);
  Append(mail);
  EXPECT_TRUE(has_ended());
  body_.reset();
  EXPECT_GT(budget_->bytes_taken(), 0U);
  RunAll();
  EXPECT_EQ(budget_->bytes_taken(), 0U);
}

}  // namespace
}  // namespace mailhaul::pipeline
