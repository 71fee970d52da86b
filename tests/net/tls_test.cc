// TLS over streams in memory, in virtual time.
#include <gtest/gtest.h>

#include <functional>

#include "connectors/net/memory_stream.h"
#include "connectors/net/tls_stream.h"
#include "connectors/net/virtual_loop.h"
#include "tests/net/certificates.h"
#include "tests/net/coroutine_assert.h"

namespace mailhaul::net {
namespace {

using std::chrono::seconds;

constexpr std::string_view kGreeting = "* OK ready\r\n";

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>((i * 2654435761U) >> 11);
  }
  return bytes;
}

// How a client's side of one connection went.
struct Client {
  Status handshake{Code::kInternal, "not run"};
  Status read;
  std::string received;
  bool secure = false;
};

Task<void> RunClient(std::unique_ptr<Stream> plain, std::shared_ptr<const TlsContext> context,
                     std::string host, std::string send, size_t space, Client* client) {
  const TimePoint deadline = Loop::Current()->Now() + seconds(30);
  Result<std::unique_ptr<Stream>> stream =
      co_await ConnectTls(std::move(plain), std::move(context), std::move(host), deadline);
  client->handshake = stream.status();
  if (!stream.ok()) {
    co_return;
  }
  client->secure = (*stream)->secure();
  client->read = co_await (*stream)->Write(send);
  std::string buffer(space, '\0');
  while (client->read.ok()) {
    const std::span<char> out(buffer);
    const Result<size_t> count = co_await (*stream)->Read(out);
    client->read = count.status();
    if (!count.ok() || *count == 0) {
      break;
    }
    client->received.append(buffer, 0, *count);
  }
  co_await (*stream)->Close();
}

// Receives as much as the client sends, answers with the same bytes, and closes.
Task<void> RunEcho(std::unique_ptr<Stream> plain, std::shared_ptr<const TlsContext> context,
                   size_t expected, bool close_in_order) {
  const TimePoint deadline = Loop::Current()->Now() + seconds(30);
  Stream* const raw = plain.get();
  Result<std::unique_ptr<Stream>> stream =
      co_await AcceptTls(std::move(plain), std::move(context), deadline);
  if (!stream.ok()) {
    co_return;
  }
  std::string bytes;
  std::string buffer(1000, '\0');
  while (bytes.size() < expected) {
    const std::span<char> out(buffer);
    const Result<size_t> count = co_await (*stream)->Read(out);
    if (!count.ok() || *count == 0) {
      break;
    }
    bytes.append(buffer, 0, *count);
  }
  const Status written = co_await (*stream)->Write(bytes);
  static_cast<void>(written);  // The client sees what did not arrive.
  if (close_in_order) {
    co_await (*stream)->Close();
  } else {
    co_await raw->Close();
  }
}

Task<void> RunPlaintext(std::unique_ptr<Stream> plain, std::string_view greeting) {
  const Status written = co_await plain->Write(greeting);
  EXPECT_TRUE(written.ok());
  char buffer[4096];
  while (true) {
    const Result<size_t> count = co_await plain->Read(buffer);
    if (!count.ok() || *count == 0) {
      break;
    }
  }
  co_await plain->Close();
}

struct Plan {
  std::string host = "imap.example.com";
  std::string names = "DNS:imap.example.com";
  std::string send = "hello";
  size_t read_space = 4096;
  long valid_from = -3600;
  long valid_to = 3600;
  bool other_authority = false;
  bool close_in_order = true;
  MemoryStreamOptions streams{};
};

class TlsTest : public ::testing::Test {
 protected:
  static TestAuthority& Authority() {
    static TestAuthority authority("Test Authority");
    return authority;
  }

  static std::shared_ptr<const TlsContext> ClientContext() {
    static const Result<std::shared_ptr<const TlsContext>> context =
        TlsContext::Client(Authority().ca_file());
    MH_CHECK(context.ok());
    return *context;
  }

  static std::shared_ptr<const TlsContext> ServerContext(const Plan& plan) {
    const CertificateRequest request{.subject_alt_names = plan.names,
                                     .valid_from_seconds = plan.valid_from,
                                     .valid_to_seconds = plan.valid_to};
    const TestAuthority other("Nobody's Authority");
    const IssuedCertificate issued =
        plan.other_authority ? other.Issue(request) : Authority().Issue(request);
    Result<std::shared_ptr<const TlsContext>> context =
        TlsContext::Server(issued.certificate_pem, issued.key_pem);
    MH_CHECK(context.ok());
    return *context;
  }

  void Drive(const std::function<void()>& start) {
    loop_.Post(start);
    loop_.RunUntil([] { return false; });
    EXPECT_EQ(group_.running(), 0U);
  }

  Client Run(const Plan& plan) { return Run(plan, ServerContext(plan)); }

  Client Run(const Plan& plan, const std::shared_ptr<const TlsContext>& server) {
    Client client;
    Drive([&] {
      MemoryStreamOptions options = plan.streams;
      options.first_name = "imap.example.com (192.0.2.1:993)";
      auto [first, second] = MakeMemoryStreams(options);
      group_.Spawn(RunEcho(std::move(second), server, plan.send.size(), plan.close_in_order));
      group_.Spawn(RunClient(std::move(first), ClientContext(), plan.host, plan.send,
                             plan.read_space, &client));
    });
    return client;
  }

  void ExpectRefused(const Plan& plan, std::initializer_list<std::string> parts) {
    const Client client = Run(plan);
    EXPECT_EQ(client.handshake.code(), Code::kTlsFailed) << client.handshake.ToString();
    for (const std::string& part : parts) {
      EXPECT_NE(client.handshake.message().find(part), std::string::npos)
          << "\"" << part << "\" is not in: " << client.handshake.message();
    }
  }

  VirtualClock clock_{WallTime(seconds(1'700'000'000))};
  VirtualLoop loop_{clock_};
  TaskGroup group_;
};

TEST_F(TlsTest, ACertificateForTheRightNameIsAccepted) {
  const Client client = Run({});
  EXPECT_TRUE(client.handshake.ok()) << client.handshake.ToString();
  EXPECT_TRUE(client.secure);
  EXPECT_TRUE(client.read.ok()) << client.read.ToString();
  EXPECT_EQ(client.received, "hello");
}

TEST_F(TlsTest, NamesMatchByWildcardAnyCaseFinalDotAndAddress) {
  EXPECT_TRUE(Run({.names = "DNS:*.example.com"}).handshake.ok());
  EXPECT_TRUE(Run({.host = "IMAP.Example.COM."}).handshake.ok());
  EXPECT_TRUE(Run({.host = "192.0.2.1", .names = "IP:192.0.2.1"}).handshake.ok());
  EXPECT_TRUE(Run({.host = "2001:db8::1", .names = "IP:2001:db8::1"}).handshake.ok());
}

TEST_F(TlsTest, MegabytesGoBothWaysThroughSmallBuffers) {
  const std::string sent = Pattern(1'500'000);
  for (const size_t space : {size_t{100}, size_t{20'000}, size_t{262'144}}) {
    const Client client = Run({.send = sent, .read_space = space});
    EXPECT_TRUE(client.read.ok()) << client.read.ToString();
    EXPECT_TRUE(client.received == sent);
  }
}

TEST_F(TlsTest, HandshakeAndDataSurviveReadsOfOneByte) {
  const Client client = Run({.streams = {.read_bytes_max = 1}});
  EXPECT_TRUE(client.handshake.ok()) << client.handshake.ToString();
  EXPECT_TRUE(client.read.ok()) << client.read.ToString();
  EXPECT_EQ(client.received, "hello");
}

TEST_F(TlsTest, AWrongNameIsRefusedNamingBoth) {
  ExpectRefused({.names = "DNS:mail.example.net,DNS:example.net"},
                {"imap.example.com (192.0.2.1:993)", "mail.example.net, example.net",
                 "not for imap.example.com"});
  ExpectRefused({.host = "192.0.2.1"}, {"for imap.example.com", "not for 192.0.2.1"});
  ExpectRefused({.host = "192.0.2.1", .names = "DNS:192.0.2.1"}, {"not for 192.0.2.1"});
}

TEST_F(TlsTest, PartialWildcardsDeepWildcardsAndCommonNamesDoNotMatch) {
  ExpectRefused({.names = "DNS:im*.example.com"}, {"not for imap.example.com"});
  ExpectRefused({.host = "a.b.example.com", .names = "DNS:*.example.com"}, {"*.example.com"});
  // The common name is "test" in every certificate here.
  ExpectRefused({.host = "test", .names = ""}, {"no host name at all", "not for test"});
}

TEST_F(TlsTest, ManyNamesAreCutShortInTheMessage) {
  std::string names = "DNS:n0.example.net";
  for (int i = 1; i < 30; ++i) {
    names += ",DNS:n" + std::to_string(i) + ".example.net";
  }
  ExpectRefused({.names = names}, {"n4.example.net and 25 more"});
}

TEST_F(TlsTest, AnUnknownAuthorityIsRefusedNamingItAndTheSetting) {
  ExpectRefused({.other_authority = true},
                {"unknown authority", "Nobody's Authority", "network.ca_file"});
}

TEST_F(TlsTest, AnExpiredOrFutureCertificateIsRefusedWithItsDate) {
  ExpectRefused({.valid_from = -7200, .valid_to = -3600}, {"expired on 20"});
  ExpectRefused({.valid_from = 3600, .valid_to = 7200}, {"not valid before 20", "clock"});
}

TEST_F(TlsTest, APlaintextServerIsRecognised) {
  Client client;
  Drive([&] {
    auto [first, second] = MakeMemoryStreams({});
    group_.Spawn(RunPlaintext(std::move(second), kGreeting));
    group_.Spawn(
        RunClient(std::move(first), ClientContext(), "imap.example.com", "", 100, &client));
  });
  EXPECT_EQ(client.handshake.code(), Code::kTlsFailed);
  EXPECT_NE(client.handshake.message().find("\"* OK ready\\x0d\\x0a\""), std::string::npos)
      << client.handshake.message();
  EXPECT_NE(client.handshake.message().find("STARTTLS?"), std::string::npos);
}

TEST_F(TlsTest, RubbishThatLooksLikeTlsFailsTheHandshake) {
  Client client;
  Drive([&] {
    auto [first, second] = MakeMemoryStreams({});
    group_.Spawn(RunPlaintext(std::move(second), "\x16\x03\x03\x7F\xFFrubbish rubbish rubbish"));
    group_.Spawn(
        RunClient(std::move(first), ClientContext(), "imap.example.com", "", 100, &client));
  });
  EXPECT_EQ(client.handshake.code(), Code::kTlsFailed) << client.handshake.ToString();
}

TEST_F(TlsTest, AServerThatSaysNothingTimesOut) {
  Client client;
  const TimePoint start = loop_.Now();
  std::unique_ptr<Stream> silent;
  Drive([&] {
    auto [first, second] = MakeMemoryStreams({});
    silent = std::move(second);
    group_.Spawn(
        RunClient(std::move(first), ClientContext(), "imap.example.com", "", 100, &client));
  });
  EXPECT_EQ(client.handshake.code(), Code::kTimeout);
  EXPECT_EQ(loop_.Now() - start, seconds(30));
}

Task<void> ConnectInto(std::unique_ptr<Stream> plain, std::shared_ptr<const TlsContext> context,
                       CancelToken* cancel, Status* outcome) {
  const TimePoint deadline = Loop::Current()->Now() + seconds(30);
  const Result<std::unique_ptr<Stream>> stream = co_await ConnectTls(
      std::move(plain), std::move(context), "imap.example.com", deadline, cancel);
  *outcome = stream.status();
}

TEST_F(TlsTest, AHandshakeIsCancelledAtOnceAndNoneBeginsAfterwards) {
  const TimePoint start = loop_.Now();
  CancelToken cancel;
  Status pending;
  Status later;
  std::vector<std::unique_ptr<Stream>> silent(2);
  const auto connect = [&](std::unique_ptr<Stream>& other, Status* outcome) {
    auto [first, second] = MakeMemoryStreams({});
    other = std::move(second);
    group_.Spawn(ConnectInto(std::move(first), ClientContext(), &cancel, outcome));
  };
  loop_.Post([&] { connect(silent[0], &pending); });
  loop_.RunDue();
  EXPECT_EQ(group_.running(), 1U);
  loop_.Post([&] {
    cancel.Cancel();
    connect(silent[1], &later);
  });
  loop_.RunDue();
  EXPECT_EQ(group_.running(), 0U);
  EXPECT_EQ(loop_.Now(), start);
  EXPECT_EQ(pending.code(), Code::kCancelled) << pending.ToString();
  EXPECT_EQ(later.code(), Code::kCancelled) << later.ToString();
  loop_.Post([&] { silent.clear(); });
  loop_.RunDue();
}

TEST_F(TlsTest, AnEndWithoutCloseNotifyIsATruncation) {
  const Client client = Run({.close_in_order = false});
  EXPECT_TRUE(client.handshake.ok());
  EXPECT_EQ(client.received, "hello");
  EXPECT_EQ(client.read.code(), Code::kUnreachable);
  EXPECT_NE(client.read.message().find("close_notify"), std::string::npos) << client.read.message();
}

TEST_F(TlsTest, AConnectionCutAtAnyByteIsNeverTakenForAnEndOrATlsFault) {
  const std::string sent = Pattern(3000);
  const std::shared_ptr<const TlsContext> server = ServerContext({});
  // TLS records of a handshake, of session tickets and of data are all cut somewhere.
  for (size_t cut = 0; cut < 5000; cut += 37) {
    const Client client = Run({.send = sent, .streams = {.cut_after_bytes_back = cut}}, server);
    const Status& failure = client.handshake.ok() ? client.read : client.handshake;
    if (failure.ok()) {
      EXPECT_EQ(client.received, sent) << cut;
    } else {
      EXPECT_EQ(failure.code(), Code::kUnreachable) << cut << ": " << failure.ToString();
      EXPECT_EQ(client.received, sent.substr(0, client.received.size()));
    }
  }
}

// Passes bytes on and, once, inverts one.
Task<void> Forward(Stream& from, Stream& to, size_t corrupt_at) {
  char buffer[1];
  for (size_t i = 0;; ++i) {
    const Result<size_t> count = co_await from.Read(buffer);
    if (!count.ok() || *count == 0) {
      break;
    }
    buffer[0] = static_cast<char>(i == corrupt_at ? ~buffer[0] : buffer[0]);
    const std::string_view byte(buffer, 1);
    const Status written = co_await to.Write(byte);
    if (!written.ok()) {
      break;
    }
  }
  from.Abort();
  to.Abort();
}

TEST_F(TlsTest, CorruptedBytesAreNeverDelivered) {
  const std::shared_ptr<const TlsContext> server = ServerContext({});
  const std::string sent = Pattern(500);
  for (size_t at = 0; at < 2500; at += 53) {
    Client client;
    std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> near;
    std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> far;
    Drive([&] {
      near = MakeMemoryStreams({});
      far = MakeMemoryStreams({});
      group_.Spawn(RunEcho(std::move(far.second), server, sent.size(), true));
      group_.Spawn(RunClient(std::move(near.first), ClientContext(), "imap.example.com", sent, 4096,
                             &client));
      group_.Spawn(Forward(*near.second, *far.first, SIZE_MAX));
      group_.Spawn(Forward(*far.first, *near.second, at));
    });
    EXPECT_EQ(client.received, sent.substr(0, client.received.size())) << at;
    loop_.Post([&] {
      near = {};
      far = {};
    });
    loop_.RunDue();
  }
}

TEST_F(TlsTest, UnusableAuthoritiesCertificatesAndKeysAreExplained) {
  EXPECT_EQ(TlsContext::Client("/nonexistent/ca.pem").status().code(), Code::kInvalidArgument);
  const IssuedCertificate one = Authority().Issue({});
  const IssuedCertificate other = Authority().Issue({});
  EXPECT_EQ(TlsContext::Server("rubbish", one.key_pem).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(TlsContext::Server(one.certificate_pem, Secret("rubbish")).status().code(),
            Code::kInvalidArgument);
  const Result<std::shared_ptr<const TlsContext>> mixed =
      TlsContext::Server(one.certificate_pem, other.key_pem);
  EXPECT_EQ(mixed.status().code(), Code::kInvalidArgument);
  EXPECT_NE(mixed.status().message().find("key values mismatch"), std::string::npos)
      << mixed.status().message();
}

Task<void> ReadWhileWriting(Stream& stream, std::string* received, size_t expected) {
  std::string buffer(5000, '\0');
  while (received->size() < expected) {
    const std::span<char> out(buffer);
    const Result<size_t> count = co_await stream.Read(out);
    if (!count.ok() || *count == 0) {
      break;
    }
    received->append(buffer, 0, *count);
  }
}

Task<void> WriteWhole(Stream& stream, std::string_view bytes) {
  const Status written = co_await stream.Write(bytes);
  EXPECT_TRUE(written.ok()) << written.ToString();
}

Task<void> BothWays(std::unique_ptr<Stream> stream, std::string_view bytes, std::string* received) {
  TaskGroup group;
  group.Spawn(ReadWhileWriting(*stream, received, bytes.size()));
  group.Spawn(WriteWhole(*stream, bytes));
  co_await group.Drain();
  co_await stream->Close();
}

Task<void> ServeBothWays(std::unique_ptr<Stream> plain, std::shared_ptr<const TlsContext> context,
                         std::string_view bytes, std::string* received) {
  const TimePoint deadline = Loop::Current()->Now() + seconds(30);
  Result<std::unique_ptr<Stream>> stream =
      co_await AcceptTls(std::move(plain), std::move(context), deadline);
  CO_ASSERT_OK(stream);
  co_await BothWays(std::move(stream).value(), bytes, received);
}

Task<void> ConnectBothWays(std::unique_ptr<Stream> plain, std::shared_ptr<const TlsContext> context,
                           std::string_view bytes, std::string* received) {
  const TimePoint deadline = Loop::Current()->Now() + seconds(30);
  Result<std::unique_ptr<Stream>> stream =
      co_await ConnectTls(std::move(plain), std::move(context), "imap.example.com", deadline);
  CO_ASSERT_OK(stream);
  co_await BothWays(std::move(stream).value(), bytes, received);
}

TEST_F(TlsTest, ReadingAndWritingAtTheSameTimeDoNotDisturbEachOther) {
  const std::string bytes = Pattern(400'000);
  const std::shared_ptr<const TlsContext> server = ServerContext({});
  std::string at_client;
  std::string at_server;
  Drive([&] {
    auto [first, second] = MakeMemoryStreams({.buffer_bytes_max = 1000});
    group_.Spawn(ServeBothWays(std::move(second), server, bytes, &at_server));
    group_.Spawn(ConnectBothWays(std::move(first), ClientContext(), bytes, &at_client));
  });
  EXPECT_TRUE(at_client == bytes);
  EXPECT_TRUE(at_server == bytes);
}

}  // namespace
}  // namespace mailhaul::net
