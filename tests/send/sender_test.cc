// What is accepted is sent, once, filed once, tried again when that can help, and never too fast.
#include "engine/send/sender.h"

#include "tests/send/send_world.h"

namespace mailhaul::send {
namespace {

using store::Submission;
using store::SubmissionState;
using Filing = Submission::Filing;
using RecipientState = store::SubmissionRecipient::State;

TEST(SenderTest, SendsFilesAndShowsTheMessage) {
  SendWorld world;
  const store::NewSubmission request = world.RequestOf("hello");
  const SubmissionId id = world.Accept(request).value();
  ASSERT_TRUE(world.RunUntil([&] { return world.Get(id).filing == Filing::kDone; }));
  const Submission sent = world.Get(id);
  EXPECT_EQ(sent.state, SubmissionState::kSent);
  EXPECT_EQ(sent.attempts, 1U);
  EXPECT_EQ(sent.recipients[0].state, RecipientState::kAccepted);
  EXPECT_EQ(sent.recipients[0].code, 250);
  ASSERT_EQ(world.smtp.mails.size(), 1U);
  EXPECT_EQ(world.smtp.mails[0].data, request.body);
  EXPECT_EQ(world.smtp.mails[0].recipients, request.recipients);
  ASSERT_EQ(world.CopiesInSent(), 1U);
  EXPECT_EQ(*world.imap.Folder("alice", "Sent").messages()[0].raw, request.body);
  ASSERT_EQ(world.Messages().size(), 1U);
  EXPECT_EQ(world.Messages()[0].id, sent.placement);
  EXPECT_EQ(world.Messages()[0].content.subject, "hello");
}

TEST(SenderTest, ManyGoOverOneConnection) {
  SendWorld world;
  std::vector<SubmissionId> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(world.Submit("m" + std::to_string(i)));
  }
  for (const SubmissionId id : ids) {
    ASSERT_TRUE(world.RunUntil([&] { return world.Get(id).filing == Filing::kDone; }));
  }
  EXPECT_EQ(world.smtp.mails.size(), 20U);
  EXPECT_EQ(world.CopiesInSent(), 20U);
  EXPECT_LT(world.smtp.counters.connections, 5U);
}

TEST(SenderTest, WaitsForItsTime) {
  SendWorld world;
  store::NewSubmission request = world.RequestOf("later");
  request.send_at = world.clock.WallNow() + std::chrono::hours(2);
  const SubmissionId id = world.Accept(request).value();
  world.RunFor(std::chrono::minutes(119));
  EXPECT_EQ(world.Get(id).state, SubmissionState::kQueued);
  EXPECT_EQ(world.smtp.counters.connections, 0U);
  world.RunFor(std::chrono::minutes(2));
  EXPECT_EQ(world.Get(id).state, SubmissionState::kSent);
}

TEST(SenderTest, ACanceledOneIsNotSent) {
  SendWorld world;
  store::NewSubmission request = world.RequestOf("later");
  request.send_at = world.clock.WallNow() + std::chrono::hours(2);
  const SubmissionId id = world.Accept(request).value();
  const WallTime now = world.clock.WallNow();
  world.Change(id, [now](Submission& submission) { return Cancel(submission, now); });
  world.RunFor(std::chrono::hours(3));
  EXPECT_EQ(world.Get(id).state, SubmissionState::kCanceled);
  EXPECT_EQ(world.smtp.counters.connections, 0U);
}

TEST(SenderTest, TriesTemporaryRefusalsAgainAndPermanentOnesNever) {
  SendWorld world;
  world.smtp.script.answers["MAIL"] = "451 4.7.1 greylisted";
  world.smtp.script.answers_max = 3;
  const SubmissionId id = world.Submit("patience");
  ASSERT_TRUE(world.RunUntilState(id, SubmissionState::kSent));
  EXPECT_EQ(world.Get(id).attempts, 4U);
  EXPECT_EQ(world.smtp.mails.size(), 1U);

  world.smtp.script.answers = {{".", "554 5.7.1 not this one"}};
  world.smtp.script.answers_max = 100;
  const SubmissionId refused = world.Submit("spam");
  ASSERT_TRUE(world.RunUntilState(refused, SubmissionState::kFailed));
  EXPECT_EQ(world.Get(refused).attempts, 1U);
  EXPECT_EQ(world.Get(refused).recipients[0].code, 554);
  EXPECT_EQ(world.Get(refused).filing, Filing::kNone);
  EXPECT_EQ(world.smtp.mails.size(), 1U);
  EXPECT_EQ(world.CopiesInSent(), 1U);
}

TEST(SenderTest, GivesUpAtTheDeadline) {
  SendWorld world;
  world.smtp_down = true;
  const SubmissionId id = world.Submit("nobody");
  ASSERT_TRUE(world.RunUntilState(id, SubmissionState::kFailed));
  EXPECT_LE(world.clock.WallNow(), world.Get(id).deadline);
  EXPECT_EQ(world.Get(id).error_code, "unreachable");
  EXPECT_GT(world.Get(id).attempts, 100U) << "about once an hour in five days";
  EXPECT_LT(world.Get(id).attempts, 300U);
}

TEST(SenderTest, OnlyTheRecipientsThatWereNotAcceptedAreTriedAgain) {
  SendWorld world;
  world.smtp.script.recipient_answers = {{"never@x.example", "550 5.1.1 no such user"},
                                         {"later@x.example", "450 4.2.1 mailbox busy"}};
  const SubmissionId id =
      world.Submit("three", {"now@x.example", "never@x.example", "later@x.example"});
  ASSERT_TRUE(world.RunUntil([&] { return world.Get(id).filing == Filing::kDone; }));
  Submission submission = world.Get(id);
  EXPECT_EQ(submission.state, SubmissionState::kQueued);
  EXPECT_EQ(submission.recipients[0].state, RecipientState::kAccepted);
  EXPECT_EQ(submission.recipients[1].state, RecipientState::kRefused);
  EXPECT_EQ(submission.recipients[1].code, 550);
  EXPECT_EQ(submission.recipients[2].code, 450);
  world.smtp.script.recipient_answers.clear();
  ASSERT_TRUE(world.RunUntilState(id, SubmissionState::kSent));
  ASSERT_EQ(world.smtp.mails.size(), 2U);
  EXPECT_EQ(world.smtp.mails[0].recipients, std::vector<std::string>{"now@x.example"});
  EXPECT_EQ(world.smtp.mails[1].recipients, std::vector<std::string>{"later@x.example"});
  EXPECT_EQ(world.CopiesInSent(), 1U);
  EXPECT_EQ(world.Messages().size(), 1U);
}

TEST(SenderTest, ALostAnswerIsSettledBySentOrByTheUser) {
  SendWorld world;
  world.smtp.script.lose_answer_after_end = true;
  const SubmissionId id = world.Submit("doubt");
  ASSERT_TRUE(world.RunUntilState(id, SubmissionState::kUncertain));
  world.RunFor(std::chrono::hours(24 * 9));
  EXPECT_EQ(world.Get(id).state, SubmissionState::kUncertain) << "not found proves nothing";
  EXPECT_EQ(world.Get(id).settle_attempts, store::kSettleAttemptsMax);
  EXPECT_EQ(world.smtp.mails.size(), 1U) << "and nothing is sent blindly";
  EXPECT_TRUE(world.Messages().empty());

  const SubmissionId filed = world.Submit("filed");
  ASSERT_TRUE(world.RunUntilState(filed, SubmissionState::kUncertain));
  world.imap.Folder("alice", "Sent").Add(world.RequestOf("filed").body, world.clock.WallNow());
  ASSERT_TRUE(world.RunUntilState(filed, SubmissionState::kSent));
  EXPECT_EQ(world.smtp.mails.size(), 2U);
  EXPECT_EQ(world.CopiesInSent(), 1U) << "no copy beside the one that is there";
  EXPECT_EQ(world.Messages().size(), 1U);

  world.smtp.script.lose_answer_after_end = false;
  const WallTime now = world.clock.WallNow();
  world.Change(id, [now](Submission& submission) {
    return Retry(submission, now, now + std::chrono::hours(1));
  });
  ASSERT_TRUE(world.RunUntilState(id, SubmissionState::kSent));
  EXPECT_EQ(world.smtp.mails.size(), 3U);
}

TEST(SenderTest, SentIsSearchedBeforeAnAppendOfUnknownOutcomeIsRepeated) {
  SendWorld world;
  world.imap.faults.append_cut = 1;  // Stored, but not confirmed.
  const SubmissionId id = world.Submit("filed");
  ASSERT_TRUE(world.RunUntil([&] { return world.Get(id).filing_attempts > 0; }));
  world.imap.faults.append_cut = std::numeric_limits<size_t>::max();
  ASSERT_TRUE(world.RunUntil([&] { return world.Get(id).filing == Filing::kDone; }));
  EXPECT_EQ(world.CopiesInSent(), 1U);
}

TEST(SenderTest, NoCopyIsMadeWhereTheServerFilesItself) {
  SendWorld world;
  world.mailbox.files_copy = false;
  const SubmissionId id = world.Submit("filed");
  ASSERT_TRUE(world.RunUntilState(id, SubmissionState::kSent));
  world.RunFor(std::chrono::hours(24));
  EXPECT_EQ(world.Get(id).filing, Filing::kNone);
  EXPECT_EQ(world.imap.counters.connections, 0U);
}

TEST(SenderTest, AMissingFolderIsCreatedIfThatIsOurs) {
  SendWorld world;
  world.imap.Find("alice")->folders.erase("Sent");
  world.mailbox.creates_folder = true;
  const SubmissionId id = world.Submit("filed");
  ASSERT_TRUE(world.RunUntil([&] { return world.Get(id).filing == Filing::kDone; }));
  EXPECT_EQ(world.CopiesInSent(), 1U);
}

TEST(SenderTest, WithoutAFolderTheCopyIsGivenUpInTheEnd) {
  SendWorld world;
  world.imap.Find("alice")->folders.erase("Sent");
  const SubmissionId id = world.Submit("filed");
  ASSERT_TRUE(world.RunUntil([&] { return world.Get(id).filing == Filing::kGivenUp; }));
  EXPECT_EQ(world.Get(id).state, SubmissionState::kSent);
}

TEST(SenderTest, KeepsToTheRates) {
  SendWorld world;
  world.mailbox.per_minute = 3;
  for (int i = 0; i < 10; ++i) {
    world.Submit("m" + std::to_string(i));
  }
  world.RunFor(std::chrono::seconds(50));
  EXPECT_EQ(world.smtp.mails.size(), 3U);
  world.RunFor(std::chrono::seconds(60));
  EXPECT_EQ(world.smtp.mails.size(), 6U);
  world.mailbox.per_minute = 0;
  world.mailbox.tenant_per_minute = 2;
  world.RunFor(std::chrono::seconds(60));
  EXPECT_LE(world.smtp.mails.size(), 8U);
  ASSERT_TRUE(world.RunUntil([&] { return world.smtp.mails.size() == 10; }));
}

TEST(SenderTest, WhatHasEndedIsForgottenAfterItsTime) {
  SendWorld world;
  const SubmissionId id = world.Submit("old");
  ASSERT_TRUE(world.RunUntil([&] { return world.Get(id).filing == Filing::kDone; }));
  world.RunFor(store::kSubmissionKept + std::chrono::hours(1));
  const std::optional<SubmissionId> again = world.Accept(world.RequestOf("old"));
  ASSERT_TRUE(again.has_value());
  EXPECT_NE(*again, id) << "its key is forgotten too";
  EXPECT_EQ(world.Messages().size(), 1U);
}

}  // namespace
}  // namespace mailhaul::send
