#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

using StopTest = ServiceTest;

constexpr std::string_view kMessages =
    "GET /v1/messages HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer read-acme\r\n\r\n";

TEST_F(StopTest, IdleConnectionsEndAtOnce) {
  const std::unique_ptr<Client> fresh = Connect();
  const std::unique_ptr<Client> used = Connect();
  used->Send(std::string(kMessages));
  Await(*used, 1);
  const TimePoint before = clock_.Now();
  Shutdown();
  EXPECT_EQ(clock_.Now(), before);
  EXPECT_TRUE(AwaitEnd(*fresh));
  EXPECT_TRUE(AwaitEnd(*used));
}

TEST_F(StopTest, ARunningRequestIsAnsweredFirst) {
  pool_.holding = true;
  const std::unique_ptr<Client> client = Connect();
  client->Send(std::string(kMessages));
  loop_.RunUntil([&] { return !pool_.held.empty(); });
  ASSERT_EQ(pool_.held.size(), 1U);
  StopService();
  StopService();  // Idempotent.
  loop_.RunDue();
  EXPECT_EQ(serving_.running(), 1U);
  pool_.holding = false;
  pool_.RunAll();
  EXPECT_TRUE(loop_.RunUntil([&] { return serving_.running() == 0; }));
  const std::vector<HttpAnswer> answers = Await(*client, 1);
  EXPECT_EQ(answers.at(0).status, 200U);
  EXPECT_EQ(answers.at(0).fields.at("connection"), "close");
}

TEST_F(StopTest, AHalfReceivedRequestMayEnd) {
  const std::unique_ptr<Client> client = Connect();
  client->Send(std::string(kMessages.substr(0, 20)));
  loop_.RunDue();
  StopService();
  client->Send(std::string(kMessages.substr(20)));
  EXPECT_EQ(Await(*client, 1).at(0).status, 200U);
  EXPECT_TRUE(AwaitEnd(*client));
}

TEST_F(StopTest, PipelinedRequestsAfterTheRunningOneAreNotServed) {
  pool_.holding = true;
  const std::unique_ptr<Client> client = Connect();
  client->Send(std::string(kMessages) + std::string(kMessages));
  loop_.RunUntil([&] { return !pool_.held.empty(); });
  StopService();
  pool_.RunAll();
  EXPECT_TRUE(AwaitEnd(*client));
  EXPECT_EQ(client->Answers().size(), 1U);
}

TEST_F(StopTest, NewConnectionsAreNotAccepted) {
  Shutdown();
  EXPECT_EQ(serving_.running(), 0U);
  EXPECT_TRUE(Exchange(std::string(kMessages)).empty());
}

TEST_F(StopTest, AServiceStoppedBeforeItServesEndsAtOnce) {
  Service service(*store_, directory_, decoder_, pool_, writer_, clock_);
  service.Stop();
  OfferedListener listener;
  loop_.Await(service.Serve(listener));
}

}  // namespace
}  // namespace mailhaul::http
