// PATCH and DELETE of a message.
#include <memory>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "engine/http/gate.h"
#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

class LocalChangesTest : public ServiceTest {
 protected:
  std::string StoreOne(const Mail& mail) {
    Store("acme", "alice", "INBOX", {mail});
    const boost::json::value page = GetJson("/v1/messages?limit=1");
    return std::string(page.at("items").as_array().at(0).at("id").as_string());
  }
  HttpAnswer Patch(const std::string& id, const std::string& body,
                   const std::string& fields = "Content-Type: application/json\r\n",
                   const std::string& token = "read-acme") {
    return Request("PATCH", "/v1/messages/" + id, token, fields, body);
  }
  HttpAnswer Delete(const std::string& id, const std::string& fields = "",
                    const std::string& token = "read-acme") {
    return Request("DELETE", "/v1/messages/" + id, token, fields);
  }
  // Types of all changes after the message was stored.
  std::vector<std::string> ChangesOf(const std::string& id) {
    std::vector<std::string> types;
    const boost::json::value page = GetJson("/v1/changes");
    for (const boost::json::value& change : page.at("changes").as_array()) {
      if (change.at("message").as_string() == id) {
        types.emplace_back(change.at("type").as_string());
      }
    }
    return types;
  }
  uint64_t FolderCount(const std::string& name, const std::string& field) {
    const boost::json::value page = GetJson("/v1/mailboxes/alice/folders");
    for (const boost::json::value& folder : page.at("items").as_array()) {
      if (folder.at("name").as_string() == name) {
        return folder.at(field).to_number<uint64_t>();
      }
    }
    return UINT64_MAX;
  }
};

TEST_F(LocalChangesTest, WhatIsSetIsShownAndFiltered) {
  Store("acme", "alice", "Archive", {{.subject = "other", .received = 1}});
  const std::string other = All("/v1/messages", "id").front();
  const std::string id = StoreOne({.flags = kFlagFlagged, .tags = {"source"}});
  const HttpAnswer answer =
      Patch(id, R"({"seen":true,"flagged":false,"folder":"Archive","tags":["Blue","b c"]})");
  ASSERT_EQ(answer.status, 200U) << answer.body;
  const boost::json::value shown = answer.Json();
  EXPECT_TRUE(shown.at("seen").as_bool());
  EXPECT_FALSE(shown.at("flagged").as_bool());
  EXPECT_EQ(shown.at("folder").as_string(), "Archive");
  EXPECT_EQ(boost::json::serialize(shown.at("tags")), R"(["Blue","b c"])");
  EXPECT_EQ(shown.at("text").as_string(), "text");
  const HttpAnswer read = Get("/v1/messages/" + id);
  EXPECT_EQ(read.body, answer.body);
  EXPECT_EQ(read.fields.at("etag"), answer.fields.at("etag"));

  const std::vector<std::string> one = {id};
  EXPECT_EQ(All("/v1/messages?unread=false", "id"), one);
  EXPECT_EQ(All("/v1/messages?tag=blue", "id"), one);
  EXPECT_EQ(All("/v1/messages?mailbox=alice&tag=b+c", "id"), one);
  EXPECT_TRUE(All("/v1/messages?tag=source", "id").empty());
  EXPECT_TRUE(All("/v1/messages?flagged=true", "id").empty());
  EXPECT_TRUE(All("/v1/messages?mailbox=alice&folder=INBOX", "id").empty());
  EXPECT_EQ(All("/v1/messages?mailbox=alice&folder=Archive", "id"),
            (std::vector<std::string>{id, other}));
  EXPECT_EQ(All("/v1/messages?folder=Archive", "id").front(), id);
  EXPECT_EQ(FolderCount("INBOX", "total"), 0U);
  EXPECT_EQ(FolderCount("Archive", "total"), 2U);
  EXPECT_EQ(FolderCount("Archive", "unread"), 1U);
}

TEST_F(LocalChangesTest, NullShowsTheSourceAgain) {
  const std::string id = StoreOne({.flags = kFlagFlagged, .tags = {"source"}});
  const std::string before = Get("/v1/messages/" + id).body;
  ASSERT_EQ(Patch(id, R"({"flagged":false,"tags":[],"folder":"INBOX","seen":true})").status, 200U);
  EXPECT_NE(Get("/v1/messages/" + id).body, before);
  const HttpAnswer cleared = Patch(id, R"({"flagged":null,"tags":null,"folder":null,"seen":null})");
  EXPECT_EQ(cleared.status, 200U);
  EXPECT_EQ(cleared.body, before);
}

TEST_F(LocalChangesTest, OnlyWhatReallyChangedIsToldOf) {
  const std::string id = StoreOne({});
  EXPECT_EQ(Patch(id, R"({"seen":true})").status, 200U);
  EXPECT_EQ(Patch(id, R"({"seen":true})").status, 200U);
  EXPECT_EQ(Patch(id, R"({"flagged":false})").status, 200U);  // It was not flagged.
  EXPECT_EQ(Patch(id, "{}").status, 200U);
  EXPECT_EQ(ChangesOf(id), (std::vector<std::string>{"message.created", "message.updated"}));
}

TEST_F(LocalChangesTest, WhatIsDeletedIsNotThere) {
  const std::string id = StoreOne({});
  const HttpAnswer answer = Delete(id);
  EXPECT_EQ(answer.status, 204U);
  EXPECT_TRUE(answer.body.empty());
  EXPECT_FALSE(answer.fields.contains("content-length"));
  for (const char* const rest : {"", "/raw", "/attachments/1"}) {
    EXPECT_EQ(Get("/v1/messages/" + id + rest).status, 404U) << rest;
  }
  EXPECT_EQ(Delete(id).status, 404U);
  EXPECT_EQ(Patch(id, "{}").status, 404U);
  EXPECT_TRUE(All("/v1/messages", "id").empty());
  EXPECT_EQ(FolderCount("INBOX", "total"), 0U);
  EXPECT_EQ(GetJson("/v1/mailboxes/alice").at("messages").to_number<int>(), 0);
  EXPECT_EQ(ChangesOf(id), (std::vector<std::string>{"message.created", "message.deleted"}));
}

TEST_F(LocalChangesTest, AMessageHasATagThatChangesWithIt) {
  const std::string id = StoreOne({});
  const std::string target = "/v1/messages/" + id;
  const std::string etag = Get(target).fields.at("etag");
  const std::string condition = "If-None-Match: " + etag + "\r\n";
  const HttpAnswer unchanged = Get(target, "read-acme", condition);
  EXPECT_EQ(unchanged.status, 304U);
  EXPECT_TRUE(unchanged.body.empty());
  EXPECT_EQ(Patch(id, R"({"seen":true})").status, 200U);
  EXPECT_EQ(Get(target, "read-acme", condition).status, 200U);
  EXPECT_NE(Get(target).fields.at("etag"), etag);
}

TEST_F(LocalChangesTest, IfMatchKeepsOthersChanges) {
  const std::string id = StoreOne({});
  const std::string old_tag = Get("/v1/messages/" + id).fields.at("etag");
  const std::string fresh_tag = Patch(id, R"({"seen":true})").fields.at("etag");
  for (const std::string& tags : {old_tag, "W/" + fresh_tag, std::string("\"x\"")}) {
    const std::string fields = "If-Match: " + tags + "\r\n";
    EXPECT_EQ(Patch(id, R"({"seen":false})", fields).Code(), "precondition_failed") << tags;
    EXPECT_EQ(Delete(id, fields).status, 412U) << tags;
  }
  EXPECT_TRUE(GetJson("/v1/messages/" + id).at("seen").as_bool());
  EXPECT_EQ(Patch(id, R"({"flagged":true})", "If-Match: \"x\", " + fresh_tag + "\r\n").status,
            200U);
  EXPECT_EQ(Delete(id, "If-Match: *\r\n").status, 204U);
  EXPECT_EQ(Delete(id, "If-Match: *\r\n").status, 404U);
}

TEST_F(LocalChangesTest, OthersMessagesAreNotThere) {
  const std::string id = StoreOne({});
  EXPECT_EQ(Patch(id, R"({"seen":true})", "", "read-globex").status, 404U);
  EXPECT_EQ(Delete(id, "", "read-globex").status, 404U);
  EXPECT_EQ(Delete(id, "", "send-acme").Code(), "insufficient_scope");
  EXPECT_EQ(Delete(id, "", "unknown").status, 401U);
  EXPECT_FALSE(GetJson("/v1/messages/" + id).at("seen").as_bool());
}

TEST_F(LocalChangesTest, BadBodiesAreRefusedWithTheReason) {
  Store("acme", "bob", "Only bob's", {{.received = 1}});
  const std::string id = StoreOne({});
  std::string many = "[";
  for (size_t i = 0; i <= store::kLocalTagsMax; ++i) {
    many += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\"";
  }
  many += "]";
  const std::string long_tag(store::kLocalTagBytesMax + 1, 'x');
  const struct {
    std::string body;
    unsigned status;
    std::string code;
  } kBad[] = {
      {"{", 400, "bad_json"},
      {"{\"seen\":true} x", 400, "bad_json"},
      {"{\"tags\":[\"\xff\"]}", 400, "bad_json"},
      {"{\"tags\":" + std::string(1000, '[') + std::string(1000, ']') + "}", 400, "bad_json"},
      {"[]", 422, "invalid_field"},
      {"null", 422, "invalid_field"},
      {"{\"seen\":1}", 422, "invalid_field"},
      {"{\"seen\":\"true\"}", 422, "invalid_field"},
      {"{\"flagged\":[]}", 422, "invalid_field"},
      {"{\"folder\":\"\"}", 422, "invalid_field"},
      {"{\"folder\":{}}", 422, "invalid_field"},
      {"{\"folder\":\"None\"}", 422, "unknown_folder"},
      {"{\"folder\":\"Only bob's\"}", 422, "unknown_folder"},
      {"{\"folder\":\"inbox\"}", 422, "unknown_folder"},
      {"{\"tags\":\"a\"}", 422, "invalid_field"},
      {"{\"tags\":{}}", 422, "invalid_field"},
      {"{\"tags\":[1]}", 422, "invalid_field"},
      {"{\"tags\":[null]}", 422, "invalid_field"},
      {"{\"tags\":[\"\"]}", 422, "invalid_field"},
      {"{\"tags\":[\"a\\u0000b\"]}", 422, "invalid_field"},
      {"{\"tags\":[\"a\\r\\nb\"]}", 422, "invalid_field"},
      {"{\"tags\":[\"a\",\"a\"]}", 422, "invalid_field"},
      {"{\"tags\":[\"" + long_tag + "\"]}", 422, "invalid_field"},
      {"{\"tags\":" + many + "}", 422, "invalid_field"},
      {"{\"id\":\"x\"}", 422, "unknown_field"},
      {"{\"seen\":true,\"Seen\":true}", 422, "unknown_field"},
  };
  const std::string before = Get("/v1/messages/" + id).body;
  for (const auto& bad : kBad) {
    const HttpAnswer answer = Patch(id, bad.body);
    EXPECT_EQ(answer.status, bad.status) << bad.body.substr(0, 80);
    EXPECT_EQ(answer.Code(), bad.code) << bad.body.substr(0, 80);
  }
  EXPECT_EQ(Patch(id, "").Code(), "bad_json");
  EXPECT_NE(Patch(id, "{\"flaged\":true}").body.find("did you mean \\\"flagged\\\""),
            std::string::npos);
  EXPECT_EQ(Patch(id, "seen=true", "Content-Type: application/x-www-form-urlencoded\r\n").status,
            415U);
  EXPECT_EQ(Patch(id, "{}", "Content-Type: Application/JSON; charset=utf-8\r\n").status, 200U);
  EXPECT_EQ(Get("/v1/messages/" + id).body, before);
}

TEST_F(LocalChangesTest, TheLargestChangeFitsAndMoreDoesNot) {
  const std::string id = StoreOne({});
  std::string tags;
  for (size_t i = 0; i < store::kLocalTagsMax; ++i) {
    std::string tag(store::kLocalTagBytesMax, 'x');
    tag.replace(0, 3, std::to_string(100 + i));
    tags += (i == 0 ? "\"" : ",\"") + tag + "\"";
  }
  std::string body = "{\"tags\":[" + tags + "]}";
  EXPECT_EQ(Patch(id, body).status, 200U);
  body.resize(kChangeBodyBytesMax, ' ');
  EXPECT_EQ(Patch(id, body).status, 200U);
  body.push_back(' ');
  EXPECT_EQ(Patch(id, body).Code(), "body_too_large");
}

TEST_F(LocalChangesTest, ABodyMayComeInPieces) {
  const std::string id = StoreOne({});
  const std::string head =
      "PATCH /v1/messages/" + id + " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer read-acme\r\n";
  for (const size_t step : {size_t{1}, size_t{7}, SIZE_MAX}) {
    const std::string counted = Exchange(head + "Content-Length: 13\r\n\r\n{\"seen\":true}", step);
    EXPECT_EQ(ParseAnswers(counted).at(0).status, 200U) << counted;
    const std::string chunked = Exchange(
        head + "Transfer-Encoding: chunked\r\n\r\n6\r\n{\"seen\r\n8\r\n\":false}\r\n0\r\n\r\n",
        step);
    const std::vector<HttpAnswer> answers = ParseAnswers(chunked);
    ASSERT_EQ(answers.at(0).status, 200U) << chunked;
    EXPECT_FALSE(answers.at(0).Json().at("seen").as_bool());
  }
}

TEST_F(LocalChangesTest, TheAnswerWaitsForTheCommitter) {
  const std::string id = StoreOne({});
  writer_.holding = true;
  const std::unique_ptr<Client> client = Connect();
  client->Send("DELETE /v1/messages/" + id +
               " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer read-acme\r\n\r\n");
  ASSERT_TRUE(loop_.RunUntil([&] { return !writer_.held.empty(); }));
  EXPECT_TRUE(client->received().empty());
  EXPECT_EQ(Get("/v1/messages/" + id).status, 200U);
  writer_.holding = false;
  writer_.RunAll();
  EXPECT_EQ(Await(*client, 1).at(0).status, 204U);
}

TEST_F(LocalChangesTest, AGmailLabelShowsByWhatIsShown) {
  AddLabel("alice", "INBOX", "inbox", 1, 1);
  Store("acme", "alice", "All", {{.tags = {"inbox"}}});
  const std::string inbox = "/v1/messages?mailbox=alice&folder=INBOX";
  const std::vector<std::string> ids = All(inbox, "id");
  ASSERT_EQ(ids.size(), 1U);
  EXPECT_EQ(Patch(ids[0], R"({"tags":["done"]})").status, 200U);
  EXPECT_TRUE(All(inbox, "id").empty());
  EXPECT_EQ(Patch(ids[0], R"({"folder":"INBOX"})").status, 200U);
  EXPECT_EQ(All(inbox, "id"), ids);
  EXPECT_EQ(FolderCount("INBOX", "total"), 2U);  // The source's one, and this.
}

}  // namespace
}  // namespace mailhaul::http
