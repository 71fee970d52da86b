// A mailbox of Gmail: folders are labels, each message lies in one folder once.
#include <algorithm>

#include "tests/pipeline/visit_fixture.h"

namespace mailhaul::pipeline {
namespace {

using Extensions = std::vector<std::string>;
using Tags = std::vector<std::string>;
using Folders = std::vector<std::string>;

constexpr char kAll[] = "[Gmail]/Alle Nachrichten";  // Known by its role alone.
constexpr char kSpam[] = "[Gmail]/Spam";
constexpr char kTrash[] = "[Gmail]/Papierkorb";
constexpr char kSent[] = "[Gmail]/Gesendet";

class VisitLabelsTest : public testing::TestWithParam<Extensions>, protected VisitFixture {
 protected:
  VisitLabelsTest() : VisitFixture(GetParam()) {
    SetRole(kAll, "\\All");
    SetRole(kSpam, "\\Junk");
    SetRole(kTrash, "\\Trash");
    SetRole(kSent, "\\Sent");
    Folder("Work").uid_validity = 11;
  }

  void SetRole(const std::string& folder, const std::string& role) {
    Folder(folder).attributes = {role};
    Folder(folder).uid_validity = 20;
  }
  // A message in "all" that `folders` show as well.
  Uid AddLabelled(const std::string& name, const Tags& labels, const Folders& folders) {
    const Uid uid = Add(kAll, name);
    Folder(kAll).Find(uid)->labels = labels;
    for (const std::string& folder : folders) {
      const test_support::ScriptedMessage& message = *Folder(kAll).Find(uid);
      Folder(folder).AddShared(message.raw, message.internal_date, message.flags);
    }
    return uid;
  }
  Folders Opened() const {
    Folders opened;
    for (const std::string& line : server.counters.lines) {
      if (line.starts_with("EXAMINE ")) {
        opened.push_back(line.substr(9, line.rfind('"') - 9));
      }
    }
    std::sort(opened.begin(), opened.end());
    opened.erase(std::unique(opened.begin(), opened.end()), opened.end());
    return opened;
  }
  // Flags without modseq are compared now and then only.
  void LetFlagsBeDue() { clock.AdvanceTo(clock.Now() + std::chrono::hours(1)); }
};

TEST_P(VisitLabelsTest, AMessageWithThreeLabelsIsOneDownloadAndOnePlacement) {
  AddLabelled("one", {"\\Inbox", "\"\\\\Important\"", "Work"}, {"INBOX", "Work"});
  AddLabelled("two", {"\\Sent", "\"Entw&APw-rfe\"", "\\Starred"}, {kSent});
  Add(kSpam, "spam");
  Add(kTrash, "trash");
  EXPECT_EQ(Collect().stats.fetched, 4U);
  const auto stored = Stored();
  ASSERT_EQ(stored.size(), 4U);
  EXPECT_EQ(FolderOf(stored.at("one")), kAll);
  EXPECT_EQ(stored.at("one").keywords, Tags({"inbox", "important", "Work"}));
  EXPECT_EQ(stored.at("two").keywords, Tags({"sent", "Entwürfe"}));
  EXPECT_EQ(stored.at("two").flags, kFlagFlagged);
  EXPECT_EQ(FolderOf(stored.at("spam")), kSpam);
  EXPECT_EQ(FolderOf(stored.at("trash")), kTrash);
  EXPECT_EQ(server.counters.bodies(), 4U);
  EXPECT_EQ(Opened(), Folders({kAll, kTrash, kSpam}));
}

TEST_P(VisitLabelsTest, LabelsAreRecordedWithTheServersCounts) {
  AddLabelled("one", {"\\Inbox"}, {"INBOX"});
  Collect();
  EXPECT_TRUE(Record("INBOX").is_label);
  EXPECT_EQ(Record("INBOX").role, "inbox");
  EXPECT_EQ(Record("INBOX").messages, 0U);
  EXPECT_EQ(Record("INBOX").source_messages, 1U);
  EXPECT_EQ(Record("INBOX").source_unseen, 1U);
  EXPECT_FALSE(Record(kAll).is_label);
  AddLabelled("two", {"\\Inbox"}, {"INBOX"});
  Folder("INBOX").SetFlags(1, kFlagSeen);
  Collect();
  EXPECT_EQ(Record("INBOX").source_messages, 2U);
  EXPECT_EQ(Record("INBOX").source_unseen, 1U);
}

TEST_P(VisitLabelsTest, TagsFollowLabelsWithoutNewMail) {
  const Uid uid = AddLabelled("one", {"\\Inbox", "Work"}, {"INBOX"});
  AddLabelled("two", {"\\Inbox"}, {"INBOX"});
  Collect();
  const MessageId id = Stored().at("one").id;
  Folder(kAll).SetLabels(uid, {"\"two words\"", "\\Starred"});
  Folder("INBOX").Expunge(1);
  LetFlagsBeDue();
  EXPECT_EQ(Collect().stats.fetched, 0U);
  EXPECT_EQ(Stored().at("one").id, id);
  EXPECT_EQ(Stored().at("one").keywords, Tags{"two words"});
  EXPECT_EQ(Stored().at("one").flags, kFlagFlagged);
  EXPECT_EQ(Stored().at("two").keywords, Tags{"inbox"});
  Folder(kAll).SetLabels(uid, {});
  LetFlagsBeDue();
  Collect();
  EXPECT_EQ(Stored().at("one").keywords, Tags());
  EXPECT_EQ(Stored().at("one").flags, 0U);
}

TEST_P(VisitLabelsTest, MovingToTrashKeepsTheIdAndDownloadsNothing) {
  const Uid uid = AddLabelled("one", {"\\Inbox"}, {"INBOX"});
  AddLabelled("two", {"\\Inbox"}, {"INBOX"});
  Collect();
  const MessageId id = Stored().at("one").id;
  Move(kAll, uid, kTrash);
  Folder("INBOX").Expunge(1);
  options.mirror = true;
  EXPECT_EQ(Collect().stats.fetched, 0U);
  ASSERT_EQ(Stored().size(), 2U);
  EXPECT_EQ(Stored().at("one").id, id);
  EXPECT_EQ(FolderOf(Stored().at("one")), kTrash);
  EXPECT_EQ(Stored().at("one").keywords, Tags());
}

TEST_P(VisitLabelsTest, AllIsWatched) {
  AddLabelled("one", {"\\Inbox"}, {"INBOX"});
  Collect();
  watches = true;
  Collect();
  EXPECT_EQ(Opened(), Folders({kAll}));
}

TEST_P(VisitLabelsTest, ThreadsAreTheServers) {
  const Uid one = AddLabelled("one", {}, {});
  const Uid two = AddLabelled("two", {}, {});
  AddLabelled("three", {}, {});
  Folder(kAll).Find(one)->thread = "1278455344230334865";
  Folder(kAll).Find(two)->thread = "1278455344230334865";
  Collect();
  EXPECT_EQ(Stored().at("one").thread, Stored().at("two").thread);
  EXPECT_NE(Stored().at("one").thread, Stored().at("three").thread);
}

TEST_P(VisitLabelsTest, ExcludedFoldersAreNotRead) {
  AddLabelled("one", {"\\Inbox"}, {"INBOX"});
  Add(kSpam, "spam");
  Add(kTrash, "trash");
  options.exclude = {"junk", kTrash, "Work"};
  EXPECT_EQ(Collect().stats.fetched, 1U);
  EXPECT_TRUE(Stored().contains("one"));
  for (const store::FolderRecord& record : mail->ListFolders(options.mailbox).value()) {
    EXPECT_TRUE(record.name == kAll || record.name == "INBOX" || record.name == kSent)
        << record.name;
  }
}

TEST_P(VisitLabelsTest, WithoutAllEveryFolderIsRead) {
  AddLabelled("one", {"\\Inbox"}, {"INBOX"});
  AddLabelled("archived", {}, {});
  options.exclude = {"all"};
  EXPECT_EQ(Collect().stats.fetched, 1U);
  EXPECT_EQ(FolderOf(Stored().at("one")), "INBOX");
  EXPECT_FALSE(Record("INBOX").is_label);
  EXPECT_EQ(Record("INBOX").messages, 1U);
}

TEST_P(VisitLabelsTest, HidingAndShowingAllKeepsIdsAndDownloadsNothing) {
  AddLabelled("one", {"\\Inbox"}, {"INBOX"});
  AddLabelled("two", {"\\Inbox"}, {"INBOX"});
  AddLabelled("archived", {}, {});
  Collect();
  const auto before = Stored();
  auto& folders = server.accounts.at("alice").folders;
  auto hidden = folders.extract(kAll);
  EXPECT_EQ(Collect().stats.fetched, 0U);
  EXPECT_FALSE(Record("INBOX").is_label);
  EXPECT_EQ(FolderOf(Stored().at("one")), "INBOX");
  EXPECT_EQ(Stored().at("one").id, before.at("one").id);
  EXPECT_FALSE(Stored().at("one").gone);
  EXPECT_TRUE(Stored().at("archived").gone);
  folders.insert(std::move(hidden));
  EXPECT_EQ(Collect().stats.fetched, 0U);
  EXPECT_TRUE(Record("INBOX").is_label);
  EXPECT_EQ(Record("INBOX").messages, 0U);
  for (const auto& [name, message] : Stored()) {
    EXPECT_EQ(message.id, before.at(name).id) << name;
    EXPECT_EQ(FolderOf(message), kAll) << name;
    EXPECT_FALSE(message.gone) << name;
    EXPECT_EQ(message.keywords, before.at(name).keywords) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Extensions, VisitLabelsTest,
    testing::Values(Extensions{"X-GM-EXT-1"},
                    Extensions{"X-GM-EXT-1", "LIST-STATUS", "CONDSTORE", "ENABLE"},
                    Extensions{"X-GM-EXT-1", "CONDSTORE", "ENABLE", "QRESYNC"}),
    [](const testing::TestParamInfo<Extensions>& chosen) {
      return "Set" + std::to_string(chosen.index);
    });

class VisitVirtualAllTest : public testing::Test, protected VisitFixture {
 protected:
  VisitVirtualAllTest() : VisitFixture({"LIST-STATUS"}) {}
};

TEST_F(VisitVirtualAllTest, AnotherServersAllIsAFolderLikeTheOthers) {
  Folder("All").attributes = {"\\All"};
  Add("INBOX", "one");
  Collect();
  EXPECT_EQ(FolderOf(Stored().at("one")), "INBOX");
  EXPECT_FALSE(Record("INBOX").is_label);
}

TEST_F(VisitVirtualAllTest, AFolderThatComesBackIsReadAnewWithoutADownload) {
  Add("INBOX", "in");
  Add("Work", "one");
  Collect();
  const MessageId id = Stored().at("one").id;
  const store::FolderRecord before = Record("Work");
  auto& folders = server.accounts.at("alice").folders;
  for (const bool died : {false, true}) {
    auto hidden = folders.extract("Work");
    Collect();
    EXPECT_TRUE(Stored().at("one").gone);
    EXPECT_EQ(Record("Work").uid_validity, 0U);
    if (died) {  // Before the last batch.
      ASSERT_TRUE(mail->SaveFolder(options.mailbox, before).ok());
    }
    folders.insert(std::move(hidden));
    EXPECT_EQ(Collect().stats.fetched, 0U);
    EXPECT_EQ(Stored().at("one").id, id);
    EXPECT_FALSE(Stored().at("one").gone);
  }
}

}  // namespace
}  // namespace mailhaul::pipeline
