// TCP over the loopback interface, on the real loop.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "connectors/net/uv_network.h"
#include "tests/net/coroutine_assert.h"
#include "tests/net/uv_runner.h"

namespace mailhaul::net {
namespace {

using std::chrono::seconds;

const IpAddress kLoopback = IpAddress::V4(127, 0, 0, 1);

std::unique_ptr<UvNetwork> MakeNetwork(UvLoop& loop) {
  // The system's authorities take long to load: once is enough.
  static const Result<std::shared_ptr<const TlsContext>> tls = TlsContext::Client("");
  MH_CHECK(tls.ok());
  Result<std::unique_ptr<UvNetwork>> network = UvNetwork::Create(loop, {}, *tls);
  MH_CHECK(network.ok());
  return std::move(network).value();
}

std::unique_ptr<Listener> MakeListener(UvNetwork& network) {
  Result<std::unique_ptr<Listener>> listener = network.Listen({.address = kLoopback, .port = 0});
  MH_CHECK(listener.ok());
  return std::move(listener).value();
}

struct Connected {
  std::unique_ptr<Stream> client;
  std::unique_ptr<Stream> server;
};

Task<Result<Connected>> ConnectPair(UvNetwork& network, Listener& listener,
                                    std::optional<IpAddress> egress) {
  const Endpoint remote{.address = kLoopback, .port = listener.port()};
  const TimePoint deadline = Loop::Current()->Now() + seconds(10);
  CO_TRY(std::unique_ptr<Stream> client, network.Connect(remote, "test.example", egress, deadline));
  CO_TRY(std::unique_ptr<Stream> server, listener.Accept());
  Connected pair;
  pair.client = std::move(client);
  pair.server = std::move(server);
  co_return std::move(pair);
}

Task<void> ClosePair(Connected& pair) {
  co_await pair.client->Close();
  co_await pair.server->Close();
}

// 4 MiB whose every byte depends on its place.
std::string Pattern() {
  std::string bytes(size_t{4} * 1024 * 1024, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>((i * 2654435761U) >> 13);
  }
  return bytes;
}

Task<void> WriteThenClose(Stream& stream, std::string_view bytes, Status* status) {
  *status = co_await stream.Write(bytes);
  co_await stream.Close();
}

Task<void> ReadToEnd(Stream& stream, size_t space, std::string* bytes, Status* end) {
  std::string buffer(space, '\0');
  while (true) {
    const std::span<char> out(buffer);
    const Result<size_t> count = co_await stream.Read(out);
    if (!count.ok() || *count == 0) {
      *end = count.status();
      co_return;
    }
    bytes->append(buffer, 0, *count);
  }
}

Task<void> TransferBody(UvLoop& loop, size_t read_space) {
  const std::unique_ptr<UvNetwork> network = MakeNetwork(loop);
  const std::unique_ptr<Listener> listener = MakeListener(*network);
  Result<Connected> pair = co_await ConnectPair(*network, *listener, std::nullopt);
  CO_ASSERT_OK(pair);
  EXPECT_FALSE(pair->client->secure());
  EXPECT_EQ(pair->client->peer_name(),
            "test.example (127.0.0.1:" + std::to_string(listener->port()) + ")");
  const std::string sent = Pattern();
  std::string received;
  Status written;
  Status end(Code::kInternal, "not ended");
  TaskGroup group;
  group.Spawn(WriteThenClose(*pair->server, sent, &written));
  co_await ReadToEnd(*pair->client, read_space, &received, &end);
  co_await group.Drain();
  EXPECT_TRUE(written.ok()) << written.ToString();
  EXPECT_TRUE(end.ok()) << end.ToString();
  EXPECT_TRUE(received == sent);
  char byte = 0;
  const std::span<char> one(&byte, 1);
  const Result<size_t> again = co_await pair->client->Read(one);
  EXPECT_TRUE(again.ok());
  EXPECT_EQ(*again, 0U);
  co_await pair->client->Close();
}

TEST(TcpTest, MegabytesArriveWholeAndEndWithTheEndOfInput) {
  RunOnUvLoop([](UvLoop& loop) { return TransferBody(loop, size_t{256} * 1024); });
}

TEST(TcpTest, SmallReadsThatAlwaysFillTheirBufferLoseNothing) {
  RunOnUvLoop([](UvLoop& loop) { return TransferBody(loop, 1000); });
}

Task<void> PingPongBody(UvLoop& loop) {
  const std::unique_ptr<UvNetwork> network = MakeNetwork(loop);
  const std::unique_ptr<Listener> listener = MakeListener(*network);
  Result<Connected> pair = co_await ConnectPair(*network, *listener, std::nullopt);
  CO_ASSERT_OK(pair);
  char buffer[64];
  for (int i = 0; i < 200; ++i) {
    // Written while nobody reads: libuv is told to stop watching and must start again.
    const Status written = co_await pair->client->Write("ping");
    CO_ASSERT_TRUE(written.ok());
    if (i % 3 == 0) {
      co_await SleepUntil(loop.Now());
    }
    const Result<size_t> count = co_await pair->server->Read(buffer);
    CO_ASSERT_OK(count);
    EXPECT_EQ(std::string_view(buffer, *count), "ping");
    const Status answered = co_await pair->server->Write("pong!");
    CO_ASSERT_TRUE(answered.ok());
    const Result<size_t> reply = co_await pair->client->Read(buffer);
    CO_ASSERT_OK(reply);
    EXPECT_EQ(std::string_view(buffer, *reply), "pong!");
  }
  co_await ClosePair(*pair);
}

TEST(TcpTest, RequestsAndAnswersAlternate) { RunOnUvLoop(PingPongBody); }

Task<void> EgressBody(UvLoop& loop) {
  const std::unique_ptr<UvNetwork> network = MakeNetwork(loop);
  const std::unique_ptr<Listener> listener = MakeListener(*network);
  Result<Connected> pair = co_await ConnectPair(*network, *listener, IpAddress::V4(127, 0, 0, 2));
  CO_ASSERT_OK(pair);
  EXPECT_EQ(pair->server->peer_name().substr(0, 10), "127.0.0.2:");
  co_await ClosePair(*pair);
}

TEST(TcpTest, ConnectsFromTheEgressAddress) { RunOnUvLoop(EgressBody); }

Task<void> ExpectNotConnected(UvNetwork& network, Endpoint remote, std::optional<IpAddress> egress,
                              std::vector<std::string> parts) {
  const TimePoint deadline = Loop::Current()->Now() + seconds(10);
  const Result<std::unique_ptr<Stream>> stream =
      co_await network.Connect(remote, "test.example", egress, deadline);
  EXPECT_EQ(stream.status().code(), Code::kUnreachable);
  for (const std::string& part : parts) {
    EXPECT_NE(stream.status().message().find(part), std::string::npos)
        << part << " is not in: " << stream.status().message();
  }
}

Task<void> RefusedBody(UvLoop& loop) {
  const std::unique_ptr<UvNetwork> network = MakeNetwork(loop);
  std::unique_ptr<Listener> listener = MakeListener(*network);
  const Endpoint remote{.address = kLoopback, .port = listener->port()};
  listener->Abort();
  listener.reset();
  std::vector<std::string> refused{"cannot connect to test.example (" + remote.ToString() + ")",
                                   "from 127.0.0.3", "connection refused"};
  co_await ExpectNotConnected(*network, remote, IpAddress::V4(127, 0, 0, 3), std::move(refused));
  std::vector<std::string> foreign{"from 192.0.2.1", "not an address of this machine"};
  co_await ExpectNotConnected(*network, remote, IpAddress::V4(192, 0, 2, 1), std::move(foreign));
  IpAddress loopback6;
  loopback6.bytes[15] = 1;
  std::vector<std::string> version{"from ::1", "other IP version"};
  co_await ExpectNotConnected(*network, remote, loopback6, std::move(version));
}

TEST(TcpTest, AFailedConnectNamesTheEndpointTheEgressAddressAndTheReason) {
  RunOnUvLoop(RefusedBody);
}

Task<void> PastDeadlineBody(UvLoop& loop) {
  const std::unique_ptr<UvNetwork> network = MakeNetwork(loop);
  // A full accept queue would be slow to set up; a deadline that has passed beats any handshake
  // with an address nobody answers for.
  const Endpoint remote{.address = IpAddress::V4(192, 0, 2, 1), .port = 993};
  const Result<std::unique_ptr<Stream>> stream =
      co_await network->Connect(remote, "test.example", std::nullopt, loop.Now());
  EXPECT_EQ(stream.status().code(), Code::kUnreachable);
}

TEST(TcpTest, AConnectEndsAtItsDeadline) { RunOnUvLoop(PastDeadlineBody); }

Task<void> ConnectInto(UvNetwork& network, Endpoint remote, Status* outcome) {
  const TimePoint deadline = Loop::Current()->Now() + std::chrono::hours(1);
  const Result<std::unique_ptr<Stream>> stream =
      co_await network.Connect(remote, "test.example", std::nullopt, deadline);
  *outcome = stream.status();
}

Task<void> AbortConnectBody(UvLoop& loop) {
  const std::unique_ptr<UvNetwork> network = MakeNetwork(loop);
  Endpoint local;
  local.address = IpAddress::V4(127, 0, 0, 1);
  Result<std::unique_ptr<Listener>> listener = network->Listen(local);
  CO_ASSERT_OK(listener);
  local.port = (*listener)->port();
  TaskGroup group;
  Status pending;
  group.Spawn(ConnectInto(*network, local, &pending));
  EXPECT_EQ(group.running(), 1U);  // The loop learns of the handshake in its next turn.
  network->Abort();
  co_await group.Drain();
  EXPECT_EQ(pending.code(), Code::kCancelled) << pending.ToString();
  Status later;
  co_await ConnectInto(*network, local, &later);
  EXPECT_EQ(later.code(), Code::kCancelled) << later.ToString();
}

TEST(TcpTest, AbortEndsThePendingConnectAndAllThatFollow) { RunOnUvLoop(AbortConnectBody); }

Task<void> ReadOnce(Stream& stream, Status* status) {
  char buffer[16];
  const Result<size_t> count = co_await stream.Read(buffer);
  *status = count.status();
}

Task<void> WriteOnce(Stream& stream, std::string_view bytes, Status* status) {
  *status = co_await stream.Write(bytes);
}

Task<void> AbortBody(UvLoop& loop) {
  const std::unique_ptr<UvNetwork> network = MakeNetwork(loop);
  const std::unique_ptr<Listener> listener = MakeListener(*network);
  Result<Connected> pair = co_await ConnectPair(*network, *listener, std::nullopt);
  CO_ASSERT_OK(pair);
  Status read;
  Status written;
  TaskGroup group;
  {
    // Freed as soon as the write has failed: libuv must not touch it any more.
    const auto large = std::make_unique<std::string>(Pattern() + Pattern() + Pattern());
    group.Spawn(ReadOnce(*pair->client, &read));
    group.Spawn(WriteOnce(*pair->client, *large, &written));
    EXPECT_EQ(group.running(), 2U);
    pair->client->Abort();
    co_await group.Drain();
  }
  EXPECT_EQ(read.code(), Code::kCancelled);
  EXPECT_EQ(written.code(), Code::kCancelled);
  co_await ReadOnce(*pair->client, &read);
  EXPECT_EQ(read.code(), Code::kCancelled);
  co_await ClosePair(*pair);
}

TEST(TcpTest, AbortFailsThePendingReadAndWrite) { RunOnUvLoop(AbortBody); }

Task<void> DeadlineBody(UvLoop& loop) {
  const std::unique_ptr<UvNetwork> network = MakeNetwork(loop);
  const std::unique_ptr<Listener> listener = MakeListener(*network);
  Result<Connected> pair = co_await ConnectPair(*network, *listener, std::nullopt);
  CO_ASSERT_OK(pair);
  pair->client->SetDeadline(loop.Now() + std::chrono::milliseconds(2));
  Status read;
  co_await ReadOnce(*pair->client, &read);
  EXPECT_EQ(read.code(), Code::kTimeout);
  pair->client->SetDeadline(TimePoint::max());
  co_await ReadOnce(*pair->client, &read);
  EXPECT_EQ(read.code(), Code::kTimeout);
  co_await ClosePair(*pair);
}

TEST(TcpTest, ThePendingAndLaterReadsFailOnceTheDeadlinePassed) { RunOnUvLoop(DeadlineBody); }

Task<void> DestroyBody(UvLoop& loop) {
  const std::unique_ptr<UvNetwork> network = MakeNetwork(loop);
  const std::unique_ptr<Listener> listener = MakeListener(*network);
  Result<Connected> pair = co_await ConnectPair(*network, *listener, std::nullopt);
  CO_ASSERT_OK(pair);
  // The reader has left libuv watching; input then arrives for a stream that is gone.
  const Status first = co_await pair->server->Write("x");
  EXPECT_TRUE(first.ok());
  Status read;
  co_await ReadOnce(*pair->client, &read);
  EXPECT_TRUE(read.ok());
  const Status second = co_await pair->server->Write("y");
  EXPECT_TRUE(second.ok());
  pair->client.reset();
  co_await ReadOnce(*pair->server, &read);  // A reset or an end, whichever the kernel sends.
  pair->server.reset();
}

TEST(TcpTest, AStreamMayBeDestroyedWithoutClose) { RunOnUvLoop(DestroyBody); }

Task<void> BrokenWriteBody(UvLoop& loop) {
  const std::unique_ptr<UvNetwork> network = MakeNetwork(loop);
  const std::unique_ptr<Listener> listener = MakeListener(*network);
  Result<Connected> pair = co_await ConnectPair(*network, *listener, std::nullopt);
  CO_ASSERT_OK(pair);
  co_await pair->server->Close();
  const std::string large = Pattern();
  Status written;
  for (int i = 0; i < 10 && written.ok(); ++i) {
    co_await WriteOnce(*pair->client, large, &written);
  }
  EXPECT_EQ(written.code(), Code::kUnreachable);
  EXPECT_NE(written.message().find("test.example (127.0.0.1:"), std::string::npos);
  co_await pair->client->Close();
}

TEST(TcpTest, WritingToAPeerThatHasGoneFailsAndDoesNotKillTheProcess) {
  RunOnUvLoop(BrokenWriteBody);
}

Task<void> AcceptOnce(Listener& listener, Status* status) {
  const Result<std::unique_ptr<Stream>> stream = co_await listener.Accept();
  *status = stream.status();
}

Task<void> ListenerBody(UvLoop& loop) {
  const std::unique_ptr<UvNetwork> network = MakeNetwork(loop);
  const std::unique_ptr<Listener> listener = MakeListener(*network);
  const Result<std::unique_ptr<Listener>> taken =
      network->Listen({.address = kLoopback, .port = listener->port()});
  EXPECT_EQ(taken.status().code(), Code::kInvalidArgument);
  EXPECT_NE(taken.status().message().find("address already in use"), std::string::npos)
      << taken.status().message();
  const Result<std::unique_ptr<Listener>> foreign =
      network->Listen({.address = IpAddress::V4(192, 0, 2, 1), .port = 0});
  EXPECT_EQ(foreign.status().code(), Code::kInvalidArgument);
  Status accepted;
  TaskGroup group;
  group.Spawn(AcceptOnce(*listener, &accepted));
  listener->Abort();
  co_await group.Drain();
  EXPECT_EQ(accepted.code(), Code::kCancelled);
  co_await AcceptOnce(*listener, &accepted);
  EXPECT_EQ(accepted.code(), Code::kCancelled);
}

TEST(TcpTest, AListenerRefusesForeignAddressesAndEndsByAbort) { RunOnUvLoop(ListenerBody); }

Task<void> BurstBody(UvLoop& loop) {
  constexpr size_t kConnections = 50;
  const std::unique_ptr<UvNetwork> network = MakeNetwork(loop);
  const std::unique_ptr<Listener> listener = MakeListener(*network);
  const Endpoint remote{.address = kLoopback, .port = listener->port()};
  const TimePoint deadline = loop.Now() + seconds(10);
  std::vector<std::unique_ptr<Stream>> streams;
  for (size_t i = 0; i < kConnections; ++i) {
    Result<std::unique_ptr<Stream>> stream =
        co_await network->Connect(remote, "test.example", std::nullopt, deadline);
    CO_ASSERT_OK(stream);
    streams.push_back(std::move(stream).value());
  }
  for (size_t i = 0; i < kConnections; ++i) {
    Result<std::unique_ptr<Stream>> stream = co_await listener->Accept();
    CO_ASSERT_OK(stream);
    streams.push_back(std::move(stream).value());
  }
  for (const std::unique_ptr<Stream>& stream : streams) {
    co_await stream->Close();
  }
  EXPECT_EQ(streams.size(), 2 * kConnections);
}

TEST(TcpTest, ConnectionsThatArriveBeforeAcceptAreAllAccepted) { RunOnUvLoop(BurstBody); }

}  // namespace
}  // namespace mailhaul::net
