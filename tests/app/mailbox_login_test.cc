// Login tests of mailboxes that fail: what they come to, how often they may, and what others learn.
#include "engine/app/login_outcome.h"
#include "tests/app/mailbox_admin_fixture.h"

namespace mailhaul::app {
namespace {

TEST_F(MailboxAdminTest, ManyWrongOnesDoNotSlowTheHostDown) {
  StartAll();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Add(BodyOf("box" + std::to_string(i), "wrong")).code(), "credentials_refused");
  }
  AddMessage("alice", "new");
  EXPECT_TRUE(RunUntil([&] { return Messages("alice") == 1; }, minutes(6)));
  EXPECT_EQ(collector_->scheduler().Pool(0, clock_.Now()).throttles, 0U);
}

TEST_F(MailboxAdminTest, APasswordCanBeGuessedAFewTimesOnly) {
  StartAll();
  std::string in_capitals = BodyOf("bob", "wrong");
  in_capitals.replace(in_capitals.find(R"("username":"bob")"), 16, R"("username":"BOB")");
  for (size_t i = 0; i < kRefusedLoginsMax; ++i) {
    EXPECT_EQ(Add(i % 2 == 0 ? BodyOf("bob", "wrong" + std::to_string(i)) : in_capitals).code(),
              "credentials_refused");
  }
  const uint64_t logins = server_.counters.logins;
  const Answer limited = Add(BodyOf("bob"));
  EXPECT_EQ(limited.status(), 429U);
  EXPECT_EQ(limited.code(), "too_many_logins");
  EXPECT_GT(limited.outcome->retry_after, seconds(60));
  EXPECT_LE(limited.outcome->retry_after, kRefusedLoginEvery);
  EXPECT_EQ(server_.counters.logins, logins);
  EXPECT_EQ(Add(BodyOf("carol")).status(), 201U);
  RunFor(limited.outcome->retry_after);
  EXPECT_EQ(Add(BodyOf("bob")).status(), 201U);
}

TEST_F(MailboxAdminTest, LoginsOfATenantFailSoOftenOnlyAndGoodOnesDoNotCount) {
  StartAll();
  for (size_t i = 0; i < 2 * kFailedLoginsMax; ++i) {
    const std::string more = i % 2 == 0 ? R"(,"allow_cram_md5":true)" : "";
    const Answer good = Await(Begin({.tenant = "acme",
                                     .name = i == 0 ? "" : "bob",
                                     .body = BodyOf("bob", "secret", more),
                                     .replaces = i != 0}));
    ASSERT_LT(good.status(), 300U);
  }
  const TimePoint begin = clock_.Now();
  size_t refused = 0;
  Answer last;
  do {
    last = Add(BodyOf("box" + std::to_string(refused), "wrong"));
    refused += last.code() == "credentials_refused" ? 1 : 0;
  } while (last.code() == "credentials_refused" && refused < 1000);
  EXPECT_EQ(last.code(), "too_many_logins");
  EXPECT_GE(refused, kFailedLoginsMax);
  EXPECT_LE(refused,
            kFailedLoginsMax + 1 + static_cast<size_t>((clock_.Now() - begin) / kFailedLoginEvery));
  RunFor(last.outcome->retry_after);
  EXPECT_EQ(Add(BodyOf("carol")).status(), 201U);
}

class FullTokenServer final : public HttpClient {
 public:
  net::Task<Result<HttpAnswer>> Fetch(HttpRequest /*request*/, TimePoint /*deadline*/) override {
    ++requests;
    HttpAnswer answer;
    answer.status = 429;
    answer.retry_after = minutes(30);
    co_return answer;
  }
  int requests = 0;
};

TEST_F(MailboxAdminTest, ATokenServersTroubleIsNotTheMailServers) {
  FullTokenServer tokens;
  http_ = &tokens;
  const std::string body =
      R"({"id":"bob","address":"bob@acme.example","source":{"host":"imap.example.com",)"
      R"("username":"bob","oauth2":{"token_url":"https://tokens.example/t","client_id":"c",)"
      R"("refresh_token":"r"}}})";
  StartAll();
  const Answer refused = Add(body);
  EXPECT_EQ(refused.code(), "server_throttled") << refused.outcome->detail;
  EXPECT_EQ(tokens.requests, 1);
  EXPECT_EQ(collector_->scheduler().Pool(0, clock_.Now()).throttles, 0U);
  ASSERT_EQ(Await(Begin({.tenant = "acme", .name = "", .body = body, .test = false})).status(),
            201U);
  RunFor(minutes(20));
  EXPECT_EQ(tokens.requests, 2) << "it waits as long as it is asked to";
  EXPECT_EQ(collector_->Find("acme", "bob")->last_error.code(), Code::kThrottled);
  EXPECT_EQ(collector_->Find("acme", "bob")->attempts, 1U);
  EXPECT_EQ(collector_->scheduler().Pool(0, clock_.Now()).throttles, 0U);
  AddMessage("alice", "new");
  EXPECT_TRUE(RunUntil([&] { return Messages("alice") == 1; }, minutes(6)));
  EXPECT_TRUE(RunUntil([&] { return tokens.requests == 3; }, minutes(20)));
  StopAll();
}

TEST_F(MailboxAdminTest, WhatAMailboxShowsDoesNotQuoteItsPasswordEither) {
  server_.faults.refuse_login = "NO no such password: hunter2hunter2";
  StartAll();
  ASSERT_EQ(Await(Begin({.tenant = "acme",
                         .name = "",
                         .body = BodyOf("bob", "hunter2hunter2"),
                         .test = false}))
                .status(),
            201U);
  RunFor(minutes(10));
  const Status& shown = collector_->Find("acme", "bob")->last_error;
  EXPECT_FALSE(shown.ok());
  EXPECT_EQ(shown.message().find("hunter2"), std::string::npos) << shown.message();
}

TEST_F(MailboxAdminTest, AServerThatRepeatsAPasswordIsNotQuoted) {
  StartAll();
  server_.faults.refuse_login = "NO no such password: hunter2hunter2";
  const Answer refused = Add(BodyOf("bob", "hunter2hunter2"));
  EXPECT_EQ(refused.status(), 422U);
  EXPECT_EQ(refused.outcome->detail.find("hunter2"), std::string::npos) << refused.outcome->detail;
}

TEST(LoginOutcomeTest, EachFailureHasItsCode) {
  config::MailboxConfig mailbox;
  mailbox.source.password = Secret("hunter2");
  const std::vector<std::pair<Status, std::pair<unsigned, std::string>>> known = {
      {Status(Code::kAuthFailed, "x"), {422, "credentials_refused"}},
      {Status(Code::kUnreachable, "x"), {422, "unreachable"}},
      {Status(Code::kTimeout, "x"), {422, "server_timeout"}},
      {Status(Code::kTlsFailed, "x"), {422, "tls_failed"}},
      {Status(Code::kProtocol, "x"), {422, "protocol_error"}},
      {Status(Code::kServerRefused, "x"), {422, "server_refused"}},
      {Status(Code::kThrottled, "x"), {503, "server_throttled"}},
      {Status(Code::kBusy, "x"), {503, "no_connection_free"}},
      {Status(Code::kCancelled, "x"), {503, ""}},
      {Status(Code::kIo, "x"), {503, ""}}};
  for (const auto& [status, expected] : known) {
    const MailboxOutcome outcome = OutcomeOfLogin(status, mailbox);
    EXPECT_EQ(outcome.status, expected.first) << status.ToString();
    EXPECT_EQ(outcome.code, expected.second) << status.ToString();
    EXPECT_EQ(outcome.cause.ok(), !expected.second.empty());
  }
  const Status quoting(Code::kServerRefused, "user b password hunter2!");
  EXPECT_EQ(OutcomeOfLogin(quoting, mailbox).detail.find("hunter2"), std::string::npos);
  const auto wait = Status(Code::kThrottled, "x").WithRetryAfter(std::chrono::milliseconds(1500));
  EXPECT_EQ(OutcomeOfLogin(wait, mailbox).retry_after, seconds(2));
}

}  // namespace
}  // namespace mailhaul::app
