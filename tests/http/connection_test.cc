#include "engine/http/connection.h"

#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

using ConnectionTest = ServiceTest;

constexpr std::string_view kHealth = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view kNotFound = "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n";

std::string Text(std::string_view text) { return std::string(text); }

TEST_F(ConnectionTest, ServesOneRequestAfterAnother) {
  const std::unique_ptr<Client> client = Connect();
  for (size_t i = 1; i <= 3; ++i) {
    client->Send(Text(kHealth));
    const std::vector<HttpAnswer> answers = Await(*client, i);
    EXPECT_EQ(answers.at(i - 1).status, 200U);
    EXPECT_EQ(answers.at(i - 1).fields.at("connection"), "keep-alive");
  }
  EXPECT_FALSE(client->ended());
}

TEST_F(ConnectionTest, AnswersPipelinedRequestsInOrder) {
  const std::unique_ptr<Client> client = Connect();
  client->Send(Text(kHealth) + Text(kNotFound) + Text(kHealth) + Text(kNotFound));
  const std::vector<HttpAnswer> answers = Await(*client, 4);
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(answers[0].status, 200U);
  EXPECT_EQ(answers[1].status, 404U);
  EXPECT_EQ(answers[2].status, 200U);
  EXPECT_EQ(answers[3].status, 404U);
}

TEST_F(ConnectionTest, ClosesWhenTheClientAsksForIt) {
  const std::unique_ptr<Client> client = Connect();
  client->Send("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const TimePoint before = clock_.Now();
  EXPECT_TRUE(AwaitEnd(*client));
  EXPECT_EQ(clock_.Now(), before);
  ASSERT_EQ(client->Answers().size(), 1U);
  EXPECT_EQ(client->Answers()[0].fields.at("connection"), "close");
}

TEST_F(ConnectionTest, ClosesAfterAnAnswerToHttp10) {
  const std::unique_ptr<Client> client = Connect();
  client->Send("GET /healthz HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(AwaitEnd(*client));
  ASSERT_EQ(client->Answers().size(), 1U);
  EXPECT_EQ(client->Answers()[0].status, 200U);
}

TEST_F(ConnectionTest, ABodyIsReadAndDropped) {
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n" +
                              std::string(70000, 'b') + Text(kNotFound);
  const std::vector<HttpAnswer> answers = ParseAnswers(Exchange(request));
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].status, 200U);
  EXPECT_EQ(answers[1].status, 404U);
}

TEST_F(ConnectionTest, AsksForABodyThatTheClientHoldsBack) {
  const std::unique_ptr<Client> client = Connect();
  client->Send(
      "GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(Await(*client, 1).at(0).status, 100U);
  client->Send("hi");
  EXPECT_EQ(Await(*client, 2).at(1).status, 200U);
  EXPECT_FALSE(client->ended());
}

TEST_F(ConnectionTest, DoesNotAskForABodyOfARefusedRequest) {
  const std::unique_ptr<Client> client = Connect();
  client->Send(
      "POST /v1/messages HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_TRUE(AwaitEnd(*client));
  const std::vector<HttpAnswer> answers = client->Answers();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].status, 401U);
  EXPECT_EQ(answers[0].fields.at("connection"), "close");
}

TEST_F(ConnectionTest, ASlowHeadIsCutOff) {
  const std::unique_ptr<Client> client = Connect();
  client->Send("GET /healthz HT");
  const TimePoint begun = clock_.Now();
  EXPECT_TRUE(AwaitEnd(*client));
  EXPECT_EQ(clock_.Now() - begun, kHeadTime);
  EXPECT_TRUE(client->received().empty());
}

TEST_F(ConnectionTest, TricklingDoesNotExtendTheTimeForAHead) {
  const std::unique_ptr<Client> client = Connect();
  const TimePoint begun = clock_.Now();
  for (const char c : kHealth.substr(0, kHealth.size() - 1)) {
    client->Send(std::string(1, c));
    loop_.RunUntil([&] { return client->ended(); }, clock_.Now() + std::chrono::seconds(1));
    clock_.AdvanceTo(clock_.Now() + std::chrono::seconds(1));
  }
  EXPECT_TRUE(AwaitEnd(*client));
  EXPECT_TRUE(client->received().empty());
  EXPECT_GE(clock_.Now() - begun, kHeadTime);
}

TEST_F(ConnectionTest, AnIdleConnectionIsClosedAfterItsTime) {
  const std::unique_ptr<Client> client = Connect();
  client->Send(Text(kHealth));
  Await(*client, 1);
  const TimePoint answered = clock_.Now();
  EXPECT_TRUE(AwaitEnd(*client));
  EXPECT_EQ(clock_.Now() - answered, kIdleTime);
}

TEST_F(ConnectionTest, ASlowBodyIsCutOff) {
  const std::unique_ptr<Client> client = Connect();
  client->Send("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
  const TimePoint begun = clock_.Now();
  EXPECT_TRUE(AwaitEnd(*client));
  EXPECT_EQ(clock_.Now() - begun, kBodyTime);
  EXPECT_TRUE(client->received().empty());
}

TEST_F(ConnectionTest, AClientThatDoesNotReadIsCutOff) {
  Store("acme", "alice", "INBOX", {{.body = std::string(1'000'000, 'x')}});
  const boost::json::value page = GetJson("/v1/messages");
  const std::string id(page.at("items").as_array()[0].at("id").as_string());
  const std::unique_ptr<Client> client = Connect();
  client->StopReading();
  client->Send(Text(kHealth));  // Its answer ends the client's reading.
  const TimePoint begun = clock_.Now();
  client->Send("GET /v1/messages/" + id +
               "/raw HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer read-acme\r\n\r\n");
  loop_.RunUntil([] { return false; }, begun + kWriteTime);
  // Were the connection still there, stopping would have to wait for it.
  Shutdown();
  EXPECT_EQ(clock_.Now() - begun, kWriteTime);
}

TEST_F(ConnectionTest, APeerThatEndedItsSideStillGetsItsAnswers) {
  const std::vector<HttpAnswer> answers = ParseAnswers(Exchange(Text(kHealth) + Text(kNotFound)));
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[1].status, 404U);
  EXPECT_TRUE(Exchange("").empty());
  EXPECT_TRUE(Exchange("GET /healthz").empty());
}

TEST_F(ConnectionTest, AClientThatVanishesInTheMiddleHarmsNobody) {
  pool_.holding = true;
  std::unique_ptr<Client> client = Connect();
  client->Send("GET /v1/messages HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer read-acme\r\n\r\n");
  loop_.RunUntil([&] { return !pool_.held.empty(); });
  ASSERT_EQ(pool_.held.size(), 1U);
  client = nullptr;
  pool_.holding = false;
  pool_.RunAll();
  loop_.RunDue();
  EXPECT_EQ(Get("/healthz").status, 200U);
}

TEST_F(ConnectionTest, BeyondTheLimitConnectionsAreToldSo) {
  std::vector<std::unique_ptr<Client>> clients;
  for (size_t i = 0; i < kConnectionsMax; ++i) {
    clients.push_back(Connect());
  }
  const std::unique_ptr<Client> refused = Connect();
  const std::vector<HttpAnswer> answers = Await(*refused, 1);
  EXPECT_EQ(answers.at(0).status, 503U);
  EXPECT_EQ(answers.at(0).fields.at("connection"), "close");
  clients.back()->Send(Text(kHealth));
  EXPECT_EQ(Await(*clients.back(), 1).at(0).status, 200U);
  clients.pop_back();
  loop_.RunDue();
  const std::unique_ptr<Client> accepted = Connect();
  accepted->Send(Text(kHealth));
  EXPECT_EQ(Await(*accepted, 1).at(0).status, 200U);
}

TEST_F(ConnectionTest, AFailedAcceptIsTriedAgain) {
  loop_.Post([&] { listener_.FailNextAccept(Status(Code::kUnreachable, "no descriptors")); });
  const std::unique_ptr<Client> client = Connect();
  client->Send(Text(kHealth));
  EXPECT_EQ(Await(*client, 1).at(0).status, 200U);
}

}  // namespace
}  // namespace mailhaul::http
