#include "connectors/connector.h"
#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

using MailboxTest = ServiceTest;

TEST_F(MailboxTest, HealthAndReadinessNeedNoToken) {
  EXPECT_EQ(GetJson("/healthz", "none"), boost::json::parse(R"({"status":"ok"})"));
  EXPECT_EQ(GetJson("/readyz", "none"), boost::json::parse(R"({"status":"ready"})"));
  directory_.ready = false;
  const HttpAnswer answer = Get("/readyz", "none");
  EXPECT_EQ(answer.status, 503U);
  EXPECT_EQ(answer.fields.at("retry-after"), "1");
  EXPECT_EQ(Get("/healthz", "none").status, 200U);
}

TEST_F(MailboxTest, AMailboxJoinsStoreAndLiveFacts) {
  Store("acme", "alice", "INBOX", {{.subject = "1"}, {.subject = "2"}});
  directory_.live["alice"] = {.state = "throttled", .lag_seconds = 9, .throttled = true};
  const boost::json::value mailbox = GetJson("/v1/mailboxes/alice");
  EXPECT_EQ(mailbox.at("id").as_string(), "alice");
  EXPECT_EQ(mailbox.at("address").as_string(), "alice@acme.example");
  EXPECT_EQ(mailbox.at("state").as_string(), "throttled");
  EXPECT_EQ(mailbox.at("lag_seconds").as_int64(), 9);
  EXPECT_EQ(mailbox.at("messages").as_int64(), 2);
  EXPECT_TRUE(mailbox.at("throttled").as_bool());
  EXPECT_TRUE(mailbox.at("last_complete_at").is_null());
  EXPECT_EQ(directory_.active, (std::vector<std::string>{"acme/alice"}));
}

TEST_F(MailboxTest, AMailboxSaysWhyItIsNotWorkedOn) {
  directory_.live["alice"] = {
      .state = "ok",
      .waiting = Waiting{
          .cause = "pool_full", .until = clock_.WallNow(), .text = "All connections are in use."}};
  EXPECT_EQ(GetJson("/v1/mailboxes/alice").at("waiting"), boost::json::parse(R"({
    "cause": "pool_full", "until": "2024-05-01T21:46:40Z",
    "text": "All connections are in use."})"));
  directory_.live["alice"].waiting->until.reset();
  EXPECT_TRUE(GetJson("/v1/mailboxes/alice").at("waiting").at("until").is_null());
}

TEST_F(MailboxTest, PoolsSayWhatTheyMayAndDo) {
  PoolLive pool;
  pool.host = "imap.example.com";
  pool.limit = 3;
  pool.configured_limit = 10;
  pool.connections = 2;
  pool.waiting = 7;
  pool.cause = "throttled";
  pool.until = clock_.WallNow();
  pool.kinds = {{.name = "new", .grants = 5, .seconds = 0.5}, {.name = "window"}};
  pool.blocked = true;
  pool.throttles = 1;
  pool.logins = 6;
  directory_.pools = {pool};
  EXPECT_EQ(GetJson("/v1/pools", "admin-acme").at("items"), boost::json::parse(R"([{
    "host": "imap.example.com", "egress": null, "limit": 3, "configured_limit": 10,
    "connections": 2, "waiting": 7, "cause": "throttled", "until": "2024-05-01T21:46:40Z",
    "kinds": {"new": {"grants": 5, "seconds": 0.5}, "window": {"grants": 0, "seconds": null}},
    "blocked": true, "throttles": 1, "outages": 0, "logins": 6, "day_bytes": null}])"));
  directory_.pools.front().day_bytes_max = 9;
  EXPECT_EQ(GetJson("/v1/pools", "admin-acme").at("items").at(0).at("day_bytes"),
            boost::json::parse(R"({"drawn": 0, "limit": 9})"));
}

TEST_F(MailboxTest, PoolsComeInPages) {
  for (int i = 0; i < 5; ++i) {
    directory_.pools.emplace_back();
    directory_.pools.back().host = std::to_string(i);
  }
  std::string hosts;
  std::string cursor;
  do {
    const boost::json::value page =
        GetJson("/v1/pools?limit=2" + (cursor.empty() ? "" : "&cursor=" + cursor), "admin-acme");
    for (const boost::json::value& pool : page.at("items").as_array()) {
      hosts += pool.at("host").as_string();
    }
    const boost::json::value& next = page.at("next_cursor");
    cursor = next.is_null() ? "" : std::string(next.as_string());
  } while (!cursor.empty());
  EXPECT_EQ(hosts, "01234");
  EXPECT_EQ(Get("/v1/pools?cursor=AAAA", "admin-acme").status, 400U);
}

TEST_F(MailboxTest, MetricsAreText) {
  const HttpAnswer answer = Get("/metrics", "none");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.body, "up 1\n");
  EXPECT_EQ(answer.fields.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
}

TEST_F(MailboxTest, ARefreshIsAskedForOnce) {
  const HttpAnswer answer = Request("POST", "/v1/mailboxes/alice/refresh");
  EXPECT_EQ(answer.status, 202U);
  EXPECT_EQ(directory_.refreshed, (std::vector<std::string>{"acme/alice"}));
  directory_.accepts = false;
  const HttpAnswer again = Request("POST", "/v1/mailboxes/alice/refresh");
  EXPECT_EQ(again.status, 429U);
  EXPECT_EQ(again.fields.at("retry-after"), "10");
  EXPECT_EQ(Request("POST", "/v1/mailboxes/nobody/refresh").status, 404U);
}

TEST_F(MailboxTest, AMailboxThatTheStoreDoesNotKnowYetIsEmpty) {
  directory_.mailboxes["acme"] = {"alice", "bob", "new"};
  EXPECT_EQ(GetJson("/v1/mailboxes/new").at("messages").as_int64(), 0);
  EXPECT_TRUE(GetJson("/v1/mailboxes/new/folders").at("items").as_array().empty());
}

TEST_F(MailboxTest, ListsMailboxesInPages) {
  directory_.mailboxes["acme"] = {"a", "alice", "b", "bob", "c"};
  const std::vector<std::string> all = {"a", "alice", "b", "bob", "c"};
  for (const char* limit : {"1", "2", "4", "5", "1000"}) {
    EXPECT_EQ(All("/v1/mailboxes?limit=" + std::string(limit), "id"), all) << limit;
  }
  EXPECT_TRUE(directory_.active.empty());
}

TEST_F(MailboxTest, APageFollowsThoughItsLastMailboxWasRemoved) {
  directory_.mailboxes["acme"] = {"a", "b", "c"};
  const boost::json::value page = GetJson("/v1/mailboxes?limit=2");
  const std::string cursor(page.at("next_cursor").as_string());
  directory_.mailboxes["acme"] = {"a", "c"};
  const boost::json::value rest = GetJson("/v1/mailboxes?cursor=" + cursor);
  ASSERT_EQ(rest.at("items").as_array().size(), 1U);
  EXPECT_EQ(rest.at("items").as_array()[0].at("id").as_string(), "c");
}

TEST_F(MailboxTest, BadListParametersAreRefused) {
  for (const char* query : {"limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=AAAA"}) {
    EXPECT_EQ(Get("/v1/mailboxes?" + std::string(query)).status, 400U) << query;
  }
}

TEST_F(MailboxTest, FoldersSayRoleAndCounts) {
  Store("acme", "alice", "INBOX", {{.subject = "1"}, {.subject = "2", .flags = kFlagSeen}});
  Store("acme", "alice", "Sent", {{.subject = "3", .flags = kFlagSeen}});
  EXPECT_EQ(GetJson("/v1/mailboxes/alice/folders"), boost::json::parse(R"({"items": [
    {"name": "INBOX", "role": null, "total": 2, "unread": 1},
    {"name": "Sent", "role": "sent", "total": 1, "unread": 0}], "next_cursor": null})"));
  EXPECT_EQ(directory_.active, (std::vector<std::string>{"acme/alice"}));
}

TEST_F(MailboxTest, LabelsHaveTheSourcesCounts) {
  Store("acme", "alice", "All", {{.subject = "1"}});
  AddLabel("alice", "INBOX", "inbox", 7, 5);
  EXPECT_EQ(GetJson("/v1/mailboxes/alice/folders"), boost::json::parse(R"({"items": [
    {"name": "All", "role": "all", "total": 1, "unread": 1},
    {"name": "INBOX", "role": "inbox", "total": 7, "unread": 5}], "next_cursor": null})"));
}

TEST_F(MailboxTest, AStoreThatCannotBeReadIsAnInternalError) {
  Store("acme", "alice", "INBOX", {{.subject = "1"}});
  records_.failure = Status(Code::kIo, "disk 7 is on fire");
  const HttpAnswer answer = Get("/v1/messages");
  EXPECT_EQ(answer.status, 500U);
  EXPECT_EQ(answer.Code(), "internal_error");
  EXPECT_EQ(answer.body.find("fire"), std::string::npos);
  records_.failure = Status(Code::kBusy, "later");
  EXPECT_EQ(Get("/v1/messages").status, 503U);
}

}  // namespace
}  // namespace mailhaul::http
