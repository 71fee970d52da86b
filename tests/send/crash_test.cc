// The process dies at every step between a request and its final state. A client that was not
// answered asks again with its key. Then: never sent twice, never lost, and uncertain only if the
// crash lay between the mark and the server's answer.
#include <cstdlib>

#include "tests/send/send_world.h"

namespace mailhaul::send {
namespace {

using store::Submission;
using store::SubmissionState;
using Filing = Submission::Filing;

constexpr uint64_t kRuns = 120;
constexpr uint64_t kRunsLong = 1200;

bool IsOver(const Submission& submission) {
  const bool files =
      submission.filing == Filing::kWanted || submission.filing == Filing::kAppending;
  return IsEnded(submission) && !files;
}

// Of an undisturbed run, from the request on.
uint64_t StepsOf(bool chunking) {
  SendWorld world;
  world.chunking = chunking;
  world.RunFor(std::chrono::seconds(1));
  const uint64_t before = world.loop.steps();
  const SubmissionId id = world.Submit("hello");
  EXPECT_TRUE(world.RunUntil([&] { return IsOver(world.Get(id)); }));
  return world.loop.steps() - before;
}

struct Tally {
  uint64_t uncertain = 0;
  uint64_t sent = 0;
};

void RunOnce(uint64_t seed, uint64_t crash_step, bool chunking, bool server_files, Tally* tally) {
  SCOPED_TRACE("seed " + std::to_string(seed) + " step " + std::to_string(crash_step));
  SendWorld world(seed);
  world.chunking = chunking;
  world.mailbox.files_copy = !server_files;
  world.RunFor(std::chrono::seconds(1));
  const store::NewSubmission request = world.RequestOf("hello");
  const uint64_t dies_at = world.loop.steps() + crash_step;
  world.AcceptLater(request);
  world.RunUntil([&] { return world.loop.steps() >= dies_at; }, std::chrono::minutes(1));
  std::optional<Submission> at_crash = world.FindOnly();
  world.Crash();
  if (server_files && !world.smtp.mails.empty()) {
    world.imap.Folder("alice", "Sent").Add(request.body, world.clock.WallNow());
  }
  world.Start();
  const std::optional<SubmissionId> id = world.Accept(request);
  ASSERT_TRUE(id.has_value());
  world.RunUntil([&] { return IsOver(world.Get(*id)); }, std::chrono::hours(24 * 3));
  EXPECT_LE(world.smtp.mails.size(), 1U) << "sent twice";
  Submission end = world.Get(*id);
  if (end.state == SubmissionState::kUncertain) {
    ++tally->uncertain;
    ASSERT_TRUE(at_crash.has_value());
    EXPECT_TRUE(at_crash->marked) << "uncertain outside the window";
    EXPECT_TRUE(!server_files || world.smtp.mails.empty()) << "it lies in Sent";
    if (!world.smtp.mails.empty()) {
      return;  // Its user can tell.
    }
    const WallTime now = world.clock.WallNow();
    world.Change(*id, [now](Submission& submission) {
      return Retry(submission, now, now + std::chrono::hours(1));
    });
    ASSERT_TRUE(world.RunUntil([&] { return IsOver(world.Get(*id)); }));
    end = world.Get(*id);
  }
  ++tally->sent;
  EXPECT_EQ(end.state, SubmissionState::kSent)
      << "lost: " << end.error_code << " " << end.error_detail;
  EXPECT_EQ(world.smtp.mails.size(), 1U);
  if (!server_files) {
    EXPECT_EQ(world.CopiesInSent(), 1U);
  }
  EXPECT_EQ(world.Messages().size(), 1U);
}

TEST(SendCrashTest, NeverTwiceNeverLostWhereverTheProcessDies) {
  const uint64_t runs = std::getenv("MAILHAUL_LONG") != nullptr ? kRunsLong : kRuns;
  const uint64_t steps[] = {StepsOf(false), StepsOf(true)};
  Tally tally;
  for (uint64_t run = 0; run < runs; ++run) {
    const bool chunking = run % 2 == 1;
    const bool server_files = run % 4 >= 2;
    // The runs of a kind are spread over all steps of its life.
    const uint64_t step = (run / 4) * steps[chunking ? 1 : 0] / (runs / 4);
    RunOnce(run + 1, step, chunking, server_files, &tally);
  }
  RecordProperty("uncertain", static_cast<int>(tally.uncertain));
  EXPECT_GT(tally.uncertain, 0U) << "the window was never hit";
  EXPECT_LT(tally.uncertain, runs / 4);
}

}  // namespace
}  // namespace mailhaul::send
