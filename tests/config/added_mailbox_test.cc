// A mailbox that is added while running: read from JSON as from a tenant file, kept, read again.
#include "engine/config/added_mailbox.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "engine/config/json_tree.h"
#include "engine/config/load_providers.h"
#include "engine/config/tenant_file.h"
#include "tests/config/fake_references.h"

namespace mailhaul::config {
namespace {

constexpr const char* kWhole =
    R"({"id":"bob","address":"Bob@acme.example",)"
    R"("source":{"host":"imap.acme.example","port":1143,"security":"starttls",)"
    R"("username":"b","password":"hunter2"},)"
    R"("submission":{"host":"smtp.acme.example"}})";

MailboxConfig Good(std::string_view body, std::string_view id = "") {
  std::variant<MailboxConfig, RefusedBody> read = ReadMailboxBody(body, id, Builtin());
  if (const RefusedBody* refused = std::get_if<RefusedBody>(&read)) {
    ADD_FAILURE() << refused->problems.front().field << ": " << refused->problems.front().message;
    return {};
  }
  return std::get<MailboxConfig>(std::move(read));
}

RefusedBody Refused(std::string_view body, std::string_view id = "") {
  std::variant<MailboxConfig, RefusedBody> read = ReadMailboxBody(body, id, Builtin());
  if (RefusedBody* refused = std::get_if<RefusedBody>(&read)) {
    EXPECT_FALSE(refused->problems.empty());
    return std::move(*refused);
  }
  ADD_FAILURE() << "taken: " << body;
  return {.is_json = true, .problems = {{.field = "", .message = "taken"}}};
}

std::map<std::string, std::string> ByField(const RefusedBody& refused) {
  std::map<std::string, std::string> found;
  for (const FieldProblem& problem : refused.problems) {
    found.emplace(problem.field, problem.message);
  }
  return found;
}

TEST(AddedMailboxTest, SaysWhatTheSameInATenantFileSays) {
  const MailboxConfig mailbox = Good(kWhole);
  FakeReferences references;
  Report report("t", false);
  const std::optional<ParsedTenant> parsed = ParseTenant(
      std::string("tenant: a\nmailboxes:\n  - ") + kWhole + "\n", Builtin(), references, report);
  ASSERT_TRUE(parsed) << Shown(report);
  const MailboxConfig& same = parsed->tenant.mailboxes.front();
  EXPECT_TRUE(mailbox.added);
  EXPECT_FALSE(same.added);
  EXPECT_EQ(mailbox.id, "bob");
  EXPECT_EQ(mailbox.address, same.address);
  EXPECT_EQ(mailbox.source.port, 1143);
  EXPECT_EQ(mailbox.source.security, SecurityMode::kStartTls);
  EXPECT_EQ(mailbox.source.username, "b");
  EXPECT_EQ(mailbox.source.password.Reveal(), "hunter2");
  EXPECT_EQ(mailbox.submission->host, "smtp.acme.example");
  EXPECT_EQ(mailbox.submission->password.Reveal(), "hunter2");
  EXPECT_EQ(mailbox.pool, same.pool);
}

TEST(AddedMailboxTest, WithoutAnIdTheAddressIsIt) {
  const auto id_of = [](const std::string& address) {
    return Good(R"({"address":")" + address + R"(","source":{"password":"p"}})").id;
  };
  EXPECT_EQ(id_of("Bob@Acme.Example"), "bob@acme.example");
  EXPECT_EQ(id_of("a/b@acme.example").substr(0, 2), "m-");
  EXPECT_EQ(id_of("a/b@acme.example"), id_of("A/B@acme.example"));
  EXPECT_NE(id_of("a/b@acme.example"), id_of("a/c@acme.example"));
  EXPECT_EQ(id_of(std::string(128, 'a') + "@acme.example").size(), 18U);
}

TEST(AddedMailboxTest, ThePathDecidesAndTheBodyMayNotDiffer) {
  EXPECT_EQ(Good(R"({"address":"b@a.example","source":{"password":"p"}})", "bob").id, "bob");
  EXPECT_EQ(Good(kWhole, "bob").id, "bob");
  EXPECT_NE(Refused(kWhole, "alice").problems.front().message.find("path"), std::string::npos);
}

TEST(AddedMailboxTest, ReferencesToTheServersOwnAreRefused) {
  for (const char* source :
       {R"({"password":{"env":"PATH"}})", R"({"password":{"file":"/etc/hostname"}})",
        R"({"oauth2":{"token_url":"https://t.example/","client_id":"c",)"
        R"("refresh_token":{"env":"PATH"}}})"}) {
    const RefusedBody refused =
        Refused(std::string(R"({"address":"b@a.example","source":)") + source + "}");
    EXPECT_NE(refused.problems.front().message.find("refused here"), std::string::npos) << source;
  }
}

TEST(AddedMailboxTest, AllProblemsAreToldOfAtTheirFields) {
  const auto found =
      ByField(Refused(R"({"id":"a b","address":"nobody","source":{"port":"993","securty":"tls",)"
                      R"("host":"h","password":["x"]},"submission":{"port":0}})"));
  EXPECT_TRUE(found.contains("id"));
  EXPECT_TRUE(found.contains("address"));
  EXPECT_TRUE(found.contains("source.port"));
  EXPECT_TRUE(found.contains("source.password"));
  EXPECT_TRUE(found.contains("submission.port"));
  EXPECT_NE(found.at("source").find("'security'"), std::string::npos);
}

TEST(AddedMailboxTest, WhatIsNoMailboxAtAllIsRefused) {
  for (const char* body :
       {"[]", "1", "null", "\"text\"", "{}", R"({"source":null})", R"({"address":"b@a.example"})",
        R"({"address":"b@a.example",)"
        R"("source":{}})"}) {
    EXPECT_TRUE(Refused(body).is_json) << body;
  }
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("{}x"), std::string("{} {}"),
        std::string("{\"a\":1,\"a\":2}"), std::string("{\"a\":\"\xFF\"}"),
        std::string("{\"a\":1,}"), std::string(100, '['), std::string("{'a':1}"),
        std::string("\xEF\xBB\xBF{}"), "[" + std::string(4000, '1') + "e"}) {
    EXPECT_FALSE(Refused(body).is_json) << body;
  }
}

TEST(AddedMailboxTest, NoProblemRepeatsASecret) {
  for (const char* source :
       {R"({"pasword":"hunter2"})", R"({"password":{"hunter2":"hunter2"}})",
        R"({"password":["hunter2"]})", R"({"password":"hunter2\n"})", R"({"hunter2":1})",
        R"({"password":"x","host":"hunter2 hunter2"})", R"({"auth":"hunter2"})",
        R"({"oauth2":"hunter2"})", R"({"oauth2":{"hunter2":"hunter2"}})",
        R"({"oauth2":{"token_url":"hunter2","client_id":"c","refresh_token":"hunter2"}})",
        R"({"password":"hunter2","password":"hunter2"})", R"({"password":{"a":1,"hunter2":)",
        R"({"password":{"hunter2":1,"hunter2":2}})"}) {
    const RefusedBody refused =
        Refused(std::string(R"({"address":"b@a.example","source":)") + source + "}");
    for (const FieldProblem& problem : refused.problems) {
      EXPECT_EQ((problem.field + problem.message).find("hunter"), std::string::npos)
          << source << " -> " << problem.field << ": " << problem.message;
    }
  }
}

TEST(AddedMailboxTest, TheSameInOtherWordsHasTheSameFingerprint) {
  const char* other =
      R"( {"source" : {"password":"hunter\u0032","username":"b","security":"starttls",)"
      R"("port":1143,"host":"IMAP.acme.example"},"submission":{"host":"smtp.acme.example"},)"
      R"("address":"Bob@acme.example","id":"bob"} )";
  EXPECT_EQ(Good(kWhole).fingerprint, Good(other).fingerprint);
  const char* another = R"({"id":"bob","address":"Bob@acme.example","source":{"password":"x"}})";
  EXPECT_NE(Good(kWhole).fingerprint, Good(another).fingerprint);
}

TEST(AddedMailboxTest, ComesBackAsItWas) {
  const MailboxConfig before = Good(kWhole);
  const Result<MailboxConfig> after = DecodeAdded(EncodeAdded(kWhole, before), "bob", Builtin());
  ASSERT_TRUE(after.ok()) << after.status().ToString();
  EXPECT_EQ(after->fingerprint, before.fingerprint);
  EXPECT_TRUE(after->added);
  EXPECT_EQ(after->source.host, before.source.host);
}

TEST(AddedMailboxTest, KeepsWhatAutodiscoveryFound) {
  const char* body = R"({"address":"b@unknown.example","source":{"password":"p"}})";
  MailboxConfig found = Good(body);
  ASSERT_EQ(found.source.host, "");
  found.source.host = "mx.unknown.example";
  found.source.port = 993;
  found.source.security = SecurityMode::kTls;
  found.source.username = "b";
  found.submission = found.source;
  found.submission->host = "out.unknown.example";
  found.submission->security = SecurityMode::kStartTls;
  const Result<MailboxConfig> after = DecodeAdded(EncodeAdded(body, found), found.id, Builtin());
  ASSERT_TRUE(after.ok()) << after.status().ToString();
  EXPECT_EQ(after->source.host, "mx.unknown.example");
  EXPECT_EQ(after->source.port, 993);
  EXPECT_EQ(after->source.username, "b");
  EXPECT_EQ(after->pool, "mx.unknown.example");
  EXPECT_EQ(after->submission->host, "out.unknown.example");
  EXPECT_EQ(after->submission->security, SecurityMode::kStartTls);
  EXPECT_EQ(after->submission->password.Reveal(), "p");
  EXPECT_EQ(after->fingerprint, found.fingerprint);
}

TEST(AddedMailboxTest, DamagedRecordsAreTold) {
  const std::string whole = EncodeAdded(kWhole, Good(kWhole));
  for (const std::string& record :
       {std::string(), std::string("removed"), std::string("{}"), whole.substr(1),
        R"({"version":2,)" + whole.substr(whole.find("\"found\""))}) {
    EXPECT_EQ(DecodeAdded(record, "bob", Builtin()).status().code(), Code::kCorrupt) << record;
  }
  EXPECT_EQ(DecodeAdded(whole, "alice", Builtin()).status().code(), Code::kCorrupt);
}

TEST(JsonTreeTest, CountsAndDepthAreBounded) {
  std::string many = "[0";
  for (size_t i = 2; i < kJsonNodesMax; ++i) {
    many += ",0";
  }
  EXPECT_TRUE(std::holds_alternative<JsonTree>(ParseJson(many + "]")));
  EXPECT_EQ(std::get<std::string>(ParseJson(many + ",0]")), "more than 1000 values");
  const std::string deep(kDepthMax, '[');
  EXPECT_TRUE(std::holds_alternative<JsonTree>(ParseJson(deep + std::string(kDepthMax, ']'))));
  EXPECT_TRUE(
      std::holds_alternative<std::string>(ParseJson("[" + deep + std::string(kDepthMax + 1, ']'))));
}

TEST(JsonTreeTest, NamesThePlaceOfEachValue) {
  const auto parsed = ParseJson(R"({"a":[{"b":1},"x"],"c":null})");
  const JsonTree& tree = std::get<JsonTree>(parsed);
  EXPECT_EQ(tree.paths, (std::vector<std::string>{"", "a", "a[0]", "a[0].b", "a[1]", "c"}));
  EXPECT_EQ(tree.PathOf(4), "a[0].b");
  EXPECT_EQ(tree.PathOf(0), "");
  EXPECT_EQ(tree.PathOf(7), "");
  const Node& list = tree.root.children.at(1);
  EXPECT_EQ(list.kind, Node::Kind::kList);
  EXPECT_FALSE(list.children.at(0).children.at(1).quoted);
  EXPECT_TRUE(list.children.at(1).quoted);
  EXPECT_EQ(tree.root.children.at(3).kind, Node::Kind::kNull);
}

}  // namespace
}  // namespace mailhaul::config
