// Much new mail in one mailbox: its check goes slice by slice, and lets others go first in between.
#include <algorithm>

#include "engine/config/provider.h"
#include "tests/app/engine_fixture.h"

namespace mailhaul::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr size_t kMuch = 60;
constexpr size_t kBody = 1'100'000;  // More than is asked for at once: one command for each.
constexpr Duration kCommand = milliseconds(250);
constexpr Duration kAtOnce = kMuch * kCommand;  // Without slices.
constexpr Duration kSlice = seconds(5);
constexpr Duration kCheck = seconds(4);  // That finds one message.
static_assert(kSlice + kCheck < kAtOnce);

class CollectorSlicesTest : public EngineFixture {
 protected:
  CollectorSlicesTest() {
    config_.default_limits.connections = 1;
    config_.default_limits.logins_per_second = 50;
  }
  // All mailboxes are known, the server is slow, and the checks of a round have not begun.
  void StartSlowly() {
    Start();
    RunFor(minutes(1));
    server_.faults.delay_per_command = kCommand;
  }
  void AddMuch(const std::string& id) {
    for (size_t i = 0; i < kMuch; ++i) {
      AddMessage(id, std::to_string(i) + "\r\n\r\n" + std::string(kBody, 'x'));
    }
  }
  bool RunUntilFetching(const std::string& id) {
    return RunUntil([this, id] { return Messages(id) > 0; }, minutes(10));
  }
  const MailboxState& State(const std::string& id) { return *collector_->Find("acme", id); }
};

TEST_F(CollectorSlicesTest, MuchNewMailDelaysAnotherCheckByOneSlice) {
  AddMailbox("alice");
  AddMailbox("bob");
  StartSlowly();
  AddMuch("alice");
  AddMessage("bob", "new");
  ASSERT_TRUE(RunUntilFetching("alice"));
  EXPECT_EQ(Messages("bob"), 0U);  // It is due at the same time, and waits.
  EXPECT_TRUE(RunUntil([this] { return Messages("bob") == 1; }, kSlice + kCheck));
  EXPECT_LT(Messages("alice"), kMuch / 2);
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == kMuch; }, minutes(2)));
  EXPECT_EQ(server_.counters.bodies(), kMuch + 1);
}

TEST_F(CollectorSlicesTest, TheRestGoesOnAtOnceWithoutALogin) {
  AddMailbox("alice");
  StartSlowly();
  const uint64_t logins = server_.counters.logins;
  AddMuch("alice");
  ASSERT_TRUE(RunUntilFetching("alice"));
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == kMuch; }, 2 * kAtOnce));
  EXPECT_EQ(server_.counters.logins, logins + 1);
}

TEST_F(CollectorSlicesTest, TheRestOfASessionIsNotLookedForAgainAndTheNextCheckComesSooner) {
  AddMailbox("alice");
  StartSlowly();
  AddMuch("alice");
  ASSERT_TRUE(RunUntilFetching("alice"));
  const WallTime fetching = clock_.WallNow();
  const uint64_t lists = server_.counters.commands["LIST"];
  ASSERT_TRUE(RunUntil([this] { return Messages("alice") == kMuch; }, 2 * kAtOnce));
  EXPECT_EQ(server_.counters.commands["LIST"], lists);
  const WallTime due = State("alice").next_due.value();
  ASSERT_TRUE(RunUntil([&] { return State("alice").next_due.value() > due; }, seconds(10)));
  // What came since it looked has not been seen.
  EXPECT_LE(State("alice").last_complete, fetching);
  EXPECT_LE(State("alice").next_due.value(), fetching + minutes(5));
}

TEST_F(CollectorSlicesTest, ARefreshInBetweenLooksForMore) {
  AddMailbox("alice");
  StartSlowly();
  AddMuch("alice");
  ASSERT_TRUE(RunUntilFetching("alice"));
  AddMessage("alice", "late");
  loop_.Post([this] { EXPECT_TRUE(collector_->Refresh("acme", "alice")); });
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == kMuch + 1; }, 2 * kAtOnce));
}

// Slow to list, and much to fetch: each slice has its time to fetch.
TEST_F(CollectorSlicesTest, ACheckThatTakesLongToLookFetchesForAWholeSliceAllTheSame) {
  AddMailbox("alice");
  AddMailbox("bob");
  config_.tenants.front().freshness.normal = seconds(10);
  for (int i = 0; i < 40; ++i) {
    server_.Folder("alice", "Folder" + std::to_string(i)).uid_validity = 7;
  }
  StartSlowly();
  AddMuch("alice");
  ASSERT_TRUE(RunUntil([this] { return Messages("alice") == kMuch; }, minutes(4)));
}

TEST_F(CollectorSlicesTest, ACheckIsCompleteWithItsLastSliceAndAsLateAsItWasPromised) {
  AddMailbox("alice");
  StartSlowly();
  const WallTime complete = State("alice").last_complete;
  const WallTime due = State("alice").next_due.value();
  const uint64_t checks = collector_->scheduler().Tenant(0).checks;
  config_.tenants.front().freshness.normal = seconds(20);  // From the next check on.
  AddMuch("alice");
  const auto whole = [this] { return Messages("alice") == kMuch; };
  ASSERT_TRUE(RunUntilFetching("alice"));
  while (!whole()) {
    EXPECT_EQ(State("alice").last_complete, complete);
    EXPECT_LE(State("alice").next_due.value(), due + milliseconds(1));
    EXPECT_EQ(collector_->scheduler().Tenant(0).checks, checks);
    RunFor(seconds(1));
  }
  EXPECT_TRUE(RunUntil([&] { return State("alice").last_complete > complete; }, seconds(10)));
  EXPECT_TRUE(
      RunUntil([&] { return collector_->scheduler().Tenant(0).checks > checks; }, seconds(10)));
}

TEST_F(CollectorSlicesTest, AMailboxWithoutAnEndOfNewMailStarvesNobody) {
  for (const char* id : {"alice", "bob", "carol"}) {
    AddMailbox(id);
  }
  config_.tenants.front().freshness.normal = seconds(60);
  StartSlowly();
  server_.faults.delay_per_command = 4 * kCommand;
  constexpr size_t kRounds = 4;
  for (size_t round = 1; round <= kRounds; ++round) {
    AddMuch("alice");
    AddMessage("bob", "new");
    AddMessage("carol", "new");
    EXPECT_TRUE(
        RunUntil([this, round] { return Messages("bob") == round && Messages("carol") == round; },
                 seconds(60) + kSlice + 3 * 4 * kCheck))
        << round;
  }
  EXPECT_LT(Messages("alice"), kRounds * kMuch);
}

TEST_F(CollectorSlicesTest, ABatchRunFetchesAllOfIt) {
  AddMailbox("alice");
  Start(/*continuous=*/false);
  ASSERT_TRUE(RunUntil([this] { return over(); }, minutes(1)));
  server_.faults.delay_per_command = kCommand;
  AddMuch("alice");
  Start(/*continuous=*/false);
  ASSERT_TRUE(RunUntil([this] { return over(); }, minutes(5)));
  EXPECT_EQ(Messages("alice"), kMuch);
  EXPECT_EQ(collector_->summary().mailboxes_complete, 1U);
}

// One folder that the server does not open, beside much new mail in INBOX.
class CollectorRefusedFolderTest : public CollectorSlicesTest {
 protected:
  CollectorRefusedFolderTest() {
    AddMailbox("alice");
    server_.Folder("alice", "Broken").Add("Subject: a\r\n\r\ntext\r\n", clock_.WallNow());
  }
  void Break() {
    server_.Folder("alice", "Broken").Add("Subject: b\r\n\r\ntext\r\n", clock_.WallNow());
    server_.faults.refuse_folders.insert("Broken");
    AddMuch("alice");
  }
  bool RunUntilAllCame() {
    return RunUntil([this] { return Messages("alice") == kMuch + 1; }, 2 * kAtOnce);
  }
};

TEST_F(CollectorRefusedFolderTest, DoesNotEndTheSessionWithTheFirstSlice) {
  StartSlowly();
  const uint64_t logins = server_.counters.logins;
  Break();
  ASSERT_TRUE(RunUntil([this] { return Messages("alice") > 1; }, minutes(10)));
  EXPECT_TRUE(RunUntilAllCame());
  EXPECT_EQ(server_.counters.logins, logins + 1);
}

TEST_F(CollectorRefusedFolderTest, IsToldWhenTheRestIsThere) {
  StartSlowly();
  const WallTime complete = State("alice").last_complete;
  Break();
  ASSERT_TRUE(RunUntil([this] { return Messages("alice") > 1; }, minutes(10)));
  ASSERT_TRUE(RunUntil([this] { return !State("alice").last_error.ok(); }, 2 * kSlice));
  ASSERT_TRUE(RunUntilAllCame());
  RunFor(seconds(30));
  EXPECT_EQ(State("alice").phase, MailboxState::Phase::kFailing);
  EXPECT_EQ(State("alice").last_error.code(), Code::kServerRefused);
  EXPECT_EQ(State("alice").last_complete, complete);
  server_.faults.refuse_folders.clear();
  EXPECT_TRUE(RunUntil([this] { return State("alice").last_error.ok(); }, minutes(10)));
  EXPECT_EQ(Messages("alice"), kMuch + 2);
  EXPECT_GT(State("alice").last_complete, complete);
}

TEST_F(CollectorRefusedFolderTest, DoesNotEndABatchRunWithTheFirstSlice) {
  Start(/*continuous=*/false);
  ASSERT_TRUE(RunUntil([this] { return over(); }, minutes(1)));
  server_.faults.delay_per_command = kCommand;
  Break();
  Start(/*continuous=*/false);
  ASSERT_TRUE(RunUntil([this] { return over(); }, minutes(5)));
  EXPECT_EQ(Messages("alice"), kMuch + 1);
  EXPECT_EQ(collector_->summary().mailboxes_complete, 0U);
  ASSERT_EQ(collector_->summary().failures.size(), 1U);
  EXPECT_EQ(collector_->summary().failures.front().status.code(), Code::kServerRefused);
}

TEST_F(CollectorRefusedFolderTest, DoesNotEndTheFirstReadingEither) {
  server_.faults.refuse_folders.insert("Broken");
  server_.faults.delay_per_command = kCommand;
  AddMuch("alice");
  Start(/*continuous=*/false);
  ASSERT_TRUE(RunUntil([this] { return over(); }, minutes(5)));
  EXPECT_EQ(Messages("alice"), kMuch);
  EXPECT_EQ(collector_->summary().failures.size(), 1U);
}

TEST_F(CollectorSlicesTest, TheRestOnAHeldSessionIsNotLookedForAgain) {
  server_.options.capabilities.emplace_back("IDLE");
  AddMailbox("alice");
  StartSlowly();
  loop_.Post([this] { collector_->MarkActive("acme", "alice"); });
  ASSERT_TRUE(RunUntil([this] { return server_.counters.commands["IDLE"] > 0; }, minutes(2)));
  AddMuch("alice");
  ASSERT_TRUE(RunUntilFetching("alice"));
  const uint64_t lists = server_.counters.commands["LIST"];
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == kMuch; }, 2 * kAtOnce));
  EXPECT_EQ(server_.counters.commands["LIST"], lists);
}

// Its end came before it could be saved when the mailbox was complete.
TEST_F(CollectorSlicesTest, TheRestOfAWindowStageSeesWhatCameAfterThePop3SessionBegan) {
  AddPop3Mailbox("alice");
  Start();
  RunFor(minutes(1));
  Stop();
  store::MailboxRecord record = mail_->GetMailbox(State("alice").id).value();
  record.last_complete = {};
  ASSERT_TRUE(mail_->SaveMailboxCheck(record).ok());
  server_.faults.delay_per_command = kCommand;
  AddMuch("alice");
  Start();
  ASSERT_TRUE(RunUntilFetching("alice"));
  AddMessage("alice", "late");
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == kMuch + 1; }, minutes(2)));
}

TEST_F(CollectorSlicesTest, APop3SessionGoesOnWithWhatItShows) {
  pop3_.capabilities.emplace_back("LOGIN-DELAY 600");
  AddPop3Mailbox("alice");
  StartSlowly();
  const uint64_t logins = server_.counters.logins;
  AddMuch("alice");
  ASSERT_TRUE(RunUntil([this] { return Messages("alice") > 0; }, minutes(11)));
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == kMuch; }, minutes(3)));
  EXPECT_EQ(server_.counters.logins, logins + 1);
}

TEST_F(CollectorSlicesTest, ARefreshSeesWhatCameAfterThePop3SessionBegan) {
  AddPop3Mailbox("alice");
  StartSlowly();
  AddMuch("alice");
  ASSERT_TRUE(RunUntilFetching("alice"));
  AddMessage("alice", "late");
  loop_.Post([this] { EXPECT_TRUE(collector_->Refresh("acme", "alice")); });
  EXPECT_TRUE(RunUntil([this] { return Messages("alice") == kMuch + 1; }, minutes(3)));
}

}  // namespace
}  // namespace mailhaul::app
