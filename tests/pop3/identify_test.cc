#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/pop3/session_fixture.h"

namespace mailhaul::pop3 {
namespace {

// Maildrops whose unique ids do not tell messages apart.
class IdentifyTest : public SessionTest {
 protected:
  void WithoutUidl(bool with_top) {
    std::erase(script_.capabilities, "UIDL");
    script_.unknown.insert("UIDL");
    if (!with_top) {
      std::erase(script_.capabilities, "TOP");
      script_.unknown.insert("TOP");
    }
  }
  void Add(const std::string& raw) { server_.Folder(kUser).Add(raw, WallTime()); }
  // Opens, fetches what is new, and says how many bodies and headers that cost.
  std::string Visit() {
    const uint64_t bodies = server_.counters.bodies();
    const uint64_t tops = Commands("TOP");
    OpenInbox();
    const size_t held = sink_.bodies.size();
    EXPECT_TRUE(FetchAll().ok());
    CloseSession();
    return std::to_string(sink_.bodies.size() - held) + " new, " +
           std::to_string(Commands("TOP") - tops) + " TOP, " +
           std::to_string(server_.counters.bodies() - bodies) + " RETR";
  }
};

TEST_F(IdentifyTest, WithoutUidlByHeaderAndSize) {
  WithoutUidl(true);
  Fill(5);
  EXPECT_EQ(Visit(), "5 new, 5 TOP, 5 RETR");
  ExpectAllDelivered();
  // Unchanged: only the last is looked at.
  EXPECT_EQ(Visit(), "0 new, 1 TOP, 0 RETR");
  Fill(2, 120);
  EXPECT_EQ(Visit(), "2 new, 3 TOP, 2 RETR");
  EXPECT_EQ(Visit(), "0 new, 1 TOP, 0 RETR");
  ExpectAllDelivered();
}

TEST_F(IdentifyTest, WithoutUidlAndTopByContent) {
  WithoutUidl(false);
  Fill(5);
  EXPECT_EQ(Visit(), "5 new, 0 TOP, 10 RETR");
  EXPECT_EQ(Visit(), "0 new, 0 TOP, 1 RETR");
  Fill(2, 120);
  EXPECT_EQ(Visit(), "2 new, 0 TOP, 5 RETR");
  ExpectAllDelivered();
}

TEST_F(IdentifyTest, WithoutCapaTopIsTriedOnce) {
  script_.capabilities = {};
  script_.unknown = {"UIDL", "TOP"};
  Fill(3);
  EXPECT_EQ(Visit(), "3 new, 1 TOP, 6 RETR");
  ExpectAllDelivered();
}

TEST_F(IdentifyTest, OneDeletedAndOneOfTheSameSizeAddedIsNoticed) {
  for (const bool with_top : {true, false}) {
    WithoutUidl(with_top);
    Fill(4);
    Visit();
    // Sizes and count stay the same wherever it happens.
    for (const Uid gone : {4U, 2U, 1U}) {
      const Uid last = server_.Folder(kUser).messages().back().uid;
      server_.Folder(kUser).Expunge(gone == 4 ? last : gone);
      std::string raw = "Subject: fresh " + std::to_string(gone) + "\r\n\r\n";
      raw.resize(98, 'y');
      Add(raw + "\r\n");
      EXPECT_EQ(Visit().substr(0, 5), "1 new") << gone;
    }
    server_.Folder(kUser) = test_support::ScriptedFolder();
    directory_ = test_support::FakeUidlDirectory();
    sink_ = KeepingSink();
  }
}

TEST_F(IdentifyTest, IdenticalTwinsAreBothKept) {
  for (const bool with_top : {true, false}) {
    WithoutUidl(with_top);
    const std::string twin = "Subject: twin\r\n\r\nsame\r\n";
    Add(twin);
    Add("Subject: other\r\n\r\nx\r\n");
    Add(twin);
    EXPECT_EQ(Visit().substr(0, 5), "3 new");
    Add(twin);  // A third behind what is known.
    EXPECT_EQ(Visit().substr(0, 5), "1 new");
    EXPECT_EQ(Visit().substr(0, 5), "0 new");
    ExpectAllDelivered();
    server_.Folder(kUser) = test_support::ScriptedFolder();
    directory_ = test_support::FakeUidlDirectory();
    sink_ = KeepingSink();
  }
}

TEST_F(IdentifyTest, UniqueIdsThatStandTwiceAreCompletedByTheHeader) {
  Fill(5);
  script_.unique_ids = {{2, "same"}, {4, "same"}};
  EXPECT_EQ(Visit(), "5 new, 2 TOP, 5 RETR");
  ExpectAllDelivered();
  EXPECT_EQ(Visit(), "0 new, 2 TOP, 0 RETR");
  // Their places do not matter.
  server_.Folder(kUser).Expunge(1);
  EXPECT_EQ(Visit(), "0 new, 2 TOP, 0 RETR");
}

TEST_F(IdentifyTest, UniqueIdsThatStandTwiceAreCompletedByTheContent) {
  Fill(3);
  std::erase(script_.capabilities, "TOP");
  script_.unique_ids = {{2, "same"}, {3, "same"}};
  EXPECT_EQ(Visit(), "3 new, 0 TOP, 5 RETR");
  ExpectAllDelivered();
  EXPECT_EQ(Visit(), "0 new, 0 TOP, 2 RETR");
}

TEST_F(IdentifyTest, TwinsWithTheSameUniqueIdAreBothKept) {
  Add("Subject: twin\r\n\r\n");
  Add("Subject: twin\r\n\r\n");
  Add("Subject: other\r\n\r\n");
  script_.unique_ids = {{1, "same"}, {2, "same"}};
  EXPECT_EQ(Visit().substr(0, 5), "3 new");
  ExpectAllDelivered();
}

TEST_F(IdentifyTest, OneUniqueIdForAllIsNone) {
  Fill(4);
  for (Uid uid = 1; uid <= 5; ++uid) {
    script_.unique_ids[uid] = "0";
  }
  EXPECT_EQ(Visit(), "4 new, 4 TOP, 4 RETR");
  EXPECT_EQ(Visit(), "0 new, 1 TOP, 0 RETR");
  Fill(1, 130);
  EXPECT_EQ(Visit().substr(0, 5), "1 new");
  ExpectAllDelivered();
}

TEST_F(IdentifyTest, UnusableUniqueIdsLoseNothing) {
  Fill(5);
  script_.unique_ids = {{1, ""}, {2, std::string(300, 'u')}, {3, "\x01"}, {4, "ok"}};
  EXPECT_EQ(Visit(), "5 new, 3 TOP, 5 RETR");
  ExpectAllDelivered();
  EXPECT_EQ(Visit(), "0 new, 3 TOP, 0 RETR");
}

TEST_F(IdentifyTest, ADuplicateThatCannotBeLookedAtIsListedAllTheSame) {
  Fill(3);
  script_.unique_ids = {{1, "same"}, {2, "same"}};
  server_.faults.refuse_uids = {1};
  server_.faults.refusal = "-ERR unreadable";
  OpenInbox();
  EXPECT_EQ(Listed(), "1:3");
  EXPECT_TRUE(FetchAll().ok());
  EXPECT_EQ(sink_.bodies.size(), 2U);
  EXPECT_EQ(sink_.refused.size(), 1U);
}

TEST_F(IdentifyTest, AListingInPartsIsCollectedVisitByVisit) {
  Fill(600);
  script_.listed_max = 265;
  script_.hides_fetched = true;
  EXPECT_EQ(Visit(), "265 new, 0 TOP, 265 RETR");
  EXPECT_EQ(Visit(), "265 new, 0 TOP, 265 RETR");
  EXPECT_EQ(Visit(), "70 new, 0 TOP, 70 RETR");
  EXPECT_EQ(Visit(), "0 new, 0 TOP, 0 RETR");
  ExpectAllDelivered();
  // Shown again, they are the same messages.
  script_.fetched.clear();
  script_.listed_max = 1000;
  EXPECT_EQ(Visit(), "0 new, 0 TOP, 0 RETR");
}

TEST_F(IdentifyTest, RenumberedUniqueIdsAreNewMessages) {
  Fill(2);
  EXPECT_EQ(Visit(), "2 new, 0 TOP, 2 RETR");
  script_.unique_ids = {{1, "other-1"}, {2, "other-2"}};
  // The store finds by their bytes that it has them.
  EXPECT_EQ(Visit(), "2 new, 0 TOP, 2 RETR");
  EXPECT_EQ(directory_.next, 5U);
}

}  // namespace
}  // namespace mailhaul::pop3
