// What belongs to another tenant is answered exactly like what does not exist, on every path of the
// gate's own table: a new path is in this test, or fails it.
#include <algorithm>
#include <map>
#include <set>

#include "base/ids.h"
#include "engine/http/gate.h"
#include "tests/http/fake_mailbox_admin.h"
#include "tests/http/fake_outgoing.h"
#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

// May do everything that a token may.
constexpr const char* kOurs = "all-acme";
constexpr const char* kTheirs = "all-globex";

bool HasArgument(const RouteInfo& route) { return route.path.find("{}") != std::string::npos; }

// The collection that the first argument of a path names an element of.
std::string CollectionOf(const RouteInfo& route) {
  return route.path.substr(0, route.path.find("/{}"));
}

std::string Replaced(std::string text, std::string_view from, const std::string& to) {
  const size_t at = text.find(from);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

class IsolationTest : public ServiceTest {
 protected:
  IsolationTest() : outgoing_(*store_) {
    service_->EnableSending(outgoing_);
    service_->EnableAdding(admin_);
    admin_.known = &directory_.mailboxes;
    admin_.outcome = {.status = 409, .name = "", .code = "mailbox_configured", .detail = "as told"};
    for (const char* tenant : {"acme", "globex"}) {
      directory_.AddToken(std::string("all-") + tenant,
                          {.tenant = tenant, .read = true, .send = true, .admin = true});
    }
    directory_.mailboxes["acme"] = {"alice", "bob"};
    ours_ = Fill("acme", "alice", kOurs);
    theirs_ = Fill("globex", "carol", kTheirs);
  }

  struct Ids {
    std::string mailbox;
    std::string message;
    std::string submission;
  };

  Ids Fill(const std::string& tenant, const std::string& mailbox, const std::string& token) {
    store::Attachment attachment;
    attachment.filename = "a.txt";
    attachment.content_type = "text/plain";
    Store(tenant, mailbox, "Only-" + tenant,
          {{.subject = "subject-of-" + tenant,
            .from = "from@" + tenant + ".example",
            .tags = {"tag-of-" + tenant},
            .attachments = {attachment}},
           {.subject = "left-out", .not_fetched = "too large"}});
    const HttpAnswer sent =
        Request("POST", "/v1/submissions", token, "Idempotency-Key: k\r\n",
                R"({"mailbox":")" + mailbox + R"(","to":"b@y.example","subject":"sent-by-)" +
                    tenant + R"("})");
    EXPECT_EQ(sent.status, 202U) << sent.body;
    const boost::json::value list = GetJson("/v1/messages?subject=subject-of-" + tenant, token);
    return {.mailbox = mailbox,
            .message = std::string(list.at("items").as_array().at(0).at("id").as_string()),
            .submission = std::string(sent.Json().at("id").as_string())};
  }

  // The element of a collection that a tenant has; "" of a collection that this test does not know.
  static std::string Named(const std::string& collection, const Ids& ids) {
    const std::map<std::string, std::string> known = {{"/v1/mailboxes", ids.mailbox},
                                                      {"/v1/messages", ids.message},
                                                      {"/v1/submissions", ids.submission}};
    const auto it = known.find(collection);
    return it == known.end() ? "" : it->second;
  }

  static std::string PathTo(const RouteInfo& route, const std::string& id) {
    return Replaced(Replaced(route.path, "{}", id), "{}", "1");
  }

  // All of an answer but what differs between any two, as one text.
  static std::string Whole(const HttpAnswer& answer) {
    std::string text = std::to_string(answer.status) + "\n";
    for (const auto& [name, value] : answer.fields) {
      text += name == "x-request-id" ? "" : name + ": " + value + "\n";
    }
    return text + answer.body;
  }

  HttpAnswer Ask(const std::string& method, const std::string& target, const std::string& token,
                 const std::string& body = "") {
    const std::string bytes =
        method + " " + target + " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token +
        "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    const std::vector<HttpAnswer> answers = ParseAnswers(Exchange(bytes), method == "HEAD");
    EXPECT_EQ(answers.size(), 1U) << method << " " << target;
    return answers.empty() ? HttpAnswer{} : answers.front();
  }

  static std::string BodyFor(const RouteInfo& route) {
    return route.method == "PATCH" ? R"({"seen":true})" : "";
  }

  FakeOutgoing outgoing_;
  FakeMailboxAdmin admin_;
  Ids ours_;
  Ids theirs_;
};

// One that nobody has, of the same form.
std::string Unknown(const std::string& id) {
  const Result<uint64_t> number = ParseId(id);
  return number.ok() && id.size() == 16 ? FormatId(*number + 0x1000) : "nobody";
}

TEST_F(IsolationTest, TheirIdsAreAnsweredLikeUnknownOnes) {
  size_t asked = 0;
  for (const RouteInfo& route : DescribeRoutes()) {
    if (!HasArgument(route)) {
      continue;
    }
    const std::string id = Named(CollectionOf(route), theirs_);
    ASSERT_FALSE(id.empty()) << "teach this test what " << route.path << " names";
    const HttpAnswer theirs = Ask(route.method, PathTo(route, id), kOurs, BodyFor(route));
    const HttpAnswer unknown = Ask(route.method, PathTo(route, Unknown(id)), kOurs, BodyFor(route));
    EXPECT_EQ(theirs.status, 404U) << route.method << " " << route.path;
    EXPECT_EQ(Whole(theirs), Whole(unknown)) << route.method << " " << route.path;
    ++asked;
  }
  EXPECT_GE(asked, 15U);
  // None of it has done anything either.
  EXPECT_EQ(Get("/v1/messages/" + theirs_.message, kTheirs).Json().at("seen").as_bool(), false);
  EXPECT_EQ(Get("/v1/submissions/" + theirs_.submission, kTheirs).Json().at("state").as_string(),
            "queued");
  EXPECT_TRUE(directory_.refreshed.empty());
  EXPECT_TRUE(directory_.wanted.empty());
}

// Else the test above would pass on a server that answers 404 to everything.
TEST_F(IsolationTest, OurOwnIdsAreThere) {
  std::vector<RouteInfo> routes = DescribeRoutes();
  // What removes the message comes last.
  std::stable_partition(routes.begin(), routes.end(), [](const RouteInfo& route) {
    return route.route != Route::kDeleteMessage;
  });
  for (const RouteInfo& route : routes) {
    if (HasArgument(route)) {
      const std::string id = Named(CollectionOf(route), ours_);
      const HttpAnswer answer = Ask(route.method, PathTo(route, id), kOurs, BodyFor(route));
      EXPECT_NE(answer.status, 404U) << route.method << " " << route.path;
      EXPECT_LT(answer.status, 500U) << route.method << " " << route.path;
    }
  }
}

TEST_F(IsolationTest, ListsAndFeedsTellNothingOfThem) {
  for (const RouteInfo& route : DescribeRoutes()) {
    if (HasArgument(route) || route.method != "GET") {
      continue;
    }
    const HttpAnswer answer = Ask("GET", route.path, kOurs);
    EXPECT_EQ(answer.status, 200U) << route.path;
    for (const std::string& word :
         {theirs_.mailbox, theirs_.message, theirs_.submission, std::string("globex")}) {
      EXPECT_EQ(answer.body.find(word), std::string::npos) << route.path << " tells of " << word;
    }
  }
  EXPECT_NE(Get("/v1/messages", kTheirs).body.find(theirs_.message), std::string::npos);
  EXPECT_NE(Get("/v1/changes", kTheirs).body.find(theirs_.message), std::string::npos);
}

TEST_F(IsolationTest, TheirValuesInAQueryAreLikeUnknownOnes) {
  const std::string state = std::string(GetJson("/v1/changes", kTheirs).at("state").as_string());
  const std::map<std::string, std::pair<std::string, std::string>> values = {
      {"mailbox", {theirs_.mailbox, "nobody"}},
      {"folder", {"Only-globex", "Only-nobody"}},
      {"from", {"from@globex.example", "from@nobody.example"}},
      {"to", {"from@globex.example", "from@nobody.example"}},
      {"participant", {"from@globex.example", "from@nobody.example"}},
      {"subject", {"subject-of-globex", "subject-of-nobody"}},
      {"text", {"subject-of-globex", "subject-of-nobody"}},
      {"tag", {"tag-of-globex", "tag-of-nobody"}},
      {"thread", {theirs_.message, Unknown(theirs_.message)}},
      {"since", {state, Replaced(state, state.substr(3, 4), "AAAA")}}};
  // Say nothing of anybody.
  const std::set<std::string> harmless = {"limit",  "after",   "before",  "unread",
                                          "cursor", "flagged", "send_at", "has_attachment",
                                          "state",  "test"};
  for (const RouteInfo& route : DescribeRoutes()) {
    for (const std::string& parameter : route.parameters) {
      const auto value = values.find(parameter);
      if (value == values.end()) {
        EXPECT_TRUE(harmless.contains(parameter)) << "teach this test what " << parameter << " is";
      } else if (route.method == "GET") {
        const std::string target = route.path + "?" + parameter + "=";
        const HttpAnswer theirs = Ask("GET", target + value->second.first, kOurs);
        const HttpAnswer unknown = Ask("GET", target + value->second.second, kOurs);
        EXPECT_EQ(Whole(theirs), Whole(unknown)) << target;
        EXPECT_LT(theirs.status, 500U) << target;
      }
    }
  }
}

TEST_F(IsolationTest, TheirThingsInASubmissionAreLikeUnknownOnes) {
  const auto submit = [this](const std::string& mailbox, const std::string& in_reply_to) {
    return Whole(Ask("POST", "/v1/submissions", kOurs,
                     R"({"mailbox":")" + mailbox + R"(","to":"b@y.example","subject":"s",)" +
                         R"("in_reply_to":")" + in_reply_to + "\"}"));
  };
  const std::string unknown = Unknown(theirs_.message);
  EXPECT_EQ(submit("alice", theirs_.message), submit("alice", unknown));
  EXPECT_EQ(submit(theirs_.mailbox, ""), submit("nobody", ""));
  EXPECT_EQ(submit(theirs_.mailbox, ours_.message), submit("nobody", ours_.message));
  EXPECT_TRUE(submit("alice", ours_.message).starts_with("202"));
}

// Both have used "k" for other requests.
TEST_F(IsolationTest, KeysOfIdempotencyAreEachTenantsOwn) {
  EXPECT_NE(ours_.submission, theirs_.submission);
  const HttpAnswer again =
      Request("POST", "/v1/submissions", kOurs, "Idempotency-Key: k\r\n",
              R"({"mailbox":"alice","to":"b@y.example","subject":"sent-by-acme"})");
  EXPECT_EQ(again.Json().at("id").as_string(), ours_.submission);
}

TEST_F(IsolationTest, TheirCursorsAreRefused) {
  for (const char* list : {"/v1/messages", "/v1/mailboxes"}) {
    directory_.mailboxes["globex"] = {"carol", "dan"};
    const boost::json::value page = GetJson(std::string(list) + "?limit=1", kTheirs);
    ASSERT_FALSE(page.at("next_cursor").is_null()) << list;
    const HttpAnswer answer = Get(
        std::string(list) + "?limit=1&cursor=" + std::string(page.at("next_cursor").as_string()),
        kOurs);
    EXPECT_EQ(answer.status, 400U) << list;
    EXPECT_EQ(answer.Code(), "bad_cursor") << list;
  }
}

}  // namespace
}  // namespace mailhaul::http
