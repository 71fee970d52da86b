#include "connectors/connector.h"
#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

using TextSearchTest = ServiceTest;
using Subjects = std::vector<std::string>;

TEST_F(TextSearchTest, ListsWhatTheIndexFindsAndSaysHowFarItIs) {
  Store("acme", "alice", "INBOX",
        {{.subject = "red apple", .received = 1}, {.subject = "pear", .received = 2}});
  Store("acme", "bob", "INBOX", {{.subject = "green apple", .received = 3}});
  const boost::json::value building = GetJson("/v1/messages?text=apple");
  EXPECT_TRUE(building.at("indexed_to").is_null());
  text_->indexed_to = WallTime(std::chrono::seconds(1'714'521'600));
  const boost::json::value page = GetJson("/v1/messages?text=apple");
  EXPECT_EQ(page.at("indexed_to").as_string(), "2024-05-01T00:00:00Z");
  EXPECT_EQ(All("/v1/messages?text=apple", "subject"), (Subjects{"green apple", "red apple"}));
  EXPECT_EQ(All("/v1/messages?text=apple&limit=1", "subject"),
            (Subjects{"green apple", "red apple"}));
  EXPECT_EQ(GetJson("/v1/messages").as_object().if_contains("indexed_to"), nullptr);
}

TEST_F(TextSearchTest, AllOtherFiltersApply) {
  Store("acme", "alice", "INBOX",
        {{.subject = "apple a", .received = 10, .flags = kFlagSeen},
         {.subject = "apple b", .received = 20, .has_attachment = true},
         {.subject = "apple c", .received = 30, .from = "bo@other.example"}});
  Store("acme", "alice", "Sent", {{.subject = "apple d", .received = 40}});
  Store("acme", "bob", "Sent", {{.subject = "apple e", .received = 50}});
  const std::vector<std::pair<std::string, Subjects>> shown = {
      {"&mailbox=bob", {"apple e"}},
      {"&mailbox=alice&folder=INBOX", {"apple c", "apple b", "apple a"}},
      {"&folder=Sent", {"apple e", "apple d"}},
      {"&mailbox=alice&folder=Nothing", {}},
      {"&unread=false", {"apple a"}},
      {"&has_attachment=true", {"apple b"}},
      {"&from=%40other.example", {"apple c"}},
      {"&subject=b", {"apple b"}},
      {"&after=1970-01-01T00:00:20Z&before=1970-01-01T00:00:40Z", {"apple c", "apple b"}}};
  for (const auto& [filters, subjects] : shown) {
    EXPECT_EQ(All("/v1/messages?text=apple" + filters, "subject"), subjects) << filters;
    EXPECT_EQ(All("/v1/messages?limit=1&text=apple" + filters, "subject"), subjects) << filters;
  }
  EXPECT_EQ(text_->queries.back().after, WallTime(std::chrono::seconds(20)));
}

TEST_F(TextSearchTest, AFolderThatIsALabelShowsWhatCarriesIt) {
  Store("acme", "alice", "All",
        {{.subject = "apple a", .received = 1, .tags = {"Work"}},
         {.subject = "apple b", .received = 2},
         {.subject = "pear", .received = 3, .tags = {"Work"}}});
  AddLabel("alice", "Work", "", 1, 1);
  EXPECT_EQ(All("/v1/messages?mailbox=alice&folder=Work&text=apple", "subject"),
            (Subjects{"apple a"}));
}

TEST_F(TextSearchTest, WhatIsNoLongerStoredIsLeftOutAndPagingGoesOn) {
  Store("acme", "alice", "INBOX",
        {{.subject = "apple a", .received = 1}, {.subject = "apple b", .received = 900}});
  const ShardId shard = store_->ShardsOf(store_->FindTenant("acme").value()).front();
  for (uint64_t i = 0; i < 600; ++i) {
    text_->gone.push_back(
        {.date = WallTime(std::chrono::seconds(100 + i)), .id = MessageId::Make(shard, 5000 + i)});
  }
  for (const char* limit : {"1", "2", "50"}) {
    EXPECT_EQ(All("/v1/messages?text=apple&limit=" + std::string(limit), "subject"),
              (Subjects{"apple b", "apple a"}));
  }
}

TEST_F(TextSearchTest, AnotherTenantsMessageInAnIndexIsNotShown) {
  Store("globex", "carol", "INBOX", {{.subject = "theirs", .received = 5}});
  store::MessageQuery all;
  all.tenant = store_->FindTenant("globex").value();
  text_->gone.push_back({.date = WallTime(std::chrono::seconds(5)),
                         .id = store_->ListMessages(all)->items.front().id});
  EXPECT_TRUE(All("/v1/messages?text=anything", "subject").empty());
}

TEST_F(TextSearchTest, TheTextReachesTheIndexAsItIs) {
  GetJson("/v1/messages?text=%22a%22%20OR%20b*%20%E6%97%A5");
  EXPECT_EQ(text_->queries.back().text, "\"a\" OR b* \xE6\x97\xA5");
}

TEST_F(TextSearchTest, ACursorBelongsToItsText) {
  Store("acme", "alice", "INBOX",
        {{.subject = "apple a", .received = 1}, {.subject = "apple b", .received = 2}});
  const std::string cursor(
      GetJson("/v1/messages?text=apple&limit=1").at("next_cursor").as_string());
  EXPECT_EQ(Get("/v1/messages?text=apple&cursor=" + cursor).status, 200U);
  EXPECT_EQ(Get("/v1/messages?text=pear&cursor=" + cursor).Code(), "bad_cursor");
  EXPECT_EQ(Get("/v1/messages?cursor=" + cursor).Code(), "bad_cursor");
}

TEST_F(TextSearchTest, FailuresOfTheIndexAreTold) {
  EXPECT_EQ(Get("/v1/messages?text=").Code(), "invalid_parameter");
  text_->failure = Status(Code::kInvalidArgument, "text must be 1 to 32 words");
  EXPECT_EQ(Get("/v1/messages?text=x").status, 400U);
  EXPECT_EQ(Get("/v1/messages?text=x").Code(), "invalid_parameter");
  text_->failure = Status(Code::kBusy, "it is built anew");
  EXPECT_EQ(Get("/v1/messages?text=x").status, 503U);
  text_->failure = Status(Code::kResourceExhausted, "too long");
  EXPECT_EQ(Get("/v1/messages?text=x").status, 503U);
  text_->failure = Status(Code::kIo, "disk");
  EXPECT_EQ(Get("/v1/messages?text=x").status, 500U);
  EXPECT_EQ(Get("/v1/messages").status, 200U);
}

}  // namespace
}  // namespace mailhaul::http
