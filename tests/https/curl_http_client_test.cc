// The client against a server on loopback, on the real loop.
#include "connectors/https/curl_http_client.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "tests/https/loopback_server.h"
#include "tests/net/coroutine_assert.h"
#include "tests/net/uv_runner.h"

namespace mailhaul::https {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string Answer(const std::string& head, const std::string& body) {
  return "HTTP/1.1 " + head + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

// One request and what came of it.
struct Exchange {
  // Given.
  std::string server_answer = Answer("200 OK", "hello");
  bool silent = false;
  bool encrypted = true;
  std::string names = "DNS:localhost";
  long valid_to = 3600;
  bool trusted = true;
  bool allow_private = true;
  std::vector<net::IpAddress> addresses{};
  std::string url{};  // Empty: the server's.
  HttpRequest request{};
  Duration time = seconds(30);
  // Found.
  Result<HttpAnswer> answer = Status(Code::kInternal, "not run");
  size_t accepted = 0;
  std::vector<std::string> requests{};
};

const net::TestAuthority& Authority() {
  static const net::TestAuthority authority("Test Authority");
  return authority;
}

std::shared_ptr<const net::TlsContext> ServerContext(const Exchange& exchange) {
  const net::IssuedCertificate issued = Authority().Issue({.subject_alt_names = exchange.names,
                                                           .valid_from_seconds = -7200,
                                                           .valid_to_seconds = exchange.valid_to});
  Result<std::shared_ptr<const net::TlsContext>> context =
      net::TlsContext::Server(issued.certificate_pem, issued.key_pem);
  MH_CHECK(context.ok());
  return *context;
}

net::Task<void> RunExchange(net::UvLoop& loop, Exchange* exchange) {
  NamedNetwork network(loop);
  network.addresses = exchange->addresses;
  LoopbackServerOptions server_options;
  server_options.tls = exchange->encrypted ? ServerContext(*exchange) : nullptr;
  server_options.answer = exchange->server_answer;
  server_options.silent = exchange->silent;
  LoopbackServer server(network, std::move(server_options));
  CurlHttpClientOptions options;
  options.allow_private = exchange->allow_private;
  options.ca_file = exchange->trusted ? Authority().ca_file() : "";
  CurlHttpClient client(network, options);
  HttpRequest request = exchange->request;
  request.url = exchange->url.empty() ? server.url() : exchange->url;
  exchange->answer = co_await client.Fetch(std::move(request), loop.Now() + exchange->time);
  co_await server.Stop();
  exchange->accepted = server.accepted();
  exchange->requests = server.requests();
}

void Perform(Exchange* exchange) {
  net::RunOnUvLoop([&](net::UvLoop& loop) { return RunExchange(loop, exchange); });
}

void ExpectFailure(Exchange exchange, Code code, std::string_view part = "") {
  Perform(&exchange);
  EXPECT_EQ(exchange.answer.status().code(), code) << exchange.answer.status().ToString();
  EXPECT_NE(exchange.answer.status().message().find(part), std::string::npos)
      << exchange.answer.status().message();
}

TEST(CurlHttpClientTest, GetsAnAnswerOverTls) {
  Exchange exchange;
  exchange.server_answer =
      "HTTP/1.1 200 OK\r\nContent-Type: Application/JSON ; charset=UTF-8\r\n"
      "Content-Length: 2\r\n\r\n{}";
  exchange.request.headers = {{"Accept", "application/json"}, {"X-Empty", ""}};
  Perform(&exchange);
  ASSERT_TRUE(exchange.answer.ok()) << exchange.answer.status().ToString();
  EXPECT_EQ(exchange.answer->status, 200);
  EXPECT_EQ(exchange.answer->content_type, "application/json");
  EXPECT_EQ(exchange.answer->body.Reveal(), "{}");
  EXPECT_EQ(exchange.answer->retry_after, seconds(0));
  ASSERT_EQ(exchange.requests.size(), 1U);
  const std::string& request = exchange.requests[0];
  EXPECT_TRUE(request.starts_with("GET /token HTTP/1.1\r\nHost: localhost:")) << request;
  EXPECT_NE(request.find("\r\nAccept: application/json\r\n"), std::string::npos) << request;
  EXPECT_NE(request.find("\r\nX-Empty:\r\n"), std::string::npos) << request;
}

TEST(CurlHttpClientTest, PostsABodyWithAnyBytes) {
  Exchange exchange;
  exchange.request.method = "POST";
  exchange.request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  exchange.request.body = Secret(std::string("a=b\0&c", 6));
  Perform(&exchange);
  ASSERT_TRUE(exchange.answer.ok()) << exchange.answer.status().ToString();
  ASSERT_EQ(exchange.requests.size(), 1U);
  EXPECT_TRUE(exchange.requests[0].ends_with(std::string("\r\n\r\na=b\0&c", 10)));
  EXPECT_EQ(exchange.requests[0].find("Expect"), std::string::npos);
}

TEST(CurlHttpClientTest, EveryStatusIsAnAnswerAndRetryAfterIsRead) {
  Exchange exchange;
  exchange.server_answer = Answer("503 Busy\r\nRetry-After: 120", "later");
  Perform(&exchange);
  ASSERT_TRUE(exchange.answer.ok()) << exchange.answer.status().ToString();
  EXPECT_EQ(exchange.answer->status, 503);
  EXPECT_EQ(exchange.answer->retry_after, seconds(120));
  Exchange forever;
  forever.server_answer = Answer("429 Slow\r\nRetry-After: 99999999999", "");
  Perform(&forever);
  ASSERT_TRUE(forever.answer.ok());
  EXPECT_EQ(forever.answer->retry_after, std::chrono::hours(24));
}

TEST(CurlHttpClientTest, ARedirectIsNotFollowed) {
  Exchange exchange;
  exchange.server_answer = Answer("302 Found\r\nLocation: /elsewhere", "");
  Perform(&exchange);
  ASSERT_TRUE(exchange.answer.ok()) << exchange.answer.status().ToString();
  EXPECT_EQ(exchange.answer->status, 302);
  EXPECT_EQ(exchange.accepted, 1U);
  EXPECT_EQ(exchange.requests.size(), 1U);
}

TEST(CurlHttpClientTest, PrivateDestinationsAreRefusedBeforeAnythingIsSent) {
  for (const std::string host : {"127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254",
                                 "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"}) {
    Exchange exchange;
    exchange.allow_private = false;
    exchange.url = "https://" + host + "/";
    Perform(&exchange);
    EXPECT_EQ(exchange.answer.status().code(), Code::kUnreachable)
        << host << ": " << exchange.answer.status().ToString();
    EXPECT_NE(exchange.answer.status().message().find("private address"), std::string::npos)
        << exchange.answer.status().message();
  }
  Exchange direct;
  direct.allow_private = false;
  Perform(&direct);
  EXPECT_EQ(direct.answer.status().code(), Code::kUnreachable);
  EXPECT_EQ(direct.accepted, 0U);
}

TEST(CurlHttpClientTest, AHostWithOnePrivateAddressIsRefused) {
  Exchange exchange;
  exchange.allow_private = false;
  exchange.addresses = {net::IpAddress::V4(192, 88, 98, 1), net::IpAddress::V4(127, 0, 0, 1)};
  Perform(&exchange);
  EXPECT_EQ(exchange.answer.status().code(), Code::kUnreachable);
  EXPECT_NE(exchange.answer.status().message().find("private address"), std::string::npos);
  EXPECT_EQ(exchange.accepted, 0U);
}

TEST(CurlHttpClientTest, TheNextAddressIsTriedWhenOneRefuses) {
  Exchange exchange;  // The server listens on 127.0.0.1 only.
  exchange.addresses = {net::IpAddress::V4(127, 0, 0, 9), net::IpAddress::V4(127, 0, 0, 1)};
  Perform(&exchange);
  EXPECT_TRUE(exchange.answer.ok()) << exchange.answer.status().ToString();
}

TEST(CurlHttpClientTest, AClosedPortIsUnreachable) {
  Exchange exchange;
  exchange.addresses = {net::IpAddress::V4(127, 0, 0, 9)};
  ExpectFailure(exchange, Code::kUnreachable, "127.0.0.9");
}

TEST(CurlHttpClientTest, WrongCertificatesAreRefusedBeforeTheRequest) {
  Exchange other_name;
  other_name.names = "DNS:example.com";
  Exchange expired;
  expired.valid_to = -3600;
  Exchange unknown_authority;
  unknown_authority.trusted = false;
  for (Exchange* exchange : {&other_name, &expired, &unknown_authority}) {
    Perform(exchange);
    EXPECT_EQ(exchange->answer.status().code(), Code::kTlsFailed)
        << exchange->answer.status().ToString();
    EXPECT_EQ(exchange->accepted, 1U);
    EXPECT_TRUE(exchange->requests.empty());
  }
}

TEST(CurlHttpClientTest, PlaintextIsSpokenToLoopbackWhenAllowed) {
  Exchange exchange;
  exchange.encrypted = false;
  Perform(&exchange);
  EXPECT_TRUE(exchange.answer.ok()) << exchange.answer.status().ToString();
}

TEST(CurlHttpClientTest, AnswersBeyondTheLimitsAreRefused) {
  const std::string large(kHttpBodyBytesMax + 1, 'x');
  ExpectFailure({.server_answer = Answer("200 OK", large)}, Code::kProtocol, "larger than 262144");
  ExpectFailure({.server_answer = "HTTP/1.1 200 OK\r\n\r\n" + large}, Code::kProtocol,
                "larger than 262144");
  ExpectFailure({.server_answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40001\r\n" +
                                  large + "\r\n0\r\n\r\n"},
                Code::kProtocol, "larger than 262144");
  std::string header = "HTTP/1.1 200 OK\r\n";
  for (size_t i = 0; i <= kHttpHeaderBytesMax / 1000; ++i) {
    header += "X-Field: " + std::string(1000, 'x') + "\r\n";
  }
  ExpectFailure({.server_answer = header + "\r\n"}, Code::kProtocol, "header of the answer");
  Exchange largest;
  largest.server_answer = Answer("200 OK", large.substr(1));
  Perform(&largest);
  ASSERT_TRUE(largest.answer.ok()) << largest.answer.status().ToString();
  EXPECT_EQ(largest.answer->body.Reveal().size(), kHttpBodyBytesMax);
}

TEST(CurlHttpClientTest, WhatIsNotHttpIsRefused) {
  ExpectFailure({.server_answer = "* OK IMAP4rev1 ready\r\n"}, Code::kProtocol);
  ExpectFailure({.server_answer = ""}, Code::kUnreachable);
  ExpectFailure({.server_answer = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut"},
                Code::kUnreachable);
}

TEST(CurlHttpClientTest, ASilentServerTimesOut) {
  ExpectFailure({.silent = true, .time = milliseconds(200)}, Code::kTimeout);
  ExpectFailure({.time = milliseconds(0)}, Code::kTimeout);
}

TEST(CurlHttpClientTest, ProxiesOfTheEnvironmentAreIgnored) {
  for (const char* name : {"http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"}) {
    setenv(name, "http://127.0.0.1:1", 1);
  }
  Exchange exchange;
  Perform(&exchange);
  for (const char* name : {"http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"}) {
    unsetenv(name);
  }
  EXPECT_TRUE(exchange.answer.ok()) << exchange.answer.status().ToString();
}

TEST(CurlHttpClientTest, RequestsThatCannotBeMeantAreRefused) {
  ExpectFailure({.url = "ftp://localhost/"}, Code::kInvalidArgument, "only https");
  ExpectFailure({.url = "https://user:secret@localhost/"}, Code::kInvalidArgument, "user name");
  ExpectFailure({.allow_private = false, .url = "http://localhost/"}, Code::kInvalidArgument,
                "http:// is spoken to loopback only");
  ExpectFailure({.url = "http://192.0.2.1/"}, Code::kInvalidArgument, "loopback only");
  Exchange method;
  method.request.method = "DELETE";
  ExpectFailure(method, Code::kInvalidArgument, "GET and POST");
  for (const auto& [name, value] :
       {std::pair("X", "a\r\nEvil: 1"), std::pair("X\r\nEvil", "1"), std::pair("", "1"),
        std::pair("X: Evil", "1"), std::pair("X;", "")}) {
    Exchange header;
    header.request.headers = {{name, value}};
    ExpectFailure(header, Code::kInvalidArgument, "header field");
  }
}

// Many requests to a silent server, of which some are beyond the limit; then an end.
net::Task<void> FetchOne(CurlHttpClient& client, std::string url, std::vector<Code>* codes) {
  HttpRequest request;
  request.url = std::move(url);
  const TimePoint deadline = net::Loop::Current()->Now() + seconds(30);
  const Result<HttpAnswer> answer = co_await client.Fetch(std::move(request), deadline);
  codes->push_back(answer.status().code());
}

net::Task<void> RunAbort(net::UvLoop& loop, std::vector<Code>* codes) {
  NamedNetwork network(loop);
  LoopbackServerOptions server_options;
  server_options.silent = true;
  LoopbackServer server(network, std::move(server_options));
  CurlHttpClientOptions options;
  options.allow_private = true;
  CurlHttpClient client(network, options);
  net::TaskGroup group;
  for (size_t i = 0; i <= kRequestsMax; ++i) {
    group.Spawn(FetchOne(client, server.url(), codes));
  }
  EXPECT_EQ(codes->size(), 1U);
  client.Abort();
  co_await group.Drain();
  group.Spawn(FetchOne(client, server.url(), codes));
  co_await group.Drain();
  co_await server.Stop();
}

TEST(CurlHttpClientTest, TooManyAreRefusedAndAbortEndsThemAll) {
  std::vector<Code> codes;
  net::RunOnUvLoop([&](net::UvLoop& loop) { return RunAbort(loop, &codes); });
  ASSERT_EQ(codes.size(), kRequestsMax + 2);
  EXPECT_EQ(codes[0], Code::kResourceExhausted);
  for (size_t i = 1; i < codes.size(); ++i) {
    EXPECT_EQ(codes[i], Code::kCancelled) << i;
  }
}

net::Task<void> RunMany(net::UvLoop& loop, std::vector<Code>* codes) {
  NamedNetwork network(loop);
  LoopbackServerOptions server_options;
  server_options.answer = Answer("200 OK", "hello");
  LoopbackServer server(network, std::move(server_options));
  CurlHttpClientOptions options;
  options.allow_private = true;
  CurlHttpClient client(network, options);
  net::TaskGroup group;
  for (size_t i = 0; i < 100; ++i) {
    group.Spawn(FetchOne(client, server.url(), codes));
  }
  co_await group.Drain();
  EXPECT_EQ(server.requests().size(), 100U);
  co_await server.Stop();
}

TEST(CurlHttpClientTest, MoreRequestsThanConnectionsAllComeThrough) {
  std::vector<Code> codes;
  net::RunOnUvLoop([&](net::UvLoop& loop) { return RunMany(loop, &codes); });
  EXPECT_EQ(codes, std::vector<Code>(100, Code::kOk));
}

}  // namespace
}  // namespace mailhaul::https
