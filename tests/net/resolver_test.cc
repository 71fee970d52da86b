#include "connectors/net/resolver.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <thread>

#include "connectors/net/uv_network.h"
#include "tests/net/coroutine_assert.h"
#include "tests/net/uv_runner.h"

namespace mailhaul::net {
namespace {

using std::chrono::seconds;

constexpr size_t kDnsHeaderBytes = 12;
constexpr int kTypeA = 1;

// A name server on a thread of its own. It knows "mail.example.com" (one A record) and
// "silent.example.com" (no answer at all); other names do not exist.
class FakeNameServer final {
 public:
  FakeNameServer() : socket_(socket(AF_INET, SOCK_DGRAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    MH_CHECK(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t length = sizeof address;
    MH_CHECK(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    address_ = address;
    thread_ = std::thread([this] { Serve(); });
  }
  ~FakeNameServer() {
    // An empty datagram from ourselves ends the thread.
    sendto(socket_, "", 0, 0, reinterpret_cast<sockaddr*>(&address_), sizeof address_);
    thread_.join();
    close(socket_);
  }
  FakeNameServer(const FakeNameServer&) = delete;
  FakeNameServer& operator=(const FakeNameServer&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(ntohs(address_.sin_port)); }
  int queries() const { return queries_; }

 private:
  void Serve() {
    char query[512];
    sockaddr_in from{};
    while (true) {
      socklen_t length = sizeof from;
      const ssize_t count =
          recvfrom(socket_, query, sizeof query, 0, reinterpret_cast<sockaddr*>(&from), &length);
      if (count <= 0) {
        return;
      }
      ++queries_;
      const std::string answer = Answer({query, static_cast<size_t>(count)});
      if (!answer.empty()) {
        sendto(socket_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from),
               sizeof from);
      }
    }
  }

  static std::string Answer(std::string_view query) {
    const size_t name_end = query.find('\0', kDnsHeaderBytes);
    const std::string_view name = query.substr(kDnsHeaderBytes, name_end - kDnsHeaderBytes);
    const int type = query[name_end + 2];
    if (name == "\6silent\7example\3com") {
      return {};
    }
    const bool known = name == "\4mail\7example\3com";
    const bool answered = known && type == kTypeA;
    std::string answer(query.substr(0, name_end + 5));
    answer[2] = '\x81';  // A response, recursion desired.
    answer[3] = known ? '\x80' : '\x83';
    answer[7] = answered ? 1 : 0;
    std::fill(answer.begin() + 8, answer.begin() + 12, '\0');
    if (answered) {
      // The question's name, type A, class IN, 300 s, four bytes.
      answer += std::string("\xC0\x0C\0\1\0\1\0\0\1\x2C\0\4\xC0\0\2\7", 16);
    }
    return answer;
  }

  const int socket_;
  sockaddr_in address_{};
  std::atomic<int> queries_{0};
  std::thread thread_;
};

Result<std::vector<IpAddress>> ResolveOnce(const std::string& host, const std::string& servers,
                                           Duration timeout);

Task<void> ResolveBody(UvLoop& loop, const std::string& host, const std::string& servers,
                       Duration timeout, Result<std::vector<IpAddress>>* result) {
  Result<std::unique_ptr<Resolver>> resolver = Resolver::Create(loop, servers);
  CO_ASSERT_OK(resolver);
  *result = co_await (*resolver)->Resolve(host, loop.Now() + timeout);
}

Result<std::vector<IpAddress>> ResolveOnce(const std::string& host, const std::string& servers,
                                           Duration timeout) {
  Result<std::vector<IpAddress>> result(Status(Code::kInternal, "not run"));
  RunOnUvLoop([&](UvLoop& loop) { return ResolveBody(loop, host, servers, timeout, &result); });
  return result;
}

TEST(ResolverTest, LiteralsAnswerForThemselves) {
  for (const char* const text : {"192.0.2.7", "2001:db8::7", "::ffff:10.0.0.1"}) {
    const Result<std::vector<IpAddress>> result = ResolveOnce(text, "127.0.0.1:1", seconds(10));
    ASSERT_TRUE(result.ok()) << result.status().ToString();
    ASSERT_EQ(result->size(), 1U);
    EXPECT_EQ(result->front(), *IpAddress::Parse(text));
  }
}

TEST(ResolverTest, LocalhostNeedsNoNameServer) {
  for (const char* const text : {"localhost", "LocalHost.", "mail.localhost"}) {
    const Result<std::vector<IpAddress>> result = ResolveOnce(text, "127.0.0.1:1", seconds(10));
    ASSERT_TRUE(result.ok()) << result.status().ToString();
    ASSERT_EQ(result->size(), 2U);
    EXPECT_EQ((*result)[0].ToString(), "127.0.0.1");
    EXPECT_EQ((*result)[1].ToString(), "::1");
  }
}

TEST(ResolverTest, RefusesWhatIsNoHostName) {
  for (const std::string& host :
       {std::string(), std::string("."), std::string("a b"), std::string("m\xC3\xBCller.example"),
        std::string("a\0b", 3), std::string("a/b"), std::string(254, 'a'), std::string("[::1]")}) {
    const Result<std::vector<IpAddress>> result = ResolveOnce(host, "127.0.0.1:1", seconds(10));
    EXPECT_EQ(result.status().code(), Code::kInvalidArgument) << host;
  }
}

TEST(ResolverTest, AsksTheNameServer) {
  const FakeNameServer server;
  const Result<std::vector<IpAddress>> result =
      ResolveOnce("Mail.Example.com", server.address(), seconds(30));
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  ASSERT_EQ(result->size(), 1U);
  EXPECT_EQ(result->front().ToString(), "192.0.2.7");
}

TEST(ResolverTest, SaysThatANameDoesNotExist) {
  const FakeNameServer server;
  const Result<std::vector<IpAddress>> result =
      ResolveOnce("no.example.com", server.address(), seconds(30));
  EXPECT_EQ(result.status(),
            Status(Code::kUnreachable, "cannot resolve no.example.com: there is no such name"));
}

TEST(ResolverTest, GivesUpAtTheDeadlineWithAQueryStillOpen) {
  const FakeNameServer server;
  const Result<std::vector<IpAddress>> result =
      ResolveOnce("silent.example.com", server.address(), std::chrono::milliseconds(20));
  EXPECT_EQ(result.status().code(), Code::kUnreachable);
  EXPECT_NE(result.status().message().find("do not answer"), std::string::npos);
}

Task<void> ResolveInto(Resolver& resolver, std::string host, std::vector<Status>* outcomes) {
  const TimePoint deadline = Loop::Current()->Now() + seconds(30);
  const Result<std::vector<IpAddress>> result =
      co_await resolver.Resolve(std::move(host), deadline);
  outcomes->push_back(result.status());
}

Task<void> HerdBody(UvLoop& loop, const FakeNameServer& server, std::vector<Status>* outcomes,
                    int* queries_at_first) {
  Result<std::unique_ptr<Resolver>> resolver = Resolver::Create(loop, server.address());
  CO_ASSERT_OK(resolver);
  TaskGroup group;
  for (int i = 0; i < 20; ++i) {
    group.Spawn(ResolveInto(**resolver, "mail.example.com", outcomes));
  }
  co_await group.Drain();
  *queries_at_first = server.queries();
  co_await ResolveInto(**resolver, "mail.example.com", outcomes);
}

TEST(ResolverTest, OneNameIsAskedForOnceForManyAndThenKept) {
  const FakeNameServer server;
  std::vector<Status> outcomes;
  int queries_at_first = 0;
  RunOnUvLoop([&](UvLoop& loop) { return HerdBody(loop, server, &outcomes, &queries_at_first); });
  ASSERT_EQ(outcomes.size(), 21U);
  EXPECT_TRUE(std::all_of(outcomes.begin(), outcomes.end(),
                          [](const Status& status) { return status.ok(); }));
  EXPECT_EQ(queries_at_first, 2);  // A and AAAA.
  EXPECT_EQ(server.queries(), queries_at_first);
}

TEST(ResolverTest, RefusesServersThatAreNoAddresses) {
  UvLoop loop;
  EXPECT_EQ(Resolver::Create(loop, "not an address").status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace mailhaul::net
