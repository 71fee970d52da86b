// Resuming TLS sessions, and binding logins to connections.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <thread>

#include "base/text.h"
#include "connectors/net/memory_stream.h"
#include "connectors/net/tls_binding.h"
#include "connectors/net/tls_sessions.h"
#include "connectors/net/tls_stream.h"
#include "connectors/net/virtual_loop.h"
#include "tests/net/certificates.h"
#include "tests/net/coroutine_assert.h"

namespace mailhaul::net {
namespace {

using std::chrono::seconds;

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

// One connection, as its client and its server saw it.
struct Outcome {
  Status handshake{Code::kInternal, "not run"};
  std::string received;
  std::optional<ChannelBinding> client_binding;
  std::optional<ChannelBinding> server_binding;
};

// How the client leaves a connection.
enum class Leaving : uint8_t { kClose, kAbort, kDestroy };

Task<void> Serve(std::unique_ptr<Stream> plain, std::shared_ptr<const TlsContext> context,
                 Outcome* outcome) {
  const TimePoint deadline = Loop::Current()->Now() + seconds(30);
  Result<std::unique_ptr<Stream>> stream =
      co_await AcceptTls(std::move(plain), std::move(context), deadline);
  if (!stream.ok()) {
    co_return;
  }
  outcome->server_binding = (*stream)->channel_binding();
  const Status written = co_await (*stream)->Write("* OK\r\n");
  EXPECT_TRUE(written.ok()) << written.ToString();
  char buffer[100];
  const Result<size_t> end = co_await (*stream)->Read(buffer);
  static_cast<void>(end);  // However the client left.
  co_await (*stream)->Close();
}

Task<void> Connect(std::unique_ptr<Stream> plain, std::shared_ptr<const TlsContext> context,
                   std::string host, Leaving leaving, Outcome* outcome) {
  const TimePoint deadline = Loop::Current()->Now() + seconds(30);
  Result<std::unique_ptr<Stream>> stream =
      co_await ConnectTls(std::move(plain), std::move(context), std::move(host), deadline);
  outcome->handshake = stream.status();
  if (!stream.ok()) {
    co_return;
  }
  outcome->client_binding = (*stream)->channel_binding();
  char buffer[100];
  const Result<size_t> count = co_await (*stream)->Read(buffer);
  CO_ASSERT_OK(count);
  outcome->received = std::string(buffer, *count);
  if (leaving == Leaving::kAbort) {
    (*stream)->Abort();
  }
  if (leaving != Leaving::kDestroy) {
    co_await (*stream)->Close();
  }
}

class TlsResumptionTest : public ::testing::Test {
 protected:
  static const TestAuthority& Authority() {
    static const TestAuthority authority("Test Authority");
    return authority;
  }
  static std::shared_ptr<const TlsContext> MakeClient(bool resume) {
    Result<std::shared_ptr<const TlsContext>> context =
        TlsContext::Client(Authority().ca_file(), resume);
    MH_CHECK(context.ok());
    return *context;
  }
  // Of both names unless told otherwise.
  static std::shared_ptr<const TlsContext> MakeServer(
      int version, const std::string& names = "DNS:imap.example.com,DNS:smtp.example.com") {
    const IssuedCertificate issued = Authority().Issue({.subject_alt_names = names});
    Result<std::shared_ptr<const TlsContext>> context =
        TlsContext::Server(issued.certificate_pem, issued.key_pem);
    MH_CHECK(context.ok());
    SSL_CTX_set_max_proto_version((*context)->raw(), version);
    return *context;
  }

  Outcome Run(const std::shared_ptr<const TlsContext>& server, const std::string& host,
              Leaving leaving = Leaving::kClose) {
    Outcome outcome;
    loop_.Post([&] {
      auto [first, second] = MakeMemoryStreams({});
      group_.Spawn(Serve(std::move(second), server, &outcome));
      group_.Spawn(Connect(std::move(first), client_, host, leaving, &outcome));
    });
    loop_.RunUntil([] { return false; });
    EXPECT_EQ(group_.running(), 0U);
    return outcome;
  }
  // How many handshakes of this client resumed a session.
  long resumed() const { return SSL_CTX_sess_hits(client_->raw()); }

  VirtualClock clock_{WallTime(seconds(1'700'000'000))};
  VirtualLoop loop_{clock_};
  TaskGroup group_;
  std::shared_ptr<const TlsContext> client_ = MakeClient(true);
};

TEST_F(TlsResumptionTest, TheSecondConnectionResumesHoweverTheFirstEnded) {
  for (const int version : kVersions) {
    for (const Leaving leaving : {Leaving::kClose, Leaving::kAbort, Leaving::kDestroy}) {
      const std::shared_ptr<const TlsContext> server = MakeServer(version);
      client_->sessions()->Forget("imap.example.com");
      const long before = resumed();
      EXPECT_EQ(Run(server, "imap.example.com", leaving).received, "* OK\r\n");
      EXPECT_EQ(resumed(), before) << version;
      EXPECT_EQ(Run(server, "IMAP.Example.com.", leaving).received, "* OK\r\n");
      EXPECT_EQ(resumed(), before + 1) << version << ' ' << static_cast<int>(leaving);
    }
  }
}

TEST_F(TlsResumptionTest, ItCanBeDoneWithout) {
  client_ = MakeClient(false);
  for (const int version : kVersions) {
    const std::shared_ptr<const TlsContext> server = MakeServer(version);
    EXPECT_EQ(Run(server, "imap.example.com").received, "* OK\r\n");
    EXPECT_EQ(Run(server, "imap.example.com").received, "* OK\r\n");
    EXPECT_EQ(resumed(), 0) << version;
  }
}

TEST_F(TlsResumptionTest, AnotherNameDoesNotResume) {
  for (const int version : kVersions) {
    const std::shared_ptr<const TlsContext> server = MakeServer(version);
    EXPECT_TRUE(Run(server, "imap.example.com").handshake.ok());
    client_->sessions()->Forget("smtp.example.com");
    const long before = resumed();
    EXPECT_TRUE(Run(server, "smtp.example.com").handshake.ok());
    EXPECT_EQ(resumed(), before) << version;
  }
}

TEST_F(TlsResumptionTest, ASessionDoesNotSpareAnotherNameItsVerification) {
  for (const int version : kVersions) {
    const std::shared_ptr<const TlsContext> server = MakeServer(version, "DNS:imap.example.com");
    EXPECT_TRUE(Run(server, "imap.example.com").handshake.ok());
    EXPECT_EQ(Run(server, "smtp.example.com").handshake.code(), Code::kTlsFailed);
  }
}

TEST_F(TlsResumptionTest, AServerThatForgotItsKeysCostsNothingButAHandshake) {
  for (const int version : kVersions) {
    EXPECT_TRUE(Run(MakeServer(version), "imap.example.com").handshake.ok());
    EXPECT_EQ(Run(MakeServer(version), "imap.example.com").received, "* OK\r\n");
    EXPECT_EQ(resumed(), 0);
  }
}

TEST_F(TlsResumptionTest, ASessionEndsAfterAnHour) {
  const std::shared_ptr<const TlsContext> server = MakeServer(TLS1_2_VERSION);
  EXPECT_TRUE(Run(server, "imap.example.com").handshake.ok());
  EXPECT_EQ(client_->sessions()->size(), 1U);
  clock_.AdvanceTo(loop_.Now() + TlsSessionCache::kAgeMax);
  EXPECT_TRUE(Run(server, "imap.example.com").handshake.ok());
  EXPECT_EQ(resumed(), 0);
  EXPECT_EQ(client_->sessions()->size(), 1U);
}

TEST_F(TlsResumptionTest, AFailedHandshakeForgetsTheSessionsOfItsName) {
  const std::shared_ptr<const TlsContext> server = MakeServer(TLS1_3_VERSION);
  EXPECT_TRUE(Run(server, "imap.example.com").handshake.ok());
  EXPECT_GT(client_->sessions()->size(), 0U);
  const std::shared_ptr<const TlsContext> other =
      MakeServer(TLS1_3_VERSION, "DNS:mail.example.net");
  EXPECT_EQ(Run(other, "imap.example.com").handshake.code(), Code::kTlsFailed);
  EXPECT_EQ(client_->sessions()->size(), 0U);
}

TlsSessionPtr MakeSession(int version) {
  TlsSessionPtr session(SSL_SESSION_new());
  SSL_SESSION_set_protocol_version(session.get(), version);
  const unsigned char id[] = {1, 2, 3};
  SSL_SESSION_set1_id(session.get(), id, sizeof id);
  return session;
}

TEST(TlsSessionCacheTest, HoldsSoManyAndTheLeastRecentlyUsedGivesWay) {
  TlsSessionCache cache;
  const TimePoint now{};
  for (size_t i = 0; i < TlsSessionCache::kSessionsMax; ++i) {
    cache.Add("host" + std::to_string(i), MakeSession(TLS1_2_VERSION), now);
  }
  EXPECT_EQ(cache.size(), TlsSessionCache::kSessionsMax);
  EXPECT_NE(cache.Take("host0", now), nullptr);  // Used now.
  cache.Add("another", MakeSession(TLS1_2_VERSION), now);
  EXPECT_EQ(cache.size(), TlsSessionCache::kSessionsMax);
  EXPECT_NE(cache.Take("host0", now), nullptr);
  EXPECT_EQ(cache.Take("host1", now), nullptr);
}

TEST(TlsSessionCacheTest, OneNameHoldsEightAndGivesTheNewestFirst) {
  TlsSessionCache cache;
  const TimePoint now{};
  std::vector<SSL_SESSION*> added;
  for (int i = 0; i < 10; ++i) {
    TlsSessionPtr session = MakeSession(TLS1_3_VERSION);
    added.push_back(session.get());
    cache.Add("host", std::move(session), now);
  }
  EXPECT_EQ(cache.size(), TlsSessionCache::kSessionsPerNameMax);
  for (size_t i = 0; i < TlsSessionCache::kSessionsPerNameMax; ++i) {
    EXPECT_EQ(cache.Take("host", now).get(), added[added.size() - 1 - i]);
  }
  EXPECT_EQ(cache.Take("host", now), nullptr);
  EXPECT_EQ(cache.size(), 0U);
}

TEST(TlsSessionCacheTest, WithTls12ASessionServesAgainAndWithTls13Once) {
  TlsSessionCache cache;
  const TimePoint now{};
  cache.Add("old", MakeSession(TLS1_2_VERSION), now);
  cache.Add("new", MakeSession(TLS1_3_VERSION), now);
  EXPECT_NE(cache.Take("old", now), nullptr);
  EXPECT_NE(cache.Take("old", now), nullptr);
  EXPECT_NE(cache.Take("new", now), nullptr);
  EXPECT_EQ(cache.Take("new", now), nullptr);
}

TEST(TlsSessionCacheTest, LoopsMayShareIt) {
  TlsSessionCache cache;
  const TimePoint now{};
  const auto work = [&cache, now](int seed) {
    for (int i = 0; i < 2000; ++i) {
      const std::string name = "host" + std::to_string((i * seed) % 300);
      cache.Add(name, MakeSession(i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION), now);
      const TlsSessionPtr taken = cache.Take("host" + std::to_string(i % 300), now);
    }
  };
  std::thread other(work, 7);
  work(11);
  other.join();
  EXPECT_LE(cache.size(), TlsSessionCache::kSessionsMax);
}

TEST_F(TlsResumptionTest, BothSidesBindToTheSameBytes) {
  const std::pair<int, const char*> kinds[] = {{TLS1_2_VERSION, "tls-server-end-point"},
                                               {TLS1_3_VERSION, "tls-exporter"}};
  for (const auto& [version, type] : kinds) {
    const std::shared_ptr<const TlsContext> server = MakeServer(version);
    std::set<std::string> seen;
    for (int i = 0; i < 2; ++i) {
      const Outcome outcome = Run(server, "imap.example.com");  // The second one is resumed.
      ASSERT_TRUE(outcome.client_binding.has_value());
      ASSERT_TRUE(outcome.server_binding.has_value());
      EXPECT_EQ(outcome.client_binding->type, type);
      EXPECT_EQ(outcome.client_binding->data.size(), 32U);
      EXPECT_EQ(outcome.client_binding->data, outcome.server_binding->data);
      seen.insert(outcome.client_binding->data);
    }
    // A certificate stays the same; a connection does not.
    EXPECT_EQ(seen.size(), version == TLS1_3_VERSION ? 2U : 1U);
  }
  EXPECT_EQ(resumed(), 2);
}

struct X509Freer {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

// The end point of a certificate signed with `hash` (of an Ed25519 key: null), and the hash of the
// same certificate by `expected`.
std::pair<std::string, std::string> EndPoints(const EVP_MD* hash, const EVP_MD* expected) {
  const std::unique_ptr<EVP_PKEY, X509Freer> key(
      hash == nullptr ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                      : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  const std::unique_ptr<X509, X509Freer> certificate(X509_new());
  X509_set_pubkey(certificate.get(), key.get());
  MH_CHECK(X509_sign(certificate.get(), key.get(), hash) > 0);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  MH_CHECK(X509_digest(certificate.get(), expected, digest, &size) == 1);
  return {EndPointOf(certificate.get()), std::string(reinterpret_cast<const char*>(digest), size)};
}

TEST(TlsBindingTest, TheEndPointIsHashedLikeTheCertificatesSignature) {
  const std::pair<const EVP_MD*, const EVP_MD*> cases[] = {{EVP_sha256(), EVP_sha256()},
                                                           {EVP_sha384(), EVP_sha384()},
                                                           {EVP_sha512(), EVP_sha512()},
                                                           {EVP_sha1(), EVP_sha256()}};
  for (const auto& [hash, expected] : cases) {
    const auto [end_point, digest] = EndPoints(hash, expected);
    EXPECT_EQ(HexEncode(end_point), HexEncode(digest)) << EVP_MD_get0_name(hash);
  }
  EXPECT_EQ(EndPoints(nullptr, EVP_sha256()).first, "");
}

}  // namespace
}  // namespace mailhaul::net
