// The last gate: a transfer judges its address itself, whoever let it through before.
#include "connectors/https/transfer.h"

#include <gtest/gtest.h>

#include "connectors/https/curl_thread.h"
#include "tests/https/loopback_server.h"
#include "tests/net/coroutine_assert.h"
#include "tests/net/uv_runner.h"

namespace mailhaul::https {
namespace {

net::Task<void> RunPast(net::UvLoop& loop, bool allow_private, TransferResult* found,
                        size_t* accepted) {
  NamedNetwork network(loop);
  LoopbackServerOptions server_options;
  server_options.answer = "HTTP/1.1 204 No Content\r\n\r\n";
  LoopbackServer server(network, std::move(server_options));
  const Result<Target> target = ParseTarget(server.url());
  CO_ASSERT_OK(target);
  TransferOptions options;
  options.target = *target;
  if (!allow_private) {
    // Without TLS the gate would refuse for that reason.
    options.target.encrypted = true;
    options.target.url.replace(0, std::string_view("http").size(), "https");
  }
  options.endpoint = {.address = net::IpAddress::V4(127, 0, 0, 1), .port = target->port};
  options.allow_private = allow_private;
  options.deadline = loop.Now() + std::chrono::seconds(30);
  options.connect_timeout = std::chrono::seconds(30);
  net::OneShot<TransferResult> shot;
  Transfer::Done done = [&](TransferResult result) {
    auto value = std::make_shared<TransferResult>(std::move(result));
    loop.Post([&shot, value] { shot.Set(std::move(*value)); });
  };
  const HttpRequest request;
  CurlThread thread;
  thread.Start(std::make_unique<Transfer>(request, std::move(options), std::move(done)));
  *found = co_await shot.Wait();
  co_await server.Stop();
  *accepted = server.accepted();
}

TEST(TransferTest, ASocketToAPrivateAddressIsNotMade) {
  TransferResult result;
  size_t accepted = 0;
  net::RunOnUvLoop([&](net::UvLoop& loop) { return RunPast(loop, false, &result, &accepted); });
  EXPECT_EQ(result.answer.status().code(), Code::kUnreachable) << result.answer.status().ToString();
  EXPECT_NE(result.answer.status().message().find("private address 127.0.0.1"), std::string::npos);
  EXPECT_FALSE(result.connected);
  EXPECT_EQ(accepted, 0U);
}

TEST(TransferTest, TheSameIsMadeWhenAllowed) {
  TransferResult result;
  size_t accepted = 0;
  net::RunOnUvLoop([&](net::UvLoop& loop) { return RunPast(loop, true, &result, &accepted); });
  ASSERT_TRUE(result.answer.ok()) << result.answer.status().ToString();
  EXPECT_EQ(result.answer->status, 204);
  EXPECT_EQ(accepted, 1U);
}

}  // namespace
}  // namespace mailhaul::https
