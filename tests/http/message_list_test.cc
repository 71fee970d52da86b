#include <algorithm>
#include <set>

#include "connectors/connector.h"
#include "engine/http/reader.h"
#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

using MessageListTest = ServiceTest;
using Subjects = std::vector<std::string>;

std::vector<Mail> Numbered(size_t count, int64_t first_second) {
  std::vector<Mail> mails;
  for (size_t i = 0; i < count; ++i) {
    mails.push_back(
        {.subject = "m" + std::to_string(i), .received = first_second + static_cast<int64_t>(i)});
  }
  return mails;
}

TEST_F(MessageListTest, IsNewestFirst) {
  Store("acme", "alice", "INBOX",
        {{.subject = "old", .received = 1}, {.subject = "new", .received = 3}});
  Store("acme", "bob", "INBOX", {{.subject = "middle", .received = 2}});
  EXPECT_EQ(All("/v1/messages", "subject"), (Subjects{"new", "middle", "old"}));
  EXPECT_EQ(All("/v1/messages?mailbox=alice", "subject"), (Subjects{"new", "old"}));
}

TEST_F(MessageListTest, OnlyNamingAMailboxMakesItActive) {
  Store("acme", "alice", "INBOX", {{.subject = "x"}});
  GetJson("/v1/messages");
  GetJson("/v1/mailboxes");
  EXPECT_TRUE(directory_.active.empty());
  GetJson("/v1/messages?mailbox=alice");
  EXPECT_EQ(directory_.active, (Subjects{"acme/alice"}));
}

TEST_F(MessageListTest, PagesShowEachMessageOnceWhateverTheirSize) {
  Store("acme", "alice", "INBOX", Numbered(12, 1000));
  Store("acme", "bob", "INBOX", Numbered(11, 1003));  // Many equal times.
  const Subjects all = All("/v1/messages", "id");
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 23U);
  for (const char* limit : {"1", "2", "7", "22", "23", "24"}) {
    EXPECT_EQ(All("/v1/messages?limit=" + std::string(limit), "id"), all) << limit;
  }
}

TEST_F(MessageListTest, MailThatArrivesWhilePagingMovesNothing) {
  Store("acme", "alice", "INBOX", Numbered(20, 1000));
  const Subjects before = All("/v1/messages", "id");
  Subjects seen;
  std::string cursor;
  do {
    const boost::json::value page = GetJson("/v1/messages?limit=3&cursor=" + cursor);
    for (const boost::json::value& item : page.at("items").as_array()) {
      seen.emplace_back(item.at("id").as_string());
    }
    Store("acme", "alice", "INBOX", {{.subject = "arrived", .received = 9000}});
    cursor =
        page.at("next_cursor").is_null() ? "" : std::string(page.at("next_cursor").as_string());
  } while (!cursor.empty());
  EXPECT_EQ(seen, before);
}

// Gmail.
TEST_F(MessageListTest, AFolderThatIsALabelShowsWhatCarriesIt) {
  Store("acme", "bob", "INBOX", {{.subject = "other", .received = 0, .tags = {"inbox"}}});
  Store("acme", "alice", "All",
        {{.subject = "a", .received = 1, .tags = {"inbox", "Work"}},
         {.subject = "b", .received = 2, .flags = kFlagFlagged, .tags = {"sent", "inbox"}},
         {.subject = "c", .received = 3, .flags = kFlagDraft},
         {.subject = "d", .received = 4, .flags = kFlagSeen, .tags = {"inbox", "work"}}});
  Store("acme", "alice", "Trash", {{.subject = "gone", .received = 5, .tags = {"inbox", "Work"}}});
  AddLabel("alice", "INBOX", "inbox", 3, 2);
  AddLabel("alice", "[Gmail]/Sent Mail", "sent", 1, 1);
  AddLabel("alice", "[Gmail]/Starred", "flagged", 1, 1);
  AddLabel("alice", "[Gmail]/Drafts", "drafts", 1, 1);
  AddLabel("alice", "Work", "", 1, 1);
  const std::vector<std::pair<std::string, Subjects>> shown = {{"INBOX", {"d", "b", "a"}},
                                                               {"%5BGmail%5D/Sent%20Mail", {"b"}},
                                                               {"%5BGmail%5D/Starred", {"b"}},
                                                               {"%5BGmail%5D/Drafts", {"c"}},
                                                               {"Work", {"a"}},
                                                               {"All", {"d", "c", "b", "a"}},
                                                               {"Trash", {"gone"}},
                                                               {"inbox", {}}};
  for (const auto& [folder, subjects] : shown) {
    EXPECT_EQ(All("/v1/messages?mailbox=alice&folder=" + folder, "subject"), subjects) << folder;
    EXPECT_EQ(All("/v1/messages?mailbox=alice&limit=1&folder=" + folder, "subject"), subjects);
  }
  EXPECT_EQ(All("/v1/messages?folder=INBOX", "subject"), (Subjects{"d", "b", "a", "other"}));
  EXPECT_EQ(All("/v1/messages?mailbox=alice&folder=INBOX&unread=true", "subject"),
            (Subjects{"b", "a"}));
  EXPECT_EQ(All("/v1/messages?mailbox=alice&folder=Work", "folder"), (Subjects{"All"}));
}

TEST_F(MessageListTest, FiltersByFolderWithAndWithoutMailbox) {
  Store("acme", "alice", "INBOX", {{.subject = "a", .received = 1}});
  Store("acme", "alice", "Sent", {{.subject = "b", .received = 2}});
  Store("acme", "bob", "Sent", {{.subject = "c", .received = 3}});
  EXPECT_EQ(All("/v1/messages?mailbox=alice&folder=Sent", "subject"), (Subjects{"b"}));
  EXPECT_EQ(All("/v1/messages?folder=Sent", "subject"), (Subjects{"c", "b"}));
  EXPECT_EQ(All("/v1/messages?folder=Sent&limit=1", "subject"), (Subjects{"c", "b"}));
  EXPECT_TRUE(All("/v1/messages?mailbox=alice&folder=Nothing", "subject").empty());
}

TEST_F(MessageListTest, AfterIsInclusiveAndBeforeExclusive) {
  Store("acme", "alice", "INBOX", Numbered(4, 1'714'521'600));
  EXPECT_EQ(All("/v1/messages?after=2024-05-01T00:00:01Z&before=2024-05-01T00:00:03Z", "subject"),
            (Subjects{"m2", "m1"}));
  EXPECT_EQ(All("/v1/messages?mailbox=alice&limit=1&after=2024-05-01T00:00:02Z", "subject"),
            (Subjects{"m3", "m2"}));
}

TEST_F(MessageListTest, FiltersByWhatTheRowsSay) {
  Store("acme", "alice", "INBOX",
        {{.subject = "Red fish", .received = 1, .flags = kFlagSeen},
         {.subject = "Blue fish", .received = 2, .from = "bo@other.example"},
         {.subject = "Green", .received = 3, .flags = kFlagFlagged, .has_attachment = true}});
  EXPECT_EQ(All("/v1/messages?unread=true", "subject"), (Subjects{"Green", "Blue fish"}));
  EXPECT_EQ(All("/v1/messages?unread=false", "subject"), (Subjects{"Red fish"}));
  EXPECT_EQ(All("/v1/messages?flagged=true", "subject"), (Subjects{"Green"}));
  EXPECT_EQ(All("/v1/messages?has_attachment=true", "subject"), (Subjects{"Green"}));
  EXPECT_EQ(All("/v1/messages?subject=FISH", "subject"), (Subjects{"Blue fish", "Red fish"}));
  EXPECT_EQ(All("/v1/messages?subject=fish&limit=1", "subject"),
            (Subjects{"Blue fish", "Red fish"}));
  EXPECT_EQ(All("/v1/messages?from=%40other.example", "subject"), (Subjects{"Blue fish"}));
  EXPECT_EQ(All("/v1/messages?from=ann%40example.com&unread=true", "subject"), (Subjects{"Green"}));
}

TEST_F(MessageListTest, AFilterThatMatchesNothingStopsAfterItsRows) {
  std::vector<Mail> mails = Numbered(kRowsScannedMax + 5, 5000);
  mails.front().subject = "needle";  // The oldest.
  Store("acme", "alice", "INBOX", mails);
  const boost::json::value page = GetJson("/v1/messages?subject=needle");
  EXPECT_TRUE(page.at("items").as_array().empty());
  ASSERT_TRUE(page.at("next_cursor").is_string());
  EXPECT_EQ(All("/v1/messages?subject=needle", "subject"), (Subjects{"needle"}));
}

TEST_F(MessageListTest, ThreadsAndTagsAreFoundByTheirIndexes) {
  std::vector<Mail> mails = Numbered(kRowsScannedMax + 5, 5000);
  mails.front().subject = "needle";
  mails.front().tags = {"Rare"};
  mails.front().thread = 7;
  Store("acme", "alice", "INBOX", mails);
  Store("acme", "bob", "Sent",
        {{.subject = "answer", .received = 9, .tags = {"rare"}, .thread = 7}});
  for (const std::string filter :
       {"tag=RARE", "thread=0000000000000007", "tag=rare&thread=0000000000000007"}) {
    // No page of nothing first: what does not match is not looked at.
    EXPECT_EQ(GetJson("/v1/messages?limit=1&" + filter).at("items").as_array().size(), 1U)
        << filter;
    EXPECT_EQ(All("/v1/messages?limit=1&" + filter, "subject"), (Subjects{"needle", "answer"}));
    EXPECT_EQ(All("/v1/messages?mailbox=alice&" + filter, "subject"), (Subjects{"needle"}));
    EXPECT_EQ(All("/v1/messages?mailbox=bob&folder=Sent&" + filter, "subject"),
              (Subjects{"answer"}));
    EXPECT_EQ(All("/v1/messages?folder=Sent&" + filter, "subject"), (Subjects{"answer"}));
    EXPECT_TRUE(All("/v1/messages?flagged=true&" + filter, "subject").empty());
  }
}

TEST_F(MessageListTest, AThreadOfManyInOtherMailboxesIsLookedThroughInParts) {
  std::vector<Mail> mails = Numbered(kRowsScannedMax + 5, 5000);
  for (Mail& mail : mails) {
    mail.thread = 7;
  }
  Store("acme", "alice", "INBOX", mails);
  Store("acme", "bob", "INBOX", {{.subject = "old", .received = 9, .thread = 7}});
  const boost::json::value page = GetJson("/v1/messages?mailbox=bob&thread=0000000000000007");
  EXPECT_TRUE(page.at("items").as_array().empty());
  ASSERT_TRUE(page.at("next_cursor").is_string());
  EXPECT_EQ(All("/v1/messages?mailbox=bob&thread=0000000000000007", "subject"), (Subjects{"old"}));
}

TEST_F(MessageListTest, APageEndsBeforeItsAnswerGrowsTooLarge) {
  std::vector<Mail> mails = Numbered(300, 1000);
  for (Mail& mail : mails) {
    mail.subject = std::string(4000, '\x01');  // Six bytes each in JSON.
  }
  Store("acme", "alice", "INBOX", mails);
  const HttpAnswer answer = Get("/v1/messages?limit=1000");
  EXPECT_LT(answer.body.size(), kPageBytesMax + 64 * 1024);
  EXPECT_TRUE(answer.Json().at("next_cursor").is_string());
  EXPECT_EQ(All("/v1/messages?limit=1000", "id").size(), 300U);
}

TEST_F(MessageListTest, ACursorBelongsToItsFilters) {
  Store("acme", "alice", "INBOX", Numbered(3, 1000));
  const boost::json::value page = GetJson("/v1/messages?mailbox=alice&unread=true&limit=1");
  const std::string cursor(page.at("next_cursor").as_string());
  // The limit and the order of parameters may change.
  EXPECT_EQ(Get("/v1/messages?cursor=" + cursor + "&unread=true&limit=2&mailbox=alice").status,
            200U);
  for (const char* query :
       {"", "&mailbox=alice", "&mailbox=bob&unread=true", "&mailbox=alice&unread=false",
        "&mailbox=alice&unread=true&flagged=true"}) {
    const HttpAnswer answer = Get("/v1/messages?cursor=" + cursor + query);
    EXPECT_EQ(answer.status, 400U) << query;
    EXPECT_EQ(answer.Code(), "bad_cursor");
  }
}

TEST_F(MessageListTest, ATenantWithoutMailHasAnEmptyList) {
  directory_.AddToken("fresh", {.tenant = "fresh", .read = true});
  EXPECT_EQ(GetJson("/v1/messages", "fresh"),
            boost::json::parse(R"({"items": [], "next_cursor": null})"));
  EXPECT_EQ(Get("/v1/messages?mailbox=alice", "fresh").status, 404U);
}

TEST_F(MessageListTest, AMeaninglessFilterIsRefused) {
  EXPECT_EQ(Get("/v1/messages?tag=").Code(), "invalid_parameter");
  EXPECT_EQ(Get("/v1/messages?mailbx=alice").Code(), "unknown_parameter");
}

}  // namespace
}  // namespace mailhaul::http
