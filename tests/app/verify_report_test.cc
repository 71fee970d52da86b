// What `verify --online` tells, and what it makes of a running server's answers.
#include "engine/app/verify_report.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "engine/app/verify_answer.h"

namespace mailhaul::app {
namespace {

using State = pipeline::FolderInspection::State;

pipeline::FolderInspection Folder(const std::string& name, const pipeline::LedgerCounts& counts,
                                  State state = State::kCompared) {
  pipeline::FolderInspection folder;
  folder.name = name;
  folder.state = state;
  folder.counts = counts;
  return folder;
}

MailboxFinding Finding(const std::string& name,
                       const std::vector<pipeline::FolderInspection>& folders) {
  MailboxFinding finding;
  finding.mailbox = name;
  for (const pipeline::FolderInspection& folder : folders) {
    ++finding.found.folders;
    finding.found.folders_failed += folder.state == State::kFailed ? 1 : 0;
    finding.found.counts.Add(folder.counts);
    finding.found.told.push_back(folder);
  }
  return finding;
}

const pipeline::LedgerCounts kEqual{.listed = 3, .held = 3};

MailboxFinding WithMissing() {
  pipeline::FolderInspection folder = Folder("Work", {.listed = 9, .held = 7, .missing = 2});
  folder.missing_uids = "5,9";
  return Finding("acme/bob", {folder, Folder("INBOX", kEqual)});
}

boost::json::object Parsed(const VerifyReport& report) {
  return boost::json::parse(report.AsJson()).as_object();
}

TEST(VerifyReportTest, WhatIsRightIsOneLine) {
  VerifyReport report({});
  report.Add(Finding("acme/alice", {Folder("INBOX", kEqual)}));
  EXPECT_TRUE(report.right());
  EXPECT_EQ(report.AsText({}),
            "1 of 1 mailbox is right; 1 folder, 3 messages at the sources: 3 held\n");
  EXPECT_EQ(Parsed(report).at("folders").as_array().size(), 0U);
  EXPECT_TRUE(Parsed(report).at("right").as_bool());
}

TEST(VerifyReportTest, OfOneMailboxEveryFolderIsListed) {
  VerifyReport report({.equal_folders = true});
  report.Add(WithMissing());
  const std::string text = report.AsText({.columns = 120});
  EXPECT_NE(text.find("INBOX"), std::string::npos) << text;
  EXPECT_EQ(Parsed(report).at("folders").as_array().size(), 2U);
}

TEST(VerifyReportTest, MissingMessagesAreWrongAndNamed) {
  VerifyReport report({});
  report.Add(WithMissing());
  report.Add(Finding("acme/alice", {Folder("INBOX", kEqual)}));
  EXPECT_FALSE(report.right());
  EXPECT_FALSE(report.damaged());
  const std::string text = report.AsText({.columns = 120});
  EXPECT_NE(text.find("missing UIDs 5,9"), std::string::npos) << text;
  EXPECT_NE(text.find("1 of 2 mailboxes are right, 1 not"), std::string::npos) << text;
  EXPECT_EQ(text.find("INBOX"), std::string::npos) << text;
  const boost::json::object object = Parsed(report);
  EXPECT_EQ(object.at("mailboxes").at("wrong").to_number<int>(), 1);
  EXPECT_EQ(object.at("messages").at("missing").to_number<int>(), 2);
  EXPECT_EQ(object.at("folders").at(0).at("missing_uids").as_string(), "5,9");
}

TEST(VerifyReportTest, DifferencesThatChecksSettleAreRight) {
  VerifyReport report({});
  report.Add(
      Finding("acme/alice", {Folder("New", {.listed = 2, .pending = 2}, State::kNew),
                             Folder("Old", {.stale = 4}, State::kUnlisted),
                             Folder("INBOX", {.listed = 3, .unknown = 3}, State::kRenumbered)}));
  EXPECT_TRUE(report.right());
  const std::string text = report.AsText({.columns = 120});
  EXPECT_NE(text.find("numbered anew"), std::string::npos) << text;
  EXPECT_NE(text.find("4 messages held that the sources list no longer"), std::string::npos)
      << text;
}

TEST(VerifyReportTest, RefusedFoldersAndMailboxesAreNotRight) {
  VerifyReport report({});
  pipeline::FolderInspection refused = Folder("Odd", {}, State::kFailed);
  refused.problem = "EXAMINE refused:\x1b[2J no";
  report.Add(Finding("acme/alice", {refused}));
  report.Add(FailedFinding("acme/bob", Status(Code::kAuthFailed, "refused\x1b[2J")));
  EXPECT_FALSE(report.right());
  EXPECT_FALSE(report.damaged());
  const std::string text = report.AsText({.columns = 120});
  EXPECT_NE(text.find("failed acme/bob: auth_failed: refused"), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << "nothing of a server reaches the terminal raw";
  EXPECT_EQ(Parsed(report).at("failures").at(0).at("code").as_string(), "auth_failed");
  report.Add(FailedFinding("acme/carol", Status(Code::kCorrupt, "key x")));
  EXPECT_TRUE(report.damaged());
}

TEST(VerifyReportTest, IsSortedByMailboxAndKeepsTheOrderOfFolders) {
  VerifyReport report({.equal_folders = true});
  for (const char* mailbox : {"acme/b", "acme/a"}) {
    report.Add(Finding(mailbox, {Folder("Z", kEqual), Folder("A", kEqual)}));
  }
  report.Sort();
  std::string order;
  const boost::json::object parsed = Parsed(report);
  for (const boost::json::value& folder : parsed.at("folders").as_array()) {
    order += std::string(folder.at("mailbox").as_string()) + ":" +
             std::string(folder.at("folder").as_string()) + " ";
  }
  EXPECT_EQ(order, "acme/a:Z acme/a:A acme/b:Z acme/b:A ");
}

TEST(VerifyReportTest, WhatIsListedIsBounded) {
  VerifyReport report({});
  for (size_t i = 0; i < kDifferencesToldMax + 5; ++i) {
    report.Add(
        Finding("acme/" + std::to_string(i), {Folder("INBOX", {.listed = 1, .pending = 1})}));
    report.Add(FailedFinding("acme/x" + std::to_string(i), Status(Code::kTimeout, "t")));
  }
  const boost::json::object object = Parsed(report);
  EXPECT_EQ(object.at("folders").as_array().size(), kDifferencesToldMax);
  EXPECT_EQ(object.at("folders_left_out").to_number<int>(), 5);
  EXPECT_EQ(object.at("failures").as_array().size(), kFailuresToldMax);
  EXPECT_EQ(object.at("failures_left_out").to_number<int>(), 5);
  EXPECT_NE(report.AsText({}).find("and 5 more failed\n"), std::string::npos);
  // What is wrong is listed, however late it is found.
  report.Add(Finding("acme/late", {Folder("INBOX", {.listed = 1, .missing = 1})}));
  EXPECT_NE(report.AsText({}).find("acme/late"), std::string::npos);
  EXPECT_EQ(Parsed(report).at("folders_left_out").to_number<int>(), 6);
}

TEST(VerifyReportTest, AnInterruptedOneIsNotRight) {
  VerifyReport report({});
  report.SetInterrupted();
  EXPECT_FALSE(report.right());
  EXPECT_NE(report.AsText({}).find("interrupted"), std::string::npos);
}

TEST(VerifyAnswerTest, ComesBackAsItWas) {
  VerifyAnswer answer;
  answer.run = "0123";
  answer.mailboxes = 9;
  answer.done = 2;
  answer.findings = {WithMissing(), FailedFinding("acme/x", Status(Code::kBusy, "a \"b\"\n"))};
  answer.findings.front().found.told.front().state = State::kFailed;
  answer.findings.front().found.told.front().problem = "no";
  const Result<VerifyAnswer> back = ParseVerifyAnswer(ToJson(answer));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(ToJson(*back), ToJson(answer));
  EXPECT_EQ(back->findings.front().found.counts, answer.findings.front().found.counts);
  EXPECT_FALSE(back->over());
}

TEST(VerifyAnswerTest, WhatIsNoAnswerIsRefused) {
  VerifyAnswer answer;
  answer.findings = {WithMissing()};
  const std::string good = ToJson(answer);
  ASSERT_TRUE(ParseVerifyAnswer(good).ok());
  for (size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_EQ(ParseVerifyAnswer(good.substr(0, cut)).status().code(), Code::kProtocol) << cut;
  }
  for (const char* text : {"", "[]", "{}", "null", "{\"problem\":1}", "error: unknown"}) {
    EXPECT_EQ(ParseVerifyAnswer(text).status().code(), Code::kProtocol) << text;
  }
}

}  // namespace
}  // namespace mailhaul::app
