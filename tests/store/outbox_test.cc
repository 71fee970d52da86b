// The outbox in the store: what is accepted is durable, a key means one submission, crashes at
// every commit, and the placement that the source's copy takes over.
#include "store/outbox.h"

#include "base/random.h"
#include "store/key_layout.h"
#include "tests/store/follow_fixture.h"

namespace mailhaul::store {
namespace {

using State = SubmissionState;

std::string ContentWith(const std::string& message_id) {
  MessageContent content;
  content.message_id = message_id;
  return EncodeContent(content);
}

class OutboxTest : public FollowFixture {
 protected:
  void SetUp() override {
    FollowFixture::SetUp();
    sent_ = store_->EnsureFolder(mailbox_, "Sent", "sent").value();
  }

  NewSubmission RequestOf(const std::string& body, const std::string& key = "") const {
    NewSubmission request;
    request.mailbox = mailbox_;
    request.from = "alice@acme.example";
    request.recipients = {"bob@else.example"};
    request.body = body;
    request.sha256 = ComputeSha256(body);
    request.message_id = "<" + body + "@acme.example>";
    request.deadline = At(1'000'000);
    request.idempotency_key = key;
    request.fingerprint = ComputeSha256(body);
    return request;
  }
  Submission Accept(const std::string& body, const std::string& key = "") {
    const Result<AcceptedSubmission> accepted = Outbox(*store_).Accept(RequestOf(body, key));
    EXPECT_TRUE(accepted.ok()) << accepted.status().ToString();
    return accepted.ok() ? accepted->submission : Submission();
  }
  SentCopy Copy() const {
    SentCopy copy;
    copy.folder = sent_;
    copy.date = At(5000);
    copy.content = ContentWith("copy@acme.example");
    return copy;
  }
  Submission Send(SubmissionId id) {
    const SentCopy copy = Copy();
    const Result<Submission> sent = Outbox(*store_).Update(id, SendIt, &copy);
    EXPECT_TRUE(sent.ok()) << sent.status().ToString();
    return sent.ok() ? *sent : Submission();
  }
  std::vector<DueSubmission> Due(int64_t until = 1'000'000) const {
    return Outbox(*store_).ListDue(At(until), {}, 100)->items;
  }
  void PutRow(const std::string& key, const std::string& value) {
    Batch batch;
    batch.shard = mailbox_.shard();
    batch.Put(key, value);
    Outcome outcome;
    records_.Commit({&batch, 1}, {&outcome, 1});
    ASSERT_EQ(outcome.kind, Outcome::Kind::kDone);
  }
  size_t SubmissionChanges() const {
    size_t count = 0;
    const ChangePage page = store_->ListChanges(tenant_, {}, 1000).value();
    for (const Change& change : page.changes) {
      count += change.entry.type == ChangeEntry::Type::kSubmissionUpdated ? 1 : 0;
    }
    return count;
  }

  FolderId sent_ = 0;
};

TEST_F(OutboxTest, WhatIsAcceptedSurvivesARestartWithItsBytes) {
  const SubmissionId id = Accept("hello").id;
  Reopen();
  const Result<Submission> read = Outbox(*store_).Get(id);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->state, State::kQueued);
  EXPECT_EQ(read->recipients.at(0).address, "bob@else.example");
  EXPECT_EQ(ReadAll(**Outbox(*store_).OpenRaw(*read)), "hello");
  ASSERT_EQ(Due().size(), 1U);
  EXPECT_EQ(Due()[0].id, id);
  EXPECT_EQ(Due()[0].mailbox, mailbox_);
  EXPECT_EQ(SubmissionChanges(), 1U);
}

TEST_F(OutboxTest, AKeyMeansOneSubmission) {
  const SubmissionId id = Accept("hello", "k1").id;
  Result<AcceptedSubmission> again = Outbox(*store_).Accept(RequestOf("hello", "k1"));
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->submission.id, id);
  EXPECT_EQ(Outbox(*store_).Accept(RequestOf("other", "k1")).status().code(), Code::kAlreadyExists);
  EXPECT_NE(Accept("hello", "k2").id, id);
  Send(id);
  Reopen();
  again = Outbox(*store_).Accept(RequestOf("hello", "k1"));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->submission.state, State::kSent);
}

TEST_F(OutboxTest, AFailedChangeWritesNothing) {
  const SubmissionId id = Accept("hello").id;
  const uint64_t commits = records_.commits();
  const auto change = [](Submission& submission) { return MarkEndOfData(submission, {}); };
  EXPECT_EQ(Outbox(*store_).Update(id, change).status().code(), Code::kConflict);
  EXPECT_EQ(records_.commits(), commits);
  EXPECT_EQ(Outbox(*store_).Update({id.value + 5}, change).status().code(), Code::kNotFound);
}

TEST_F(OutboxTest, DueStepsComeInOrderAndTellWhenTheNextIs) {
  NewSubmission later = RequestOf("later");
  later.send_at = At(9000);
  later.deadline = At(90'000);
  const SubmissionId second = Outbox(*store_).Accept(later)->submission.id;
  const SubmissionId first = Accept("now").id;
  const Outbox::DuePage page = *Outbox(*store_).ListDue(At(100), {}, 10);
  ASSERT_EQ(page.items.size(), 1U);
  EXPECT_EQ(page.items[0].id, first);
  EXPECT_EQ(page.next, At(9000));
  EXPECT_FALSE(page.after);
  const Outbox::DuePage one = *Outbox(*store_).ListDue(At(10'000), {}, 1);
  ASSERT_TRUE(one.after);
  EXPECT_EQ(one.items.at(0).id, first);
  const Outbox::DuePage two = *Outbox(*store_).ListDue(At(10'000), one.after, 1);
  EXPECT_EQ(two.items.at(0).id, second);
  ASSERT_TRUE(two.after);
  EXPECT_TRUE(Outbox(*store_).ListDue(At(10'000), two.after, 1)->items.empty());
  EXPECT_EQ(Due().at(1).id, second);
  ASSERT_TRUE(Outbox(*store_).Update(second, [](Submission& s) { return Cancel(s, At(1)); }).ok());
  EXPECT_EQ(Due().size(), 1U);
}

TEST_F(OutboxTest, ADamagedStepIsToldOfAndHoldsUpNoOther) {
  const Submission first = Accept("first");
  const SubmissionId second = Accept("second").id;
  const std::string key = DueKey(first.id.shard(), NextStep(first)->at, first.id);
  const std::string whole = *records_.Get(key).value();
  PutRow(key, "torn");
  const Outbox::DuePage page = *Outbox(*store_).ListDue(At(100), {}, 10);
  EXPECT_EQ(page.damage.code(), Code::kCorrupt);
  ASSERT_EQ(page.items.size(), 1U);
  EXPECT_EQ(page.items[0].id, second);
  const Outbox::DuePage one = *Outbox(*store_).ListDue(At(100), {}, 1);
  EXPECT_TRUE(one.items.empty());
  ASSERT_TRUE(one.after);
  EXPECT_EQ(Outbox(*store_).ListDue(At(100), one.after, 1)->items.at(0).id, second);
  PutRow(key, whole);
}

TEST_F(OutboxTest, AnEarlierSubmissionIsFoundByItsKey) {
  const Submission known = Accept("hello", "k");
  const Outbox outbox(*store_);
  const Sha256 fingerprint = ComputeSha256("hello");
  EXPECT_EQ(outbox.FindByKey(mailbox_, "k", fingerprint).value()->id, known.id);
  EXPECT_FALSE(outbox.FindByKey(mailbox_, "other", fingerprint).value());
  EXPECT_EQ(outbox.FindByKey(mailbox_, "k", ComputeSha256("bye")).status().code(),
            Code::kAlreadyExists);
}

TEST_F(OutboxTest, ListsNewestFirstWithFiltersAndCursor) {
  std::vector<SubmissionId> ids;
  for (int i = 0; i < 7; ++i) {
    ids.push_back(Accept("m" + std::to_string(i)).id);
  }
  Send(ids[2]);
  SubmissionQuery query;
  query.tenant = tenant_;
  query.limit = 3;
  std::vector<SubmissionId> seen;
  for (bool more = true; more;) {
    const SubmissionPage page = *Outbox(*store_).List(query);
    for (const Submission& item : page.items) {
      seen.push_back(item.id);
    }
    more = page.more;
    query.cursor_date = page.next_date;
    query.cursor_id = page.next_id;
  }
  EXPECT_EQ(seen, std::vector<SubmissionId>(ids.rbegin(), ids.rend()));
  SubmissionQuery sent;
  sent.tenant = tenant_;
  sent.state = State::kSent;
  ASSERT_EQ(Outbox(*store_).List(sent)->items.size(), 1U);
  EXPECT_EQ(Outbox(*store_).List(sent)->items[0].id, ids[2]);
  sent.tenant = store_->EnsureTenant("other").value();
  EXPECT_TRUE(Outbox(*store_).List(sent)->items.empty());
}

TEST_F(OutboxTest, AfterARestoreNothingIsSentAgainByItself) {
  const SubmissionId queued = Accept("queued").id;
  const SubmissionId sent = Accept("sent").id;
  const SentCopy copy = Copy();
  const auto send = [](Submission& submission) {
    MH_RETURN_IF_ERROR(SendIt(submission));
    submission.filing = Submission::Filing::kWanted;
    return Status::Ok();
  };
  ASSERT_TRUE(Outbox(*store_).Update(sent, send, &copy).ok());
  ASSERT_TRUE(Outbox(*store_).DoubtAllAfterRestore(At(5000)).ok());
  const Submission doubted = Outbox(*store_).Get(queued).value();
  EXPECT_EQ(doubted.state, SubmissionState::kUncertain);
  EXPECT_EQ(doubted.recipients[0].state, SubmissionRecipient::State::kInDoubt);
  const Submission kept = Outbox(*store_).Get(sent).value();
  EXPECT_EQ(kept.state, SubmissionState::kSent);
  EXPECT_EQ(kept.filing, Submission::Filing::kAppending) << "Sent is searched before an APPEND";
  for (const DueSubmission& due : Due()) {
    EXPECT_NE(due.step.kind, SubmissionStep::Kind::kSend);
  }
}

TEST_F(OutboxTest, AnEndedOneIsForgottenWithItsKey) {
  const SubmissionId id = Accept("hello", "k1").id;
  EXPECT_EQ(Outbox(*store_).Forget(id).code(), Code::kConflict);
  Send(id);
  ASSERT_EQ(Due(INT64_MAX / 2).size(), 1U);
  ASSERT_TRUE(Outbox(*store_).Forget(id).ok());
  EXPECT_EQ(Outbox(*store_).Get(id).status().code(), Code::kNotFound);
  EXPECT_TRUE(Due(INT64_MAX / 2).empty());
  EXPECT_EQ(RawOf(Only("hello")), "hello") << "the placement keeps the bytes";
  EXPECT_FALSE(Outbox(*store_).Accept(RequestOf("hello", "k1"))->repeated);
}

TEST_F(OutboxTest, TheSourcesCopyTakesTheSentMessageOver) {
  const Submission sent = Send(Accept("hello").id);
  const StoredMessage local = Only("hello");
  EXPECT_EQ(local.id, sent.placement);
  EXPECT_TRUE(local.local);
  EXPECT_EQ(local.folder, sent_);
  EXPECT_EQ(store_->RemoveGone(mailbox_, 100).value(), 0U);
  AppendTo(sent_, {KnownMessage(7, "hello", 1)}, 1, /*relink_gone=*/true);
  const StoredMessage bound = Only("hello");
  EXPECT_EQ(bound.id, sent.placement);
  EXPECT_FALSE(bound.local);
  EXPECT_FALSE(bound.gone);
  EXPECT_EQ(bound.uid, 7U);
  Vanish(1, 10);
  UidSet uids;
  uids.Add(7);
  ASSERT_TRUE(store_
                  ->ApplySync({.mailbox = mailbox_,
                               .folder = sent_,
                               .uid_validity = 1,
                               .flags = {},
                               .vanished = uids})
                  .ok());
  EXPECT_EQ(store_->RemoveGone(mailbox_, 100).value(), 1U) << "no longer local";
}

TEST_F(OutboxTest, ACopyThatTheServerChangedIsKnownByItsMessageId) {
  const Submission sent = Send(Accept("hello").id);
  IngestMessage copy = KnownMessage(7, "Received: by server\r\nhello", 1);
  copy.content = ContentWith("hello@acme.example");
  IngestMessage fake = copy;
  AppendTo(inbox_, {fake}, 1, /*relink_gone=*/true);
  EXPECT_EQ(ListMailbox().size(), 2U) << "not from the inbox";
  copy.body = "Received: by another\r\nhello";
  copy.size = copy.body.size();
  copy.sha256 = ComputeSha256(copy.body);
  copy.identity = IdentityOf(copy.body);
  AppendTo(sent_, {copy}, 1, /*relink_gone=*/true);
  EXPECT_EQ(ListMailbox().size(), 2U);
  const StoredMessage bound = Only(copy.body);
  EXPECT_EQ(bound.id, sent.placement);
  EXPECT_EQ(RawOf(bound), copy.body);
}

// Clients that bring their own Message-ID may bring it twice.
TEST_F(OutboxTest, TwoSentMessagesOfOneMessageIdGetACopyEach) {
  NewSubmission first = RequestOf("one");
  NewSubmission second = RequestOf("two");
  second.message_id = first.message_id;
  Send(Outbox(*store_).Accept(first)->submission.id);
  Send(Outbox(*store_).Accept(second)->submission.id);
  for (const Uid uid : {Uid{7}, Uid{8}}) {
    IngestMessage copy = KnownMessage(uid, "changed by the server " + std::to_string(uid), 1);
    copy.content = ContentWith("one@acme.example");
    AppendTo(sent_, {copy}, 1, /*relink_gone=*/true);
  }
  EXPECT_EQ(ListMailbox().size(), 2U);
  for (const StoredMessage& message : ListMailbox()) {
    EXPECT_FALSE(message.gone);
  }
}

// The steps of a submission's life; stops at the first that fails.
TEST_F(OutboxTest, ACrashAtAnyCommitLeavesOneOfTheTwoStates) {
  const std::vector<std::function<Status(Submission&)>> steps = {
      [](Submission& s) { return BeginAttempt(s, At(1)); },
      [](Submission& s) {
        return MarkEndOfData(
            s, {{.recipient = 0, .accepted = true, .permanent = false, .code = 250, .text = ""}});
      },
      [](Submission& s) {
        AttemptOutcome outcome;
        outcome.kind = AttemptOutcome::Kind::kSent;
        outcome.file_copy = true;
        return FinishAttempt(s, outcome, At(3));
      },
      [](Submission& s) { return BeginFiling(s); },
      [](Submission& s) { return FinishFiling(s); },
  };
  const std::vector<State> states = {State::kQueued, State::kSending, State::kSending,
                                     State::kSent,   State::kSent,    State::kSent};
  for (uint64_t commit = 0; commit <= steps.size() + 1; ++commit) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      const std::string body = "b" + std::to_string(commit) + "-" + std::to_string(seed);
      records_.FreezeAfter(commit);
      const SentCopy copy = Copy();
      const Result<AcceptedSubmission> accepted = Outbox(*store_).Accept(RequestOf(body, body));
      ASSERT_EQ(accepted.ok(), commit > 0);
      size_t done = 0;
      for (const auto& step : steps) {
        if (!accepted.ok() || !Outbox(*store_).Update(accepted->submission.id, step, &copy).ok()) {
          break;
        }
        ++done;
      }
      records_.Freeze();
      store_.reset();
      blobs_.reset();
      SeededRandom random(seed);
      files_.DropUnsynced(random);
      records_.Thaw();
      Reopen();
      // The client asks again with its key: it is there exactly if it was told so.
      const Result<AcceptedSubmission> again = Outbox(*store_).Accept(RequestOf(body, body));
      ASSERT_TRUE(again.ok());
      EXPECT_EQ(again->repeated, commit > 0);
      const Submission now = *Outbox(*store_).Get(again->submission.id);
      EXPECT_EQ(now.state, states[done]);
      EXPECT_EQ(now.marked, done == 2);
      EXPECT_EQ(now.placement.value != 0, done >= 3);
      EXPECT_EQ(ReadAll(**Outbox(*store_).OpenRaw(now)), body);
      ExpectSound();
    }
  }
}

}  // namespace
}  // namespace mailhaul::store
