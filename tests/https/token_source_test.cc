// An OAuth 2.0 token over the real client, loop and TLS.
#include <gtest/gtest.h>

#include "connectors/https/curl_http_client.h"
#include "connectors/oauth2.h"
#include "tests/https/loopback_server.h"
#include "tests/net/coroutine_assert.h"
#include "tests/net/uv_runner.h"

namespace mailhaul::https {
namespace {

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    "{\"access_token\":\"fresh\",\"token_type\":\"Bearer\",\"expires_in\":3600,"
    "\"refresh_token\":\"rotated\"}";

net::Task<void> Note(Secret token, std::string* noted) {
  *noted = token.Reveal();
  co_return;
}

net::Task<void> Refresh(net::UvLoop& loop, std::string* rotated, std::string* request) {
  const net::TestAuthority authority("Test Authority");
  const net::IssuedCertificate issued = authority.Issue({.subject_alt_names = "DNS:localhost"});
  Result<std::shared_ptr<const net::TlsContext>> tls =
      net::TlsContext::Server(issued.certificate_pem, issued.key_pem);
  CO_ASSERT_OK(tls);
  NamedNetwork network(loop);
  LoopbackServerOptions server_options;
  server_options.tls = *tls;
  server_options.answer = kAnswer;
  LoopbackServer server(network, std::move(server_options));
  CurlHttpClientOptions options;
  options.allow_private = true;
  options.ca_file = authority.ca_file();
  CurlHttpClient client(network, options);
  OAuth2Config config;
  config.token_url = server.url();
  config.client_id = "client";
  config.refresh_token = Secret("first");
  TokenSource source(client, std::move(config),
                     [rotated](Secret token) { return Note(std::move(token), rotated); });
  for (int i = 0; i < 2; ++i) {
    const Result<Secret> token = co_await source.Get();
    CO_ASSERT_OK(token);
    EXPECT_EQ(token->Reveal(), "fresh");
  }
  co_await server.Stop();
  CO_ASSERT_TRUE(server.requests().size() == 1);
  *request = server.requests()[0];
}

TEST(TokenSourceTest, RefreshesOverTlsOnce) {
  std::string rotated;
  std::string request;
  net::RunOnUvLoop([&](net::UvLoop& loop) { return Refresh(loop, &rotated, &request); });
  EXPECT_EQ(rotated, "rotated");
  EXPECT_TRUE(request.starts_with("POST /token HTTP/1.1\r\n")) << request;
  EXPECT_TRUE(
      request.ends_with("\r\n\r\ngrant_type=refresh_token&refresh_token=first&client_id=client"))
      << request;
}

}  // namespace
}  // namespace mailhaul::https
