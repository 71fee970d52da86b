// What happens at the source to stored messages, with every set of extensions that tells of it.
#include <algorithm>

#include "tests/pipeline/visit_fixture.h"

namespace mailhaul::pipeline {
namespace {

using Extensions = std::vector<std::string>;

class VisitChangesTest : public testing::TestWithParam<std::tuple<Extensions, bool>>,
                         protected VisitFixture {
 protected:
  VisitChangesTest() : VisitFixture(std::get<0>(GetParam())) {
    options.quiet = std::get<1>(GetParam()) ? &quiet : nullptr;
  }

  size_t CommandsNamed(std::string_view verb) const {
    const auto it = server.counters.commands.find(std::string(verb));
    return it == server.counters.commands.end() ? 0 : it->second;
  }
};

TEST_P(VisitChangesTest, AnUnchangedMailboxIsNotOpened) {
  Add("INBOX", "one");
  Folder("Empty").uid_validity = 3;
  Collect();
  const VisitResult again = Collect();
  EXPECT_EQ(again.stats.fetched, 0U);
  EXPECT_EQ(CommandsNamed("EXAMINE"), 0U);
  EXPECT_EQ(CommandsNamed("UID FETCH"), 0U);
  EXPECT_EQ(CommandsNamed("UID SEARCH"), 0U);
}

TEST_P(VisitChangesTest, FlagsFollowTheSource) {
  const Uid uid = Add("INBOX", "one");
  Add("INBOX", "two");
  Collect();
  EXPECT_EQ(Record("INBOX").unread, 2U);
  Folder("INBOX").SetFlags(uid, kFlagSeen | kFlagFlagged, {"Work"});
  EXPECT_EQ(Collect().stats.fetched, 0U);
  const store::StoredMessage one = Stored().at("one");
  EXPECT_EQ(one.flags, kFlagSeen | kFlagFlagged);
  EXPECT_EQ(one.keywords, std::vector<std::string>{"Work"});
  EXPECT_EQ(Record("INBOX").unread, 1U);
}

TEST_P(VisitChangesTest, FlagsOfAMessageThatBackfillFetchedBeforeTheCheckFollowToo) {
  Add("INBOX", "one");
  static_cast<void>(Visit(Stage::kWindow));
  const Uid uid = Add("INBOX", "two");
  static_cast<void>(Visit(Stage::kBackfill));
  ASSERT_TRUE(Stored().contains("two"));
  Folder("INBOX").SetFlags(uid, kFlagSeen);
  static_cast<void>(Visit(Stage::kNew));
  EXPECT_EQ(Stored().at("two").flags, kFlagSeen);
}

TEST_P(VisitChangesTest, WhatIsGoneStaysHereUnlessDeletionsAreMirrored) {
  const Uid uid = Add("INBOX", "one");
  Add("INBOX", "two");
  Collect();
  Folder("INBOX").Expunge(uid);
  Collect();
  EXPECT_TRUE(Stored().at("one").gone);
  EXPECT_FALSE(Stored().at("two").gone);
  options.mirror = true;
  Collect();
  EXPECT_FALSE(Stored().contains("one"));
  EXPECT_EQ(Record("INBOX").messages, 1U);
}

TEST_P(VisitChangesTest, AMessageThatCameWhileAnotherWentIsNotMistakenForIt) {
  const Uid uid = Add("INBOX", "one");
  Collect();
  Folder("INBOX").Expunge(uid);
  Add("INBOX", "two");
  options.mirror = true;
  EXPECT_EQ(Collect().stats.fetched, 1U);
  EXPECT_FALSE(Stored().contains("one"));
  EXPECT_TRUE(Stored().contains("two"));
}

TEST_P(VisitChangesTest, AMovedMessageKeepsItsIdAndIsNotDownloadedAgain) {
  const Uid uid = Add("INBOX", "one");
  Add("Archive", "other");
  Collect();
  const MessageId id = Stored().at("one").id;
  for (const bool mirror : {false, true}) {
    options.mirror = mirror;
    const std::string from = mirror ? "Archive" : "INBOX";
    const std::string to = mirror ? "INBOX" : "Archive";
    Move(from, mirror ? Folder("Archive").messages().back().uid : uid, to);
    EXPECT_EQ(Collect().stats.fetched, 0U);
    EXPECT_EQ(server.counters.bodies(), 0U);
    EXPECT_EQ(Stored().at("one").id, id);
    EXPECT_EQ(FolderOf(Stored().at("one")), to);
    EXPECT_FALSE(Stored().at("one").gone);
  }
}

TEST_P(VisitChangesTest, ANewUidValidityDownloadsNothing) {
  for (int i = 0; i < 40; ++i) {
    Add("INBOX", "number " + std::to_string(i));
  }
  Collect();
  const auto before = Stored();
  Folder("INBOX").Expunge(5);
  Folder("INBOX").Renumber(8);
  Add("INBOX", "late");
  options.mirror = true;
  EXPECT_EQ(Collect().stats.fetched, 1U);
  const auto after = Stored();
  EXPECT_EQ(after.size(), 40U);
  for (const auto& [name, message] : before) {
    if (message.uid == 5) {
      EXPECT_FALSE(after.contains(name));
    } else {
      EXPECT_EQ(after.at(name).id, message.id) << name;
      EXPECT_EQ(after.at(name).uid_validity, 8U);
    }
  }
}

TEST_P(VisitChangesTest, TwinsAreToldApartByTheirNumber) {
  const Uid uid = Add("INBOX", "one");
  Folder("INBOX").AddShared(Folder("INBOX").Find(uid)->raw, clock.WallNow());
  Collect();
  EXPECT_EQ(Record("INBOX").messages, 2U);
  Folder("INBOX").Renumber(9);
  Collect();
  EXPECT_EQ(Record("INBOX").messages, 2U);
  EXPECT_EQ(Record("INBOX").gone, 0U);
}

TEST_P(VisitChangesTest, ARenamedFolderKeepsItsMessages) {
  Add("INBOX", "in");
  Add("Old", "one");
  Add("Old", "two");
  Collect();
  const auto before = Stored();
  auto& folders = server.accounts.at("alice").folders;
  auto node = folders.extract("Old");
  node.key() = "New";
  folders.insert(std::move(node));
  options.mirror = true;
  EXPECT_EQ(Collect().stats.fetched, 0U);
  const auto after = Stored();
  ASSERT_EQ(after.size(), 3U);
  for (const char* name : {"one", "two"}) {
    EXPECT_EQ(after.at(name).id, before.at(name).id);
    EXPECT_EQ(FolderOf(after.at(name)), "New");
  }
  EXPECT_FALSE(Record("Old").listed);
}

TEST_P(VisitChangesTest, AServerThatListsNothingDeletesNothing) {
  Add("INBOX", "one");
  Collect();
  auto folders = std::exchange(server.accounts.at("alice").folders, {});
  options.mirror = true;
  static_cast<void>(Visit(Stage::kNew));
  EXPECT_FALSE(Stored().at("one").gone);
  server.accounts.at("alice").folders = std::move(folders);
  EXPECT_EQ(Collect().stats.fetched, 0U);
  EXPECT_TRUE(Stored().contains("one"));
}

INSTANTIATE_TEST_SUITE_P(
    Extensions, VisitChangesTest,
    testing::Combine(testing::Values(Extensions{}, Extensions{"LIST-STATUS"},
                                     Extensions{"LIST-STATUS", "CONDSTORE", "ENABLE"},
                                     Extensions{"LIST-STATUS", "CONDSTORE", "ENABLE", "QRESYNC"},
                                     Extensions{"CONDSTORE", "ENABLE", "QRESYNC"}),
                     testing::Bool()),
    [](const auto& chosen) {
      const Extensions& extensions = std::get<0>(chosen.param);
      std::string name = extensions.empty() ? "WithNone" : "With";
      for (const std::string& extension : extensions) {
        name += extension;
      }
      std::erase(name, '-');
      return name + (std::get<1>(chosen.param) ? "AfterAQuietCheck" : "");
    });

class VisitQuietTest : public testing::Test, protected VisitFixture {
 protected:
  explicit VisitQuietTest(const Extensions& extensions = {"LIST-STATUS", "CONDSTORE", "ENABLE"})
      : VisitFixture(extensions) {
    options.quiet = &quiet;
  }
  // Store reads of one check.
  size_t ReadsOfCheck() {
    const size_t before = reads.count;
    const VisitResult result = Visit(Stage::kNew);
    EXPECT_TRUE(result.status.ok()) << result.status.ToString();
    EXPECT_FALSE(result.window_needed || result.backfill_needed);
    return reads.count - before;
  }
};

class VisitQuietWithoutModseqTest : public VisitQuietTest {
 protected:
  VisitQuietWithoutModseqTest() : VisitQuietTest({"LIST-STATUS"}) {}
};

TEST_F(VisitQuietTest, ASecondCheckWithoutNewsReadsNothing) {
  Add("INBOX", "one");
  Collect();
  EXPECT_EQ(ReadsOfCheck(), 0U);
  EXPECT_EQ(ReadsOfCheck(), 0U);
  Add("INBOX", "two");
  EXPECT_GT(ReadsOfCheck(), 0U);
  EXPECT_TRUE(Stored().contains("two"));
  EXPECT_GT(ReadsOfCheck(), 0U);  // That one opened a folder and proves nothing.
  EXPECT_EQ(ReadsOfCheck(), 0U);
  Folder("New").uid_validity = 5;
  EXPECT_TRUE(Visit(Stage::kNew).window_needed);
  EXPECT_EQ(Record("New").name, "New");
}

TEST_F(VisitQuietTest, NowAndThenItLooksAllTheSame) {
  Collect();
  clock.AdvanceTo(clock.Now() + kQuietMax);
  EXPECT_GT(ReadsOfCheck(), 0U);
  EXPECT_EQ(ReadsOfCheck(), 0U);
}

TEST_F(VisitQuietTest, WhatIsWantedIsFetchedAndAFailureProvesNothing) {
  options.max_message = 10'000;
  Add("INBOX", "huge", 20'000);
  Collect();
  options.wanted = {Stored().at("huge").id};
  EXPECT_EQ(Visit(Stage::kNew).stats.fetched, 1U);
  options.wanted.clear();
  Collect();
  server.faults.answers["LIST"] = "NO not now";
  EXPECT_FALSE(Visit(Stage::kNew).status.ok());
  server.faults.answers.clear();
  EXPECT_GT(ReadsOfCheck(), 0U);
}

TEST_F(VisitQuietWithoutModseqTest, FlagsAreReadWhenTheyAreDue) {
  const Uid uid = Add("INBOX", "one");
  Collect();
  EXPECT_EQ(ReadsOfCheck(), 0U);
  Folder("INBOX").SetFlags(uid, kFlagFlagged);  // Shows in no status.
  EXPECT_EQ(ReadsOfCheck(), 0U);
  clock.AdvanceTo(clock.Now() + kFlagScanEvery);
  EXPECT_GT(ReadsOfCheck(), 0U);
  EXPECT_EQ(Stored().at("one").flags, kFlagFlagged);
}

class VisitLargeTest : public testing::Test, protected VisitFixture {
 protected:
  VisitLargeTest() : VisitFixture({"LIST-STATUS"}) { options.max_message = 10'000; }
};

TEST_F(VisitLargeTest, AMessageOverTheLimitIsListedByItsHeader) {
  Add("INBOX", "huge", 20'000);
  EXPECT_EQ(Collect().stats.fetched, 0U);
  const store::StoredMessage huge = Stored().at("huge");
  EXPECT_FALSE(huge.has_body());
  EXPECT_EQ(huge.size, 20'000U);
  EXPECT_EQ(huge.content.from.front().email, "a@example.org");
  EXPECT_NE(huge.content.unparsed_reason.find("max_message"), std::string::npos);
}

TEST_F(VisitLargeTest, ItIsFetchedWhenAskedFor) {
  Add("INBOX", "huge", 20'000);
  Collect();
  const MessageId id = Stored().at("huge").id;
  options.wanted = {id};
  EXPECT_EQ(Visit(Stage::kNew).stats.fetched, 1U);
  options.wanted.clear();
  const store::StoredMessage huge = Stored().at("huge");
  EXPECT_EQ(huge.id, id);
  EXPECT_TRUE(huge.has_body());
  EXPECT_EQ(huge.content.unparsed_reason, "");
  EXPECT_EQ(mail->OpenRaw(huge).value()->size(), 20'000U);
}

TEST_F(VisitLargeTest, AskingForAMessageThatIsHereOrGoneDoesNothing) {
  Add("INBOX", "small");
  const Uid gone = Add("INBOX", "gone", 20'000);
  Collect();
  Folder("INBOX").Expunge(gone);
  options.wanted = {Stored().at("small").id, Stored().at("gone").id};
  const VisitResult result = Visit(Stage::kNew);
  EXPECT_TRUE(result.status.ok()) << result.status.ToString();
  EXPECT_EQ(result.stats.fetched, 0U);
}

}  // namespace
}  // namespace mailhaul::pipeline
