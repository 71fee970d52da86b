// `verify --online` beside a running server: on its sessions, within its limits.
#include "engine/app/verify_runs.h"

#include "tests/app/engine_fixture.h"

namespace mailhaul::app {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class VerifyRunsTest : public EngineFixture {
 protected:
  VerifyRunsTest() {
    on_prepared_ = [this] { runs_ = std::make_unique<VerifyRuns>(*collector_, context(), loop_); };
  }
  ~VerifyRunsTest() override {
    if (collector_ != nullptr && !over()) {
      Stop();
    }
  }

  VerifyAnswer Ask(std::string_view question, const std::string& about) {
    std::optional<std::string> text;
    loop_.Post([&] { text = runs_->Answer(std::string(question) + about); });
    EXPECT_TRUE(loop_.RunUntil([&] { return text.has_value(); }));
    Result<VerifyAnswer> parsed = ParseVerifyAnswer(text.value_or(""));
    EXPECT_TRUE(parsed.ok());
    return parsed.ok() ? std::move(parsed).value() : VerifyAnswer();
  }
  // All findings by mailbox, asked for every second.
  std::map<std::string, MailboxFinding> Verify(const std::string& mailbox = "",
                                               Duration limit = minutes(5)) {
    std::map<std::string, MailboxFinding> found;
    const TimePoint end = clock_.Now() + limit;
    VerifyAnswer answer = Ask(kVerifyBegin, mailbox);
    EXPECT_EQ(answer.problem, "");
    while (true) {
      for (MailboxFinding& finding : answer.findings) {
        std::string name = finding.mailbox;
        EXPECT_TRUE(found.emplace(name, std::move(finding)).second) << name << " is told twice";
      }
      if (answer.over() || !answer.problem.empty() || clock_.Now() > end) {
        EXPECT_TRUE(answer.over()) << answer.problem;
        return found;
      }
      RunFor(seconds(1));
      answer = Ask(kVerifyNext, answer.run);
    }
  }
  bool AwaitAll(uint64_t messages) {
    return RunUntil(
        [this, messages] {
          for (const config::MailboxConfig& mailbox : config_.tenants.front().mailboxes) {
            if (Messages(mailbox.id) != messages) {
              return false;
            }
          }
          return true;
        },
        minutes(2));
  }

  std::unique_ptr<VerifyRuns> runs_;
};

TEST_F(VerifyRunsTest, EveryMailboxIsComparedOnceAndOnItsOwnConnection) {
  for (int i = 0; i < 150; ++i) {
    const std::string id = "box" + std::to_string(i);
    AddMailbox(id);
    AddMessage(id, "one");
  }
  Start();
  ASSERT_TRUE(AwaitAll(1));
  RunFor(seconds(10));
  const uint64_t logins = server_.counters.logins;
  const std::map<std::string, MailboxFinding> found = Verify();
  EXPECT_EQ(found.size(), 150U);
  for (const auto& [name, finding] : found) {
    EXPECT_TRUE(finding.IsRight()) << name << ": " << finding.detail;
    EXPECT_EQ(finding.found.counts.held, 1U) << name;
  }
  EXPECT_EQ(server_.counters.logins - logins, 150U) << "one login for the look and the check";
  EXPECT_LE(server_.counters.connections_open_max, 10U);
  EXPECT_EQ(server_.counters.WritingCommands(), std::vector<std::string>());
}

TEST_F(VerifyRunsTest, WhatCameSinceIsPendingAndCollectedByTheSameSession) {
  AddMailbox("alice");
  AddMessage("alice", "one");
  Start();
  ASSERT_TRUE(AwaitAll(1));
  RunFor(seconds(10));
  AddMessage("alice", "two");
  const uint64_t logins = server_.counters.logins;
  const std::map<std::string, MailboxFinding> found = Verify("acme/alice");
  ASSERT_TRUE(found.contains("acme/alice"));
  EXPECT_EQ(found.at("acme/alice").found.counts,
            (pipeline::LedgerCounts{.listed = 2, .held = 1, .pending = 1}));
  EXPECT_TRUE(AwaitAll(2));
  EXPECT_EQ(server_.counters.logins - logins, 1U);
  RunFor(minutes(3));
  EXPECT_EQ(server_.counters.logins - logins, 1U) << "no check beside those that are due";
  RunFor(minutes(2));
  EXPECT_EQ(server_.counters.logins - logins, 2U);
}

TEST_F(VerifyRunsTest, AMissingMessageIsFoundThoughChecksDoNotSeeIt) {
  AddMailbox("alice");
  AddMessage("alice", "one");
  Start();
  ASSERT_TRUE(AwaitAll(1));
  RunFor(seconds(10));
  const MailboxId id = collector_->Find("acme", "alice")->id;
  store::FolderRecord inbox = mail_->ListFolders(id).value().front();
  AddMessage("alice", "lost");
  inbox.uid_next = 3;
  ASSERT_TRUE(mail_->SaveFolder(id, inbox).ok());
  const std::map<std::string, MailboxFinding> found = Verify();
  EXPECT_FALSE(found.at("acme/alice").IsRight());
  EXPECT_EQ(found.at("acme/alice").found.told.front().missing_uids, "2");
}

TEST_F(VerifyRunsTest, TheSessionOfAnActiveMailboxGivesWayAndIsHeldAgain) {
  server_.options.capabilities.emplace_back("IDLE");
  AddMailbox("alice");
  AddMessage("alice", "one");
  Start();
  ASSERT_TRUE(AwaitAll(1));
  loop_.Post([this] { collector_->MarkActive("acme", "alice"); });
  const auto holds = [this] { return server_.idlers.size() == 1; };
  ASSERT_TRUE(RunUntil(holds, minutes(1)));
  server_.counters.connections_open_max = 1;
  EXPECT_TRUE(Verify().at("acme/alice").IsRight());
  EXPECT_EQ(server_.counters.connections_open_max, 1U) << "one connection at a time";
  EXPECT_TRUE(RunUntil(holds, seconds(5)));
}

TEST_F(VerifyRunsTest, APop3MailboxIsComparedWithinItsOneSession) {
  AddPop3Mailbox("alice");
  for (const char* subject : {"one", "two", "three"}) {
    AddMessage("alice", subject);
  }
  Start();
  ASSERT_TRUE(AwaitAll(3));
  RunFor(seconds(10));
  server_.Folder("alice").Expunge(2);
  AddMessage("alice", "four");
  EXPECT_EQ(Verify().at("acme/alice").found.counts,
            (pipeline::LedgerCounts{.listed = 3, .held = 2, .pending = 1, .stale = 1}));
  EXPECT_TRUE(AwaitAll(4));
}

TEST_F(VerifyRunsTest, ThePauseThatAServerWantsBetweenLoginsIsKept) {
  pop3_.capabilities.emplace_back("LOGIN-DELAY 600");
  AddPop3Mailbox("alice");
  AddMessage("alice", "one");
  Start();
  ASSERT_TRUE(AwaitAll(1));
  RunFor(seconds(10));
  const TimePoint begin = clock_.Now();
  EXPECT_TRUE(Verify("", minutes(15)).at("acme/alice").IsRight());
  EXPECT_GT(clock_.Now() - begin, minutes(9));
  EXPECT_EQ(server_.counters.logins, 2U);
}

TEST_F(VerifyRunsTest, AMailboxThatFailsTellsWhyAtOnce) {
  AddMailbox("alice");
  AddMailbox("bob");
  AddMessage("alice", "one");
  config_.tenants.front().mailboxes.back().source.password = Secret("wrong-password");
  Start();
  ASSERT_TRUE(RunUntil([this] { return Messages("alice") == 1; }, minutes(1)));
  RunFor(seconds(10));
  const std::map<std::string, MailboxFinding> found = Verify("", seconds(30));
  EXPECT_TRUE(found.at("acme/alice").IsRight());
  EXPECT_FALSE(found.at("acme/bob").IsRight());
  EXPECT_NE(found.at("acme/bob").detail.find("login"), std::string::npos)
      << found.at("acme/bob").detail;
  EXPECT_EQ(found.at("acme/bob").detail.find("wrong-password"), std::string::npos);
}

TEST_F(VerifyRunsTest, AMailboxWhoseChecksFailForOneFolderIsComparedAllTheSame) {
  AddMailbox("alice");
  AddMessage("alice", "one");
  server_.Folder("alice", "Work").uid_validity = 3;
  server_.Folder("alice", "Work").Add("Subject: x\r\n\r\n", clock_.WallNow());
  server_.faults.refuse_folders = {"Work"};
  Start();
  ASSERT_TRUE(AwaitAll(1));
  RunFor(seconds(20));
  ASSERT_FALSE(collector_->Find("acme", "alice")->last_error.ok());
  const MailboxFinding found = Verify().at("acme/alice");
  EXPECT_EQ(found.code, "ok");
  EXPECT_EQ(found.found.folders_failed, 1U);
  EXPECT_EQ(found.found.counts.held, 1U);
}

TEST_F(VerifyRunsTest, AServerThatBreaksDownMeanwhileIsAFailureOfTheMailbox) {
  AddMailbox("alice");
  AddMessage("alice", "one");
  Start();
  ASSERT_TRUE(AwaitAll(1));
  RunFor(seconds(10));
  server_.faults.search = "* ESEARCH UID ALL 1:4294967295";
  const MailboxFinding found = Verify().at("acme/alice");
  EXPECT_EQ(found.code, "protocol_error");
  server_.faults.search.clear();
  RunFor(minutes(2));
  EXPECT_TRUE(Verify().at("acme/alice").IsRight());
}

TEST_F(VerifyRunsTest, OneRunAtATimeAndWhoeverAsksNoMoreIsForgotten) {
  for (int i = 0; i < 300; ++i) {
    AddMailbox("box" + std::to_string(i));
  }
  Start();
  RunFor(minutes(2));
  const VerifyAnswer first = Ask(kVerifyBegin, "");
  EXPECT_EQ(first.mailboxes, 300U);
  EXPECT_NE(Ask(kVerifyBegin, "").problem, "");
  EXPECT_NE(Ask(kVerifyNext, "0").problem, "");
  EXPECT_EQ(Ask(kVerifyNext, first.run).problem, "");
  const uint64_t logins = server_.counters.logins;
  RunFor(minutes(2));
  EXPECT_LT(server_.counters.logins, logins + 300) << "what nobody fetches is not looked for";
  const VerifyAnswer second = Ask(kVerifyBegin, "");
  EXPECT_EQ(second.problem, "");
  EXPECT_NE(Ask(kVerifyNext, first.run).problem, "");
  EXPECT_EQ(Ask(kVerifyEnd, second.run).problem, "");
  EXPECT_EQ(Verify().size(), 300U);
}

TEST_F(VerifyRunsTest, WhatIsNotCollectedIsNotComparedEither) {
  AddMailbox("alice");
  Start();
  RunFor(seconds(10));
  for (const char* name : {"acme/bob", "acme", "/", "other/alice", "acme/alice/x"}) {
    const VerifyAnswer answer = Ask(kVerifyBegin, name);
    EXPECT_TRUE(answer.unknown_mailbox) << name;
    EXPECT_NE(answer.problem, "") << name;
  }
  EXPECT_FALSE(runs_->Answer("verify").has_value());
  EXPECT_FALSE(runs_->Answer("pools").has_value());
  EXPECT_EQ(Verify().size(), 1U);
}

TEST_F(VerifyRunsTest, AMailboxThatGoesMeanwhileIsToldOf) {
  AddMailbox("alice");
  Start();
  RunFor(seconds(10));
  server_.faults.silent = true;
  const VerifyAnswer begun = Ask(kVerifyBegin, "");
  RunFor(seconds(5));
  loop_.Post([this] { collector_->RemoveTenant("acme"); });
  VerifyAnswer answer;
  for (int i = 0; i < 180 && answer.findings.empty(); ++i) {
    RunFor(seconds(1));
    answer = Ask(kVerifyNext, begun.run);
  }
  ASSERT_EQ(answer.findings.size(), 1U);
  EXPECT_EQ(answer.findings.front().code, "not_found");
}

}  // namespace
}  // namespace mailhaul::app
