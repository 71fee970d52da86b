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
#include "tests/net/dns_wire.h"
#include "tests/net/uv_runner.h"

namespace mailhaul::net {
namespace {

using std::chrono::seconds;

// The records of the names that exist.
std::vector<WireRecord> RecordsOf(std::string_view name) {
  if (name == WireName("mail.example.com")) {
    return {{kTypeA, std::string("\xC0\0\2\7", 4)}};
  }
  if (name == WireName("xn--bcher-kva.example")) {
    return {{kTypeA, std::string("\xC0\0\2\x8", 4)}};
  }
  if (name == WireName("example.com")) {
    return {Mx(20, "b.example.com"), Mx(10, "A.Example.com"), Mx(20, "c.example.com"),
            Mx(5, "a b.example.com"), Mx(1, "127.1")};
  }
  if (name == WireName("null.example.com")) {
    return {Mx(0, ".")};
  }
  if (name == WireName("broken.example.com")) {
    return {{kTypeMx, std::string("\0\1\xC0\xFF", 4)}};
  }
  if (name == WireName("_imaps._tcp.example.com")) {
    return {Srv(10, 1, 994, "b.example.com"), Srv(10, 60, 993, "A.example.com"),
            Srv(0, 0, 995, "first.example.com"), Srv(20, 0, 1, "bad/name")};
  }
  if (name == WireName("_imap._tcp.example.com")) {
    return {Srv(0, 0, 0, ".")};
  }
  return {};
}

// A name server on a thread of its own. Of silent.example.com it says nothing at all.
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
    const std::string_view name = query.substr(kDnsHeaderBytes, name_end + 1 - kDnsHeaderBytes);
    const int type = query[name_end + 2];
    if (name == WireName("silent.example.com")) {
      return {};
    }
    const std::vector<WireRecord> records = RecordsOf(name);
    return AnswerTo(query.substr(0, name_end + 5), type, records);
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
       {std::string(), std::string("."), std::string("a b"), std::string("\xFFller.example"),
        std::string("a\0b", 3), std::string("a/b"), std::string(254, 'a'), std::string("[::1]"),
        std::string("127.1")}) {
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

TEST(ResolverTest, AsksForLettersBeyondAsciiInTheirXnForm) {
  const FakeNameServer server;
  const Result<std::vector<IpAddress>> result = ResolveOnce(
      "B\xC3\xBC"
      "cher.Example",
      server.address(), seconds(30));
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ(result->front().ToString(), "192.0.2.8");
}

// "10 a.example.com" of each record, or the failure.
Task<void> MxBody(UvLoop& loop, std::string domain, std::string servers, Duration timeout,
                  std::vector<std::string>* out) {
  Result<std::unique_ptr<Resolver>> resolver = Resolver::Create(loop, servers);
  CO_ASSERT_OK(resolver);
  const TimePoint deadline = loop.Now() + timeout;
  const Result<std::vector<MxRecord>> records = co_await (*resolver)->ResolveMx(domain, deadline);
  if (!records.ok()) {
    out->push_back(records.status().ToString());
    co_return;
  }
  for (const MxRecord& record : *records) {
    out->push_back(std::to_string(record.preference) + " " + record.host);
  }
}

std::vector<std::string> MxOf(const std::string& domain, Duration timeout = seconds(30)) {
  const FakeNameServer server;
  std::vector<std::string> out;
  RunOnUvLoop([&](UvLoop& loop) { return MxBody(loop, domain, server.address(), timeout, &out); });
  return out;
}

Task<void> SrvBody(UvLoop& loop, std::string name, std::string servers,
                   std::vector<std::string>* out) {
  Result<std::unique_ptr<Resolver>> resolver = Resolver::Create(loop, servers);
  CO_ASSERT_OK(resolver);
  const TimePoint deadline = loop.Now() + seconds(30);
  const Result<std::vector<SrvRecord>> records = co_await (*resolver)->ResolveSrv(name, deadline);
  CO_ASSERT_OK(records);
  for (const SrvRecord& record : *records) {
    out->push_back(std::to_string(record.priority) + " " + std::to_string(record.weight) + " " +
                   std::to_string(record.port) + " " + record.host);
  }
}

std::vector<std::string> SrvOf(const std::string& name) {
  const FakeNameServer server;
  std::vector<std::string> out;
  RunOnUvLoop([&](UvLoop& loop) { return SrvBody(loop, name, server.address(), &out); });
  return out;
}

using Texts = std::vector<std::string>;

TEST(ResolverTest, MxRecordsComeByPreferenceAndWithoutWhatIsNoName) {
  EXPECT_EQ(MxOf("Example.com."),
            (Texts{"10 a.example.com", "20 b.example.com", "20 c.example.com"}));
  EXPECT_EQ(MxOf("null.example.com"), Texts());
}

TEST(ResolverTest, NoRecordsIsAnAnswer) {
  EXPECT_EQ(MxOf("nowhere.example.com"), Texts());
  EXPECT_EQ(MxOf("mail.example.com"), Texts());  // The name exists, with an address only.
  EXPECT_EQ(SrvOf("_pop3s._tcp.example.com"), Texts());
}

TEST(ResolverTest, SrvRecordsComeByPriorityThenGreatestWeight) {
  EXPECT_EQ(
      SrvOf("_imaps._tcp.example.com"),
      (Texts{"0 0 995 first.example.com", "10 60 993 a.example.com", "10 1 994 b.example.com"}));
  EXPECT_EQ(SrvOf("_imap._tcp.example.com"), Texts{"0 0 0 "});
}

TEST(ResolverTest, RecordsThatCannotBeHadAreAFailure) {
  EXPECT_EQ(MxOf("broken.example.com").at(0).substr(0, 52),
            "unreachable: cannot resolve broken.example.com: the ");
  EXPECT_EQ(
      MxOf("silent.example.com", std::chrono::milliseconds(20)),
      Texts{"unreachable: cannot resolve silent.example.com: the name servers do not answer"});
  EXPECT_EQ(MxOf("exa mple.com"), Texts{"invalid_argument: \"exa mple.com\" is not a host name"});
}

Task<void> AskAddress(Resolver& resolver, Texts* outcomes) {
  const TimePoint deadline = Loop::Current()->Now() + std::chrono::hours(1);
  const Result<std::vector<IpAddress>> addresses =
      co_await resolver.Resolve("silent.example.com", deadline);
  outcomes->push_back(addresses.status().ToString());
}

Task<void> AskMx(Resolver& resolver, std::string domain, Texts* outcomes) {
  const TimePoint deadline = Loop::Current()->Now() + std::chrono::hours(1);
  const Result<std::vector<MxRecord>> records = co_await resolver.ResolveMx(domain, deadline);
  outcomes->push_back(records.status().ToString());
}

Task<void> AbortBody(UvLoop& loop, const FakeNameServer& server, Texts* outcomes) {
  Result<std::unique_ptr<Resolver>> resolver = Resolver::Create(loop, server.address());
  CO_ASSERT_OK(resolver);
  TaskGroup group;
  group.Spawn(AskAddress(**resolver, outcomes));
  group.Spawn(AskMx(**resolver, "silent.example.com", outcomes));
  EXPECT_EQ(group.running(), 2U);
  (*resolver)->Abort();
  co_await group.Drain();
  co_await AskAddress(**resolver, outcomes);
  co_await AskMx(**resolver, "example.com", outcomes);
}

TEST(ResolverTest, AbortEndsWhatIsPendingAndAllThatFollows) {
  const FakeNameServer server;
  Texts outcomes;
  RunOnUvLoop([&](UvLoop& loop) { return AbortBody(loop, server, &outcomes); });
  const std::string silent = "cancelled: resolving silent.example.com was cancelled";
  EXPECT_EQ(outcomes,
            (Texts{silent, silent, silent, "cancelled: resolving example.com was cancelled"}));
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
