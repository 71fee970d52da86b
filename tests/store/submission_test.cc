// How a submission's state may change.
#include "store/submission.h"

#include <gtest/gtest.h>

namespace mailhaul::store {
namespace {

using State = SubmissionState;
using Kind = AttemptOutcome::Kind;
using RecipientState = SubmissionRecipient::State;

WallTime At(int64_t milliseconds) { return WallTime(std::chrono::milliseconds(milliseconds)); }

Submission Queued(size_t recipients = 1) {
  Submission submission;
  submission.from = "a@x.example";
  for (size_t i = 0; i < recipients; ++i) {
    SubmissionRecipient recipient;
    recipient.address = "r" + std::to_string(i) + "@y.example";
    submission.recipients.push_back(std::move(recipient));
  }
  submission.deadline = At(1000);
  return submission;
}

Submission Sending(size_t recipients = 1) {
  Submission submission = Queued(recipients);
  EXPECT_TRUE(BeginAttempt(submission, At(1)).ok());
  return submission;
}

RecipientReply Accepted() {
  return {.accepted = true, .permanent = false, .code = 250, .text = ""};
}
RecipientReply Refused() {
  return {.recipient = 0, .accepted = false, .permanent = true, .code = 550, .text = "no"};
}
RecipientReply Later() {
  return {.recipient = 0, .accepted = false, .permanent = false, .code = 450, .text = "later"};
}

// Of the recipients that have no final answer yet, in order.
std::vector<RecipientReply> Numbered(const Submission& submission,
                                     std::vector<RecipientReply> replies) {
  size_t next = 0;
  for (size_t i = 0; i < submission.recipients.size() && next < replies.size(); ++i) {
    const RecipientState state = submission.recipients[i].state;
    if (state == RecipientState::kPending || state == RecipientState::kInDoubt) {
      replies[next++].recipient = i;
    }
  }
  return replies;
}

Status Mark(Submission& submission, std::vector<RecipientReply> replies) {
  return MarkEndOfData(submission, Numbered(submission, std::move(replies)));
}

Submission Finished(Submission submission, Kind kind, std::vector<RecipientReply> replies) {
  AttemptOutcome outcome;
  outcome.kind = kind;
  outcome.recipients = Numbered(submission, std::move(replies));
  outcome.retry_at = At(50);
  outcome.file_copy = true;
  const Status status = FinishAttempt(submission, outcome, At(5));
  EXPECT_TRUE(status.ok()) << status.ToString();
  return submission;
}

TEST(SubmissionTest, SentWhenAllWereAccepted) {
  const Submission sent = Finished(Sending(), Kind::kSent, {Accepted()});
  EXPECT_EQ(sent.state, State::kSent);
  EXPECT_EQ(sent.filing, Submission::Filing::kWanted);
  EXPECT_EQ(NextStep(sent)->kind, SubmissionStep::Kind::kFile);
}

TEST(SubmissionTest, OnlyTheTemporarilyRefusedAreTriedAgain) {
  Submission queued = Finished(Sending(3), Kind::kSent, {Accepted(), Refused(), Later()});
  EXPECT_EQ(queued.state, State::kQueued);
  EXPECT_EQ(queued.next_at, At(50));
  EXPECT_EQ(queued.recipients[0].state, RecipientState::kAccepted);
  EXPECT_EQ(queued.recipients[1].state, RecipientState::kRefused);
  EXPECT_EQ(queued.recipients[2].state, RecipientState::kPending);
  ASSERT_TRUE(BeginAttempt(queued, At(50)).ok());
  const Submission sent = Finished(queued, Kind::kRefused, {Refused()});
  EXPECT_EQ(sent.state, State::kSent) << "one was accepted";
  EXPECT_EQ(sent.recipients[0].state, RecipientState::kAccepted);
}

TEST(SubmissionTest, FailedWhenAllWereRefusedOrTimeIsOver) {
  EXPECT_EQ(Finished(Sending(2), Kind::kRefused, {Refused(), Refused()}).state, State::kFailed);
  EXPECT_EQ(Finished(Sending(), Kind::kRefused, {}).state, State::kFailed);
  Submission late = Sending();
  late.deadline = At(40);
  EXPECT_EQ(Finished(late, Kind::kTemporary, {}).state, State::kFailed);
}

TEST(SubmissionTest, TheMarkDecidesWhatACrashMeans) {
  Submission unmarked = Sending();
  ASSERT_TRUE(AbandonAttempt(unmarked, At(9)).ok());
  EXPECT_EQ(unmarked.state, State::kQueued);

  Submission marked = Sending(3);
  ASSERT_TRUE(Mark(marked, {Accepted(), Refused(), Later()}).ok());
  EXPECT_FALSE(Mark(marked, {}).ok());
  ASSERT_TRUE(AbandonAttempt(marked, At(9)).ok());
  EXPECT_EQ(marked.state, State::kUncertain);
  EXPECT_EQ(marked.recipients[0].state, RecipientState::kInDoubt);
  EXPECT_EQ(marked.recipients[1].state, RecipientState::kRefused);
  EXPECT_EQ(marked.recipients[2].state, RecipientState::kPending);

  ASSERT_TRUE(SettleAsSent(marked, At(10)).ok());
  EXPECT_EQ(marked.state, State::kQueued) << "the third is still to be tried";
  EXPECT_EQ(marked.recipients[0].state, RecipientState::kAccepted);
}

TEST(SubmissionTest, ARefusalOfTheEndOfDataIsAnAnswer) {
  Submission marked = Sending(2);
  ASSERT_TRUE(Mark(marked, {Accepted(), Refused()}).ok());
  Submission again = Finished(marked, Kind::kTemporary, {});
  EXPECT_EQ(again.state, State::kQueued);
  EXPECT_FALSE(again.marked);
  EXPECT_EQ(again.recipients[0].state, RecipientState::kPending);
  EXPECT_EQ(again.recipients[1].state, RecipientState::kRefused);
  EXPECT_EQ(Finished(marked, Kind::kRefused, {}).state, State::kFailed);
}

TEST(SubmissionTest, UncertainStaysSoUntilTheUserSaysWhat) {
  Submission submission = Sending();
  ASSERT_TRUE(Mark(submission, {Accepted()}).ok());
  submission = Finished(submission, Kind::kUnknown, {Accepted()});
  EXPECT_EQ(submission.state, State::kUncertain);
  for (uint32_t look = 0; look < kSettleAttemptsMax; ++look) {
    ASSERT_EQ(NextStep(submission)->kind, SubmissionStep::Kind::kSettle);
    ASSERT_TRUE(NoteNotFound(submission, At(100 * (look + 1))).ok());
    EXPECT_EQ(submission.state, State::kUncertain);
  }
  EXPECT_FALSE(NextStep(submission).has_value());
  EXPECT_FALSE(BeginAttempt(submission, At(2000)).ok());

  Submission retried = submission;
  ASSERT_TRUE(Retry(retried, At(2000), At(9000)).ok());
  EXPECT_EQ(retried.state, State::kQueued);
  EXPECT_EQ(retried.recipients[0].state, RecipientState::kPending);
  ASSERT_TRUE(Cancel(submission, At(2000)).ok());
  EXPECT_EQ(submission.state, State::kCanceled);
}

TEST(SubmissionTest, FoundInSentProvesNothingOnceAPartIsSent) {
  Submission submission = Finished(Sending(2), Kind::kSent, {Accepted(), Later()});
  submission.filing = Submission::Filing::kDone;
  ASSERT_TRUE(BeginAttempt(submission, At(50)).ok());
  ASSERT_TRUE(Mark(submission, {Accepted()}).ok());
  ASSERT_TRUE(AbandonAttempt(submission, At(60)).ok());
  EXPECT_EQ(submission.state, State::kUncertain);
  EXPECT_FALSE(NextStep(submission).has_value());
}

TEST(SubmissionTest, CancelWorksWhileQueuedOnly) {
  Submission queued = Queued();
  EXPECT_TRUE(Cancel(queued, At(1)).ok());
  EXPECT_EQ(NextStep(queued)->kind, SubmissionStep::Kind::kForget);
  Submission sending = Sending();
  EXPECT_EQ(Cancel(sending, At(1)).code(), Code::kConflict);
  Submission sent = Finished(Sending(), Kind::kSent, {Accepted()});
  EXPECT_EQ(Cancel(sent, At(1)).code(), Code::kConflict);
  EXPECT_EQ(Retry(sent, At(1), At(2)).code(), Code::kConflict);
}

TEST(SubmissionTest, FilingIsGivenUpInTheEnd) {
  Submission sent = Finished(Sending(), Kind::kSent, {Accepted()});
  for (uint32_t i = 0; i < kFilingAttemptsMax; ++i) {
    ASSERT_TRUE(BeginFiling(sent).ok());
    ASSERT_TRUE(FailFiling(sent, /*unknown=*/true, /*final=*/false, At(100)).ok());
  }
  EXPECT_EQ(sent.filing, Submission::Filing::kGivenUp);
  EXPECT_FALSE(BeginFiling(sent).ok());
  EXPECT_EQ(NextStep(sent)->kind, SubmissionStep::Kind::kForget);
}

TEST(SubmissionTest, AnAppendInDoubtStaysSoWhateverFailsNext) {
  Submission sent = Finished(Sending(), Kind::kSent, {Accepted()});
  ASSERT_TRUE(BeginFiling(sent).ok());
  ASSERT_TRUE(FailFiling(sent, /*unknown=*/true, /*final=*/false, At(100)).ok());
  ASSERT_TRUE(FailFiling(sent, /*unknown=*/false, /*final=*/false, At(200)).ok());
  EXPECT_EQ(sent.filing, Submission::Filing::kAppending) << "Sent is searched before another";
}

TEST(SubmissionTest, TheLargestRecordFitsAValue) {
  Submission submission = Queued(kSubmissionRecipientsMax);
  for (SubmissionRecipient& recipient : submission.recipients) {
    recipient.address = std::string(320, 'a');
    recipient.text = std::string(kSubmissionReplyBytesMax, 't');
  }
  submission.subject = submission.error_detail = std::string(kSubmissionTextBytesMax, 's');
  submission.key.emplace();
  const std::string record = EncodeSubmission(submission);
  EXPECT_LT(record.size(), size_t{64} << 10);
  const Result<Submission> read = DecodeSubmission({7}, record);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(EncodeSubmission(*read), record);
  for (size_t size = 0; size < record.size(); size += 97) {
    EXPECT_FALSE(DecodeSubmission({7}, record.substr(0, size)).ok());
  }
}

}  // namespace
}  // namespace mailhaul::store
