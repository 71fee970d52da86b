// The changes as server-sent events.
#include <string>
#include <vector>

#include "engine/http/change_streams.h"
#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

struct Event {
  std::string id;
  std::string type;
  std::string data;
};

// What a client of the HTML standard dispatches, and the id it would resume with.
struct Events {
  std::vector<Event> events;
  std::string last_id;
  size_t comments = 0;
};

Events Parse(const std::string& received) {
  Events parsed;
  const size_t head = received.find("\r\n\r\n");
  if (head == std::string::npos) {
    return parsed;
  }
  Event event;
  size_t at = head + 4;
  for (size_t end = received.find('\n', at); end != std::string::npos;
       at = end + 1, end = received.find('\n', at)) {
    const std::string line = received.substr(at, end - at);
    if (line.starts_with("id: ")) {
      parsed.last_id = event.id = line.substr(4);
    } else if (line.starts_with("event: ")) {
      event.type = line.substr(7);
    } else if (line.starts_with("data: ")) {
      event.data = line.substr(6);
    } else if (line.starts_with(":")) {
      ++parsed.comments;
    } else if (line.empty()) {
      if (!event.data.empty()) {
        parsed.events.push_back(event);
      }
      event = {};
    }
  }
  return parsed;
}

class EventsTest : public ServiceTest {
 protected:
  std::unique_ptr<Client> Stream(const std::string& target, const std::string& last_event_id = "",
                                 net::MemoryStreamOptions options = {}) {
    std::unique_ptr<Client> client = Connect(std::move(options));
    client->Send("GET " + target + " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer read-acme\r\n" +
                 "Accept: text/event-stream\r\n" +
                 (last_event_id.empty() ? "" : "Last-Event-ID: " + last_event_id + "\r\n") +
                 "\r\n");
    EXPECT_TRUE(loop_.RunUntil([&] { return !Parse(client->received()).last_id.empty(); }));
    return client;
  }
  bool AwaitEvents(const Client& client, size_t count) {
    return loop_.RunUntil([&] { return Parse(client.received()).events.size() >= count; });
  }
  void Tell(const std::string& tenant) {
    loop_.Post([this, tenant] { service_->OnChanges(tenant); });
    loop_.RunDue();
  }
};

TEST_F(EventsTest, ToldOfAChangeTheyComeAtOnce) {
  const std::unique_ptr<Client> client = Stream("/v1/changes?since=latest");
  const TimePoint before = clock_.Now();
  Store("acme", "alice", "INBOX", {{.subject = "1"}, {.subject = "2"}});
  Store("globex", "carol", "INBOX", {{.subject = "3"}});
  Tell("acme");
  ASSERT_TRUE(AwaitEvents(*client, 2));
  EXPECT_EQ(clock_.Now(), before);
  const Events parsed = Parse(client->received());
  ASSERT_EQ(parsed.events.size(), 2U);
  EXPECT_EQ(parsed.events[0].type, "message.created");
  EXPECT_NE(parsed.events[0].id, parsed.events[1].id);
  const boost::json::value data = boost::json::parse(parsed.events[0].data);
  EXPECT_EQ(data.at("mailbox").as_string(), "alice");
  const std::string received = client->received();
  const HttpAnswer head =
      ParseAnswers(received.substr(0, received.find("\r\n\r\n") + 4), true).at(0);
  EXPECT_EQ(head.status, 200U);
  EXPECT_EQ(head.fields.at("content-type"), "text/event-stream");
  EXPECT_EQ(head.fields.count("content-length"), 0U);
}

TEST_F(EventsTest, WithoutBeingToldTheyComeWithTheNextLook) {
  const std::unique_ptr<Client> client = Stream("/v1/changes?since=latest");
  const TimePoint before = clock_.Now();
  Store("acme", "alice", "INBOX", {{.subject = "1"}});
  Tell("globex");
  EXPECT_TRUE(Parse(client->received()).events.empty());
  ASSERT_TRUE(AwaitEvents(*client, 1));
  EXPECT_LE(clock_.Now() - before, kChangePollTime);
}

TEST_F(EventsTest, EveryIdResumesBehindItsEvent) {
  Store("acme", "alice", "INBOX", {{.subject = "1"}, {.subject = "2"}, {.subject = "3"}});
  const std::unique_ptr<Client> client = Stream("/v1/changes?limit=2");
  ASSERT_TRUE(AwaitEvents(*client, 3));
  const Events all = Parse(client->received());
  ASSERT_EQ(all.events.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    // The URL still says where the browser once began.
    const std::unique_ptr<Client> again = Stream("/v1/changes?since=latest", all.events[i].id);
    ASSERT_TRUE(AwaitEvents(*again, 2 - i));
    loop_.RunDue();
    const Events rest = Parse(again->received());
    ASSERT_EQ(rest.events.size(), 2 - i);
    for (size_t k = 0; k < rest.events.size(); ++k) {
      EXPECT_EQ(rest.events[k].data, all.events[i + 1 + k].data);
    }
    again->Close();
  }
  EXPECT_TRUE(GetJson("/v1/changes?since=" + all.last_id).at("changes").as_array().empty());
}

TEST_F(EventsTest, AClientCanResumeBeforeItHasSeenAnEvent) {
  std::unique_ptr<Client> client = Stream("/v1/changes?since=latest");
  const std::string id = Parse(client->received()).last_id;
  client->Close();
  Store("acme", "alice", "INBOX", {{.subject = "1"}});
  client = Stream("/v1/changes?since=latest", id);
  EXPECT_TRUE(AwaitEvents(*client, 1));
}

TEST_F(EventsTest, SilenceIsBrokenByComments) {
  const std::unique_ptr<Client> client = Stream("/v1/changes?since=latest");
  const TimePoint before = clock_.Now();
  ASSERT_TRUE(loop_.RunUntil([&] { return Parse(client->received()).comments >= 4; }));
  EXPECT_EQ(clock_.Now() - before, 4 * kHeartbeatTime);
  EXPECT_FALSE(client->ended());
}

TEST_F(EventsTest, EndWithTheServerAtOnce) {
  const std::unique_ptr<Client> client = Stream("/v1/changes");
  const TimePoint before = clock_.Now();
  Shutdown();
  EXPECT_EQ(clock_.Now(), before);
  EXPECT_TRUE(AwaitEnd(*client));
}

TEST_F(EventsTest, EndWithTheToken) {
  const std::unique_ptr<Client> client = Stream("/v1/changes");
  directory_.AddToken("read-acme", {.tenant = "acme"});
  EXPECT_TRUE(AwaitEnd(*client));
}

TEST_F(EventsTest, ATokenHasOnlySoMany) {
  std::vector<std::unique_ptr<Client>> clients;
  for (size_t i = 0; i < kStreamsPerTokenMax; ++i) {
    clients.push_back(Stream("/v1/changes"));
  }
  const std::string accept = "Accept: text/html, text/event-stream;q=0.5\r\n";
  const HttpAnswer refused = Get("/v1/changes", "read-acme", accept);
  EXPECT_EQ(refused.status, 429U);
  EXPECT_EQ(refused.Code(), "too_many_streams");
  EXPECT_EQ(Get("/v1/changes").status, 200U);
  clients.front()->Close();
  // The end is noticed with the next heartbeat.
  const TimePoint later = clock_.Now() + 2 * kHeartbeatTime;
  ASSERT_TRUE(loop_.RunUntil([&] { return clock_.Now() >= later; }));
  clients.front() = Stream("/v1/changes");
}

TEST_F(EventsTest, ASlowClientHoldsUpNobody) {
  std::vector<Mail> mails(100, Mail{.subject = "x"});
  for (int i = 0; i < 10; ++i) {
    Store("acme", "alice", "INBOX", mails);
  }
  const std::unique_ptr<Client> slow = Connect({.buffer_bytes_max = 1024});
  slow->StopReading();
  slow->Send(
      "GET /v1/changes HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer read-acme\r\n"
      "Accept: text/event-stream\r\n\r\n");
  const std::unique_ptr<Client> other = Stream("/v1/changes");
  EXPECT_TRUE(AwaitEvents(*other, 1000));
  EXPECT_EQ(Get("/v1/messages?limit=1").status, 200U);
}

TEST_F(EventsTest, RefusalsAreProblems) {
  const std::string accept = "Accept: text/event-stream\r\n";
  EXPECT_EQ(Get("/v1/changes?since=x", "read-acme", accept).Code(), "bad_state");
  EXPECT_EQ(Get("/v1/changes", "read-acme", accept + "Last-Event-ID: x\r\n").Code(), "bad_state");
  EXPECT_EQ(Get("/v1/changes?limit=0", "read-acme", accept).Code(), "invalid_parameter");
  EXPECT_EQ(Get("/v1/changes", "none", accept).status, 401U);
  EXPECT_EQ(Request("HEAD", "/v1/changes", "read-acme", accept).status, 200U);
  EXPECT_EQ(Get("/v1/changes", "read-acme", "Accept: */*, text/event-stream;q=0\r\n").status, 200U);
  records_.failure = Status(Code::kNotFound, "dropped");
  const HttpAnswer old = Get("/v1/changes", "read-acme", accept);
  EXPECT_EQ(old.status, 410U);
  EXPECT_EQ(old.Code(), "state_too_old");
}

TEST_F(EventsTest, AFailingStoreEndsTheStream) {
  const std::unique_ptr<Client> client = Stream("/v1/changes");
  records_.failure = Status(Code::kIo, "the disk is gone");
  EXPECT_TRUE(AwaitEnd(*client));
}

}  // namespace
}  // namespace mailhaul::http
