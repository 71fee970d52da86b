// TLS over TCP on the real loop, as production runs it.
#include <gtest/gtest.h>

#include "connectors/net/tls_stream.h"
#include "connectors/net/uv_network.h"
#include "tests/net/certificates.h"
#include "tests/net/coroutine_assert.h"
#include "tests/net/uv_runner.h"

namespace mailhaul::net {
namespace {

using std::chrono::seconds;

Task<void> ServeOne(Listener& listener, std::shared_ptr<const TlsContext> context,
                    std::string_view bytes) {
  Result<std::unique_ptr<Stream>> plain = co_await listener.Accept();
  CO_ASSERT_OK(plain);
  const TimePoint deadline = Loop::Current()->Now() + seconds(30);
  std::unique_ptr<Stream> accepted = std::move(plain).value();
  Result<std::unique_ptr<Stream>> stream =
      co_await AcceptTls(std::move(accepted), std::move(context), deadline);
  CO_ASSERT_OK(stream);
  const Status written = co_await (*stream)->Write(bytes);
  EXPECT_TRUE(written.ok()) << written.ToString();
  co_await (*stream)->Close();
}

Task<void> Body(UvLoop& loop, std::string ca_file, std::shared_ptr<const TlsContext> server,
                std::string_view bytes) {
  UvNetworkOptions options;
  options.ca_file = std::move(ca_file);
  Result<std::unique_ptr<UvNetwork>> network = UvNetwork::Create(loop, options);
  CO_ASSERT_OK(network);
  Endpoint local;
  local.address = IpAddress::V4(127, 0, 0, 1);
  Result<std::unique_ptr<Listener>> listener = (*network)->Listen(local);
  CO_ASSERT_OK(listener);
  TaskGroup group;
  group.Spawn(ServeOne(**listener, std::move(server), bytes));
  local.port = (*listener)->port();
  const TimePoint deadline = loop.Now() + seconds(30);
  Result<std::unique_ptr<Stream>> plain =
      co_await (*network)->Connect(local, "localhost", std::nullopt, deadline);
  CO_ASSERT_OK(plain);
  std::unique_ptr<Stream> connected = std::move(plain).value();
  Result<std::unique_ptr<Stream>> stream =
      co_await (*network)->StartTls(std::move(connected), "localhost", deadline);
  CO_ASSERT_OK(stream);
  std::string received;
  std::string buffer(size_t{256} * 1024, '\0');
  while (true) {
    const std::span<char> out(buffer);
    const Result<size_t> count = co_await (*stream)->Read(out);
    CO_ASSERT_OK(count);
    if (*count == 0) {
      break;
    }
    received.append(buffer, 0, *count);
  }
  EXPECT_TRUE(received == bytes);
  co_await group.Drain();
  co_await (*stream)->Close();
}

TEST(TlsTcpTest, MegabytesArriveWholeAndEndInOrder) {
  const TestAuthority authority("Test Authority");
  const IssuedCertificate issued = authority.Issue({.subject_alt_names = "DNS:localhost"});
  Result<std::shared_ptr<const TlsContext>> server =
      TlsContext::Server(issued.certificate_pem, issued.key_pem);
  ASSERT_TRUE(server.ok());
  std::string bytes(3'000'000, 'x');
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(i % 251);
  }
  RunOnUvLoop([&](UvLoop& loop) { return Body(loop, authority.ca_file(), *server, bytes); });
}

}  // namespace
}  // namespace mailhaul::net
