#include <set>

#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

class ChangesTest : public ServiceTest {
 protected:
  std::string State(const std::string& target) {
    return std::string(GetJson(target).at("state").as_string());
  }
};

TEST_F(ChangesTest, FollowsTheMailOfATenant) {
  const std::string start = State("/v1/changes?since=latest");
  Store("acme", "alice", "INBOX", {{.subject = "1"}, {.subject = "2"}});
  Store("globex", "carol", "INBOX", {{.subject = "3"}});
  const boost::json::value answer = GetJson("/v1/changes?since=" + start);
  const boost::json::array& changes = answer.at("changes").as_array();
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].at("type").as_string(), "message.created");
  EXPECT_EQ(changes[0].at("mailbox").as_string(), "alice");
  EXPECT_NE(changes[0].at("seq"), changes[1].at("seq"));
  EXPECT_FALSE(answer.at("more").as_bool());
  EXPECT_TRUE(directory_.active.empty());
  for (const boost::json::value& change : changes) {
    const std::string message(change.at("message").as_string());
    EXPECT_EQ(Get("/v1/messages/" + message).status, 200U);
  }
  const std::string state(answer.at("state").as_string());
  EXPECT_TRUE(GetJson("/v1/changes?since=" + state).at("changes").as_array().empty());
}

TEST_F(ChangesTest, WithoutAStateItBeginsAtTheOldest) {
  Store("acme", "alice", "INBOX", {{.subject = "1"}, {.subject = "2"}, {.subject = "3"}});
  std::set<std::string> seen;
  std::string target = "/v1/changes?limit=2";
  for (bool more = true; more;) {
    const boost::json::value answer = GetJson(target);
    for (const boost::json::value& change : answer.at("changes").as_array()) {
      EXPECT_TRUE(seen.emplace(change.at("seq").as_string()).second);
    }
    more = answer.at("more").as_bool();
    target = "/v1/changes?limit=2&since=" + std::string(answer.at("state").as_string());
  }
  EXPECT_EQ(seen.size(), 3U);
}

TEST_F(ChangesTest, AStateIsOfOneTenantAndWhole) {
  Store("acme", "alice", "INBOX", {{.subject = "1"}});
  const std::string state = State("/v1/changes");
  EXPECT_EQ(Get("/v1/changes?since=" + state, "read-globex").Code(), "bad_state");
  for (const std::string& bad : {state.substr(1), std::string("x"), state + "A"}) {
    const HttpAnswer answer = Get("/v1/changes?since=" + bad);
    EXPECT_EQ(answer.status, 400U);
    EXPECT_EQ(answer.Code(), "bad_state");
  }
  EXPECT_EQ(Get("/v1/changes?cursor=" + state).Code(), "unknown_parameter");
  EXPECT_EQ(Get("/v1/changes?limit=0").Code(), "invalid_parameter");
  EXPECT_EQ(Get("/v1/changes", "none").status, 401U);
}

TEST_F(ChangesTest, AStateBehindWhichChangesWereDroppedIsTooOld) {
  const std::string start = State("/v1/changes?since=latest");
  Store("acme", "alice", "INBOX", {{.subject = "1"}});
  const std::string first = State("/v1/changes");
  Store("acme", "alice", "INBOX", {{.subject = "2"}});
  store::ChangeTrim trim;
  trim.keep = std::chrono::hours(1);
  trim.read_to = [](TenantId, ShardId) { return std::optional<uint64_t>(1); };
  for (const int64_t hour : {100, 101}) {
    trim.now = WallTime(std::chrono::hours(hour));
    for (const ShardId shard : store_->Shards()) {
      ASSERT_TRUE(store_->TrimChanges(shard, trim).ok());
    }
  }
  const HttpAnswer old = Get("/v1/changes?since=" + start);
  EXPECT_EQ(old.status, 410U);
  EXPECT_EQ(old.Code(), "state_too_old");
  const std::string accept = "Accept: text/event-stream\r\n";
  const HttpAnswer stream =
      Get("/v1/changes", "read-acme", accept + "Last-Event-ID: " + start + "\r\n");
  EXPECT_EQ(stream.status, 410U);
  EXPECT_EQ(stream.Code(), "state_too_old");
  EXPECT_EQ(GetJson("/v1/changes?since=" + first).at("changes").as_array().size(), 1U);
  EXPECT_EQ(GetJson("/v1/changes").at("changes").as_array().size(), 1U);
  EXPECT_TRUE(GetJson("/v1/changes?since=" + State("/v1/changes?since=latest"))
                  .at("changes")
                  .as_array()
                  .empty());
}

TEST_F(ChangesTest, ABrokenStoreIsSaid) {
  records_.failure = Status(Code::kIo, "the disk is gone");
  EXPECT_GE(Get("/v1/changes").status, 500U);
}

}  // namespace
}  // namespace mailhaul::http
