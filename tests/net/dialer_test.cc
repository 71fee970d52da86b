#include "connectors/dialer.h"

#include <gtest/gtest.h>

#include "connectors/net/virtual_loop.h"
#include "tests/net/scripted_network.h"

namespace mailhaul {
namespace {

using net::IpAddress;
using net::ScriptedNetwork;
using net::Stream;
using net::Task;
using std::chrono::seconds;

class DialerTest : public ::testing::Test {
 protected:
  Status Dial(const ServerAddress& server, bool allow_private = false,
              std::optional<IpAddress> egress = std::nullopt) {
    Dialer dialer(network_, {.allow_private = allow_private, .connect_timeout = seconds(10)});
    const Result<std::unique_ptr<Stream>> stream = loop_.Await(dialer.Dial(server, egress));
    return stream.status();
  }

  net::VirtualClock clock_{WallTime(seconds(1'700'000'000))};
  net::VirtualLoop loop_{clock_};
  ScriptedNetwork network_;
  const IpAddress public_ = IpAddress::V4(93, 184, 216, 34);
  const IpAddress other_public_ = IpAddress::V4(93, 184, 216, 35);
  const IpAddress private_ = IpAddress::V4(10, 0, 0, 1);
};

TEST_F(DialerTest, ResolvesConnectsAndStartsTls) {
  network_.names["imap.example.com"] = {public_};
  network_.answers_after[public_] = seconds(1);
  EXPECT_TRUE(Dial({.host = "imap.example.com", .port = 993}).ok());
  EXPECT_EQ(network_.events,
            (std::vector<std::string>{"resolve imap.example.com", "connect 93.184.216.34:993",
                                      "tls imap.example.com"}));
  EXPECT_EQ(network_.tls_deadline - loop_.Now(), seconds(10));
}

TEST_F(DialerTest, LeavesStartTlsAndPlaintextToTheProtocol) {
  network_.names["imap.example.com"] = {public_};
  network_.answers_after[public_] = seconds(1);
  for (const Security security : {Security::kStartTls, Security::kPlaintext}) {
    network_.events.clear();
    EXPECT_TRUE(Dial({.host = "imap.example.com", .port = 143, .security = security}).ok());
    EXPECT_EQ(network_.events.size(), 2U);
  }
}

TEST_F(DialerTest, RefusesAHostWithAnyPrivateAddressWithoutConnecting) {
  network_.names["rebind.example.com"] = {public_, private_};
  network_.answers_after[public_] = seconds(1);
  const Status status = Dial({.host = "rebind.example.com", .port = 993});
  EXPECT_EQ(status.code(), Code::kUnreachable);
  EXPECT_NE(status.message().find("rebind.example.com has the private address 10.0.0.1"),
            std::string::npos)
      << status.message();
  EXPECT_NE(status.message().find("network.allow_private"), std::string::npos);
  EXPECT_EQ(network_.events.size(), 1U);
}

TEST_F(DialerTest, AllowsPrivateAddressesWhenToldTo) {
  network_.names["imap.local"] = {private_};
  network_.answers_after[private_] = seconds(1);
  EXPECT_TRUE(Dial({.host = "imap.local", .port = 993}, true).ok());
}

TEST_F(DialerTest, TriesAddressesInOrderAndASilentOneLeavesTimeForTheNext) {
  network_.names["imap.example.com"] = {public_, other_public_};
  network_.answers_after[other_public_] = seconds(2);
  const TimePoint start = loop_.Now();
  EXPECT_TRUE(Dial({.host = "imap.example.com", .port = 993}).ok());
  ASSERT_EQ(network_.events.size(), 4U);
  EXPECT_EQ(network_.events[1], "connect 93.184.216.34:993");
  EXPECT_EQ(network_.events[2], "connect 93.184.216.35:993");
  EXPECT_EQ(loop_.Now() - start, seconds(7));
}

TEST_F(DialerTest, AllAddressesTogetherHaveTheConnectTimeout) {
  network_.names["imap.example.com"] = {public_, other_public_};
  const TimePoint start = loop_.Now();
  const Status status = Dial({.host = "imap.example.com", .port = 993});
  EXPECT_EQ(status, Status(Code::kUnreachable, "no answer from 93.184.216.35:993"));
  EXPECT_EQ(loop_.Now() - start, seconds(10));
}

TEST_F(DialerTest, TriesAtMostEightAddresses) {
  for (uint8_t i = 1; i <= 100; ++i) {
    network_.names["many.example.com"].push_back(IpAddress::V4(93, 184, 216, i));
  }
  EXPECT_EQ(Dial({.host = "many.example.com", .port = 993}).code(), Code::kUnreachable);
  EXPECT_EQ(network_.events.size(), 9U);
}

TEST_F(DialerTest, UsesOnlyAddressesTheEgressAddressCanReach) {
  const IpAddress v6 = *IpAddress::Parse("2606:4700::1111");
  network_.names["imap.example.com"] = {v6, public_};
  network_.names["six.example.com"] = {v6};
  network_.answers_after[public_] = seconds(1);
  const IpAddress egress = IpAddress::V4(192, 0, 2, 10);
  EXPECT_TRUE(Dial({.host = "imap.example.com", .port = 993}, false, egress).ok());
  EXPECT_EQ(network_.events[1], "connect 93.184.216.34:993 from 192.0.2.10");
  const Status status = Dial({.host = "six.example.com", .port = 993}, false, egress);
  EXPECT_EQ(status.message(),
            "six.example.com has no address of the kind of egress address 192.0.2.10");
}

TEST_F(DialerTest, PassesOnFailuresOfNamesAndTls) {
  network_.names["imap.example.com"] = {public_};
  network_.answers_after[public_] = seconds(1);
  network_.tls_works = false;
  EXPECT_EQ(Dial({.host = "nowhere.example.com", .port = 993}).message(), "no such name");
  EXPECT_EQ(Dial({.host = "imap.example.com", .port = 993}).code(), Code::kTlsFailed);
}

TEST_F(DialerTest, ConnectsToTheAddressThatWasCheckedHoweverOftenTheAnswerChanges) {
  network_.changing_names["rebind.example.com"] = {{public_}, {private_}, {other_public_}};
  network_.answers_after[public_] = network_.answers_after[private_] = seconds(1);
  const ServerAddress server{.host = "rebind.example.com", .port = 993};
  EXPECT_TRUE(Dial(server).ok());
  EXPECT_EQ(network_.connects, std::vector<std::string>{"93.184.216.34:993"});
  // Connected to again, it is judged again.
  EXPECT_EQ(Dial(server).code(), Code::kUnreachable);
  EXPECT_EQ(network_.connects.size(), 1U);
}

TEST_F(DialerTest, AsksAndVerifiesTheNameInItsCanonicalForm) {
  network_.names["xn--bcher-kva.example"] = {public_};
  network_.answers_after[public_] = seconds(1);
  EXPECT_TRUE(Dial({.host = "B\xC3\x9C"
                            "cher.Example.",
                    .port = 993})
                  .ok());
  EXPECT_EQ(network_.events.front(), "resolve xn--bcher-kva.example");
  EXPECT_EQ(network_.events.back(), "tls xn--bcher-kva.example");
}

Task<void> DialInto(Dialer& dialer, ServerAddress server, std::vector<Status>* outcomes) {
  const Result<std::unique_ptr<Stream>> stream = co_await dialer.Dial(server, std::nullopt);
  outcomes->push_back(stream.status());
}

TEST_F(DialerTest, AbortEndsPendingDialsAtEveryStepAndAllThatFollow) {
  network_.names["silent.example.com"] = {public_, other_public_};
  network_.names["imap.example.com"] = {private_};
  network_.answers_after[private_] = seconds(0);
  network_.tls_answers = false;
  Dialer dialer(network_, {.allow_private = true, .connect_timeout = seconds(10)});
  std::vector<Status> outcomes;
  net::TaskGroup group;
  const TimePoint start = loop_.Now();
  loop_.Post([&] {
    group.Spawn(DialInto(dialer, {.host = "unanswered.example.com"}, &outcomes));
    group.Spawn(DialInto(dialer, {.host = "silent.example.com"}, &outcomes));
    group.Spawn(DialInto(dialer, {.host = "imap.example.com"}, &outcomes));
  });
  loop_.RunDue();
  EXPECT_EQ(network_.events.back(), "tls imap.example.com");
  EXPECT_EQ(group.running(), 3U);
  loop_.Post([&] { dialer.Abort(); });
  loop_.RunDue();
  EXPECT_EQ(group.running(), 0U);
  EXPECT_EQ(loop_.Now(), start);
  // Of two addresses, the second is not tried any more.
  EXPECT_EQ(network_.connects.size(), 2U);
  loop_.Post([&] { group.Spawn(DialInto(dialer, {.host = "imap.example.com"}, &outcomes)); });
  loop_.RunDue();
  ASSERT_EQ(outcomes.size(), 4U);
  for (const Status& outcome : outcomes) {
    EXPECT_EQ(outcome.code(), Code::kCancelled) << outcome.ToString();
  }
}

}  // namespace
}  // namespace mailhaul
