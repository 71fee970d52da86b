// The endpoint over TLS: the same answers, and handshakes that are bounded like requests.
#include "connectors/net/tls_stream.h"
#include "tests/http/service_fixture.h"
#include "tests/net/certificates.h"

namespace mailhaul::http {
namespace {

constexpr std::string_view kHealth = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

// What one client saw.
struct Seen {
  Status handshake;
  std::string received;
  bool ended = false;
};

class HttpsTest : public ServiceTest {
 protected:
  HttpsTest() {
    const net::IssuedCertificate issued =
        authority_.Issue({.subject_alt_names = "DNS:mail.example.com"});
    service_->SetTls(net::TlsContext::Server(issued.certificate_pem, issued.key_pem).value());
    trusting_ = net::TlsContext::Client(authority_.ca_file(), /*resume=*/false).value();
  }

  net::Task<void> Talk(std::unique_ptr<net::Stream> plain, std::string request, Seen* seen) const {
    const TimePoint deadline = net::Loop::Current()->Now() + std::chrono::hours(1);
    Result<std::unique_ptr<net::Stream>> secured =
        co_await net::ConnectTls(std::move(plain), trusting_, "mail.example.com", deadline);
    seen->handshake = secured.status();
    if (secured.ok()) {
      const Status written = co_await (*secured)->Write(request);
      std::string chunk(4096, '\0');
      for (Result<size_t> count = written.ok() ? 1 : 0; count.ok() && *count > 0;) {
        const std::span<char> target(chunk);
        count = co_await (*secured)->Read(target);
        seen->received.append(chunk, 0, count.ok() ? *count : 0);
      }
      co_await (*secured)->Close();
    }
    seen->ended = true;
  }

  // Begins a conversation; `seen` fills as it goes.
  void Begin(const std::string& request, Seen* seen, net::MemoryStreamOptions options = {}) {
    bool begun = false;
    loop_.Post([&] {
      auto [near, far] = net::MakeMemoryStreams(options);
      listener_.Offer(std::move(far));
      clients_.Spawn(Talk(std::move(near), request, seen));
      begun = true;
    });
    ASSERT_TRUE(loop_.RunUntil([&] { return begun; }));
  }
  bool AwaitReceived(const Seen& seen, std::string_view text) {
    return loop_.RunUntil([&] { return seen.received.find(text) != std::string::npos; });
  }
  bool AwaitClients() {
    return loop_.RunUntil([&] { return clients_.running() == 0; });
  }

  net::TestAuthority authority_{"authority"};
  std::shared_ptr<const net::TlsContext> trusting_;
  net::TaskGroup clients_;
};

TEST_F(HttpsTest, AnswersAsInPlainText) {
  Store("acme", "alice", "INBOX", {Mail{.body = std::string(300'000, 'x')}});
  Seen list;
  Begin(
      "GET /v1/messages HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer read-acme\r\n"
      "Connection: close\r\n\r\n",
      &list);
  ASSERT_TRUE(AwaitClients());
  ASSERT_TRUE(list.handshake.ok()) << list.handshake.ToString();
  const HttpAnswer answer = ParseAnswers(list.received).at(0);
  ASSERT_EQ(answer.status, 200U);
  const std::string id(answer.Json().at("items").at(0).at("id").as_string());
  Seen raw;
  Begin("GET /v1/messages/" + id +
            "/raw HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer read-acme\r\n"
            "Connection: close\r\n\r\n",
        &raw, {.buffer_bytes_max = 4096, .read_bytes_max = 999});
  ASSERT_TRUE(AwaitClients());
  EXPECT_EQ(ParseAnswers(raw.received).at(0).body, RawOf(Mail{.body = std::string(300'000, 'x')}));
}

TEST_F(HttpsTest, PlainHttpIsToldSo) {
  const std::unique_ptr<Client> client = Connect();
  client->Send(std::string(kHealth));
  const std::vector<HttpAnswer> answers = Await(*client, 1);
  EXPECT_EQ(answers.at(0).status, 400U);
  EXPECT_EQ(answers.at(0).Code(), "tls_required");
  EXPECT_TRUE(AwaitEnd(*client));
}

TEST_F(HttpsTest, AHandshakeHasItsTime) {
  const TimePoint before = clock_.Now();
  const std::unique_ptr<Client> silent = Connect();
  const std::unique_ptr<Client> slow = Connect();
  slow->Send(std::string("\x16\x03\x01\x02\x00\x01", 6));  // As a ClientHello begins.
  EXPECT_TRUE(AwaitEnd(*silent));
  EXPECT_TRUE(AwaitEnd(*slow));
  EXPECT_EQ(clock_.Now() - before, kHandshakeTime);
  EXPECT_TRUE(silent->received().empty());
}

TEST_F(HttpsTest, RubbishEndsOnlyItsConnection) {
  for (const std::string& rubbish :
       {std::string("\x16\x03\x01\x00\x02\x00\x00", 7),
        std::string("\x15\x03\x03\x00\x02\x02\x28", 7),
        std::string("\x17\x03\x03\xff\xff", 5) + std::string(70'000, 'x'),
        "\x16" + std::string(100, '\0')}) {
    const std::unique_ptr<Client> client = Connect();
    client->Send(rubbish);
    EXPECT_TRUE(AwaitEnd(*client));
    EXPECT_EQ(client->received().find("HTTP"), std::string::npos);
  }
  Seen good;
  Begin(std::string(kHealth), &good);
  EXPECT_TRUE(AwaitReceived(good, "200 OK"));
  Shutdown();
  EXPECT_TRUE(AwaitClients());
}

// Who only connects takes a place, as without TLS, and gives it back when its time is over.
TEST_F(HttpsTest, HandshakesCountAsConnections) {
  std::vector<std::unique_ptr<Client>> silent;
  for (size_t i = 0; i < kConnectionsMax; ++i) {
    silent.push_back(Connect());
  }
  Seen refused;
  Begin(std::string(kHealth), &refused);
  ASSERT_TRUE(AwaitClients());
  ASSERT_TRUE(refused.handshake.ok()) << refused.handshake.ToString();
  EXPECT_EQ(ParseAnswers(refused.received).at(0).status, 503U);
  for (const std::unique_ptr<Client>& client : silent) {
    EXPECT_TRUE(AwaitEnd(*client));
  }
  Seen later;
  Begin(std::string(kHealth), &later);
  EXPECT_TRUE(AwaitReceived(later, "200 OK"));
  Shutdown();
  EXPECT_TRUE(AwaitClients());
}

TEST_F(HttpsTest, StoppingEndsHandshakesAndAnswersWhatRuns) {
  pool_.holding = true;
  Seen running;
  Begin("GET /v1/messages HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer read-acme\r\n\r\n",
        &running);
  ASSERT_TRUE(loop_.RunUntil([&] { return !pool_.held.empty(); }));
  const std::unique_ptr<Client> half = Connect();
  const TimePoint before = clock_.Now();
  StopService();
  EXPECT_TRUE(AwaitEnd(*half));
  EXPECT_EQ(clock_.Now(), before);
  pool_.holding = false;
  pool_.RunAll();
  ASSERT_TRUE(AwaitClients());
  EXPECT_EQ(ParseAnswers(running.received).at(0).status, 200U);
  EXPECT_TRUE(loop_.RunUntil([&] { return serving_.running() == 0; }));
}

// A renewed certificate serves those who come next.
TEST_F(HttpsTest, ANewCertificateIsForNewConnections) {
  Seen old;
  Begin(std::string(kHealth), &old);
  ASSERT_TRUE(AwaitReceived(old, "200 OK"));
  const net::TestAuthority other("other");
  const net::IssuedCertificate issued = other.Issue({.subject_alt_names = "DNS:mail.example.com"});
  loop_.Post([&] {
    service_->SetTls(net::TlsContext::Server(issued.certificate_pem, issued.key_pem).value());
  });
  Seen untrusting;
  Begin(std::string(kHealth), &untrusting);
  ASSERT_TRUE(loop_.RunUntil([&] { return untrusting.ended; }));
  EXPECT_EQ(untrusting.handshake.code(), Code::kTlsFailed);
  Shutdown();
  EXPECT_TRUE(AwaitClients());
}

}  // namespace
}  // namespace mailhaul::http
