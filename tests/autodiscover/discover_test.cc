// The order of the search, and what is believed.
#include "connectors/autodiscover/discover.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "connectors/net/virtual_loop.h"
#include "tests/autodiscover/fakes.h"

namespace mailhaul::autodiscover {
namespace {

constexpr const char* kAutoconfig =
    "https://autoconfig.example.com/mail/config-v1.1.xml?emailaddress=alice%40example.com";
constexpr const char* kWellKnown =
    "https://example.com/.well-known/autoconfig/mail/config-v1.1.xml";

std::string FileWith(const std::string& host) {
  return "<clientConfig><emailProvider><incomingServer type=\"imap\"><hostname>" + host +
         "</hostname><port>993</port><socketType>SSL</socketType></incomingServer>"
         "</emailProvider></clientConfig>";
}

class DiscoverTest : public testing::Test {
 protected:
  Result<Discovery> Run(const std::string& address = "alice@example.com") {
    return loop_.Await(Discover(dns_, http_, providers_, address, loop_.Now()));
  }

  net::VirtualClock clock_{WallTime{}};
  net::VirtualLoop loop_{clock_};
  FakeDns dns_;
  FakeHttp http_;
  FakeProviders providers_{"mx.provider.example"};
};

TEST_F(DiscoverTest, TheExchangerOfAKnownProviderEndsTheSearch) {
  dns_.mx["example.com"] = {{5, "mx.other.example"}, {10, "MX.Provider.example"}};
  dns_.srv["_imaps._tcp.example.com"] = {{0, 0, 993, "imap.example.com"}};
  const Result<Discovery> found = Run();
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  EXPECT_EQ(found->exchanger, "mx.provider.example");
  EXPECT_TRUE(found->servers.empty());
  EXPECT_EQ(dns_.asked, (std::vector<std::string>{"MX example.com"}));
  EXPECT_TRUE(http_.asked.empty());
}

TEST_F(DiscoverTest, SrvWithinTheDomainComesBeforeAutoconfig) {
  dns_.srv["_imap._tcp.example.com"] = {{0, 0, 143, "imap.example.com"}};
  dns_.srv["_imaps._tcp.example.com"] = {{0, 0, 993, "imap.example.com"}};
  dns_.srv["_submissions._tcp.example.com"] = {{0, 0, 465, "smtp.example.com"}};
  http_.Answer(kAutoconfig, FileWith("other.example"));
  const Result<Discovery> found = Run();
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  EXPECT_EQ(Shown(found->servers),
            "imap imap.example.com:993 tls alice@example.com\n"
            "imap imap.example.com:143 starttls alice@example.com\n"
            "smtp smtp.example.com:465 tls alice@example.com\n");
  EXPECT_TRUE(http_.asked.empty());
}

TEST_F(DiscoverTest, SrvOutsideTheDomainWaitsForBetter) {
  dns_.srv["_imaps._tcp.example.com"] = {{0, 0, 993, "imap.hoster.example"}};
  http_.Answer(kAutoconfig, FileWith("imap.hoster.example"));
  const Result<Discovery> found = Run();
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  EXPECT_EQ(Shown(found->servers),
            "imap imap.hoster.example:993 tls alice@example.com\n"
            "imap imap.hoster.example:993 tls alice@example.com untrusted\n");
}

TEST_F(DiscoverTest, ASubmissionServerAloneIsNoMailbox) {
  dns_.srv["_submissions._tcp.example.com"] = {{0, 0, 465, "smtp.example.com"}};
  EXPECT_EQ(Run().status().code(), Code::kNotFound);
  EXPECT_EQ(http_.asked.size(), 2U);
}

TEST_F(DiscoverTest, TheWellKnownFileIsTheLastResort) {
  http_.Answer(kAutoconfig, "<html>not here</html>");
  http_.Answer(kWellKnown, FileWith("imap.example.com"));
  const Result<Discovery> found = Run();
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  EXPECT_EQ(Shown(found->servers), "imap imap.example.com:993 tls alice@example.com\n");
  EXPECT_EQ(found->servers.at(0).origin, kWellKnown);
  EXPECT_EQ(http_.asked, (std::vector<std::string>{"GET " + std::string(kAutoconfig),
                                                   "GET " + std::string(kWellKnown)}));
}

TEST_F(DiscoverTest, OnlyASuccessIsAFile) {
  for (const int status : {204, 301, 302, 404, 500}) {
    http_.Answer(kAutoconfig, FileWith("evil.example"), status);
    EXPECT_EQ(Run().status().code(), Code::kNotFound) << status;
  }
}

TEST_F(DiscoverTest, NothingFoundSaysWhatWasAsked) {
  http_.Answer(kAutoconfig, "", 404);
  const Status failure = Run().status();
  EXPECT_EQ(failure.ToString(),
            "not_found: no mail server is known for the domain example.com (MX: no known provider; "
            "SRV: 0 servers; " +
                std::string(kAutoconfig) + ": status 404; " + kWellKnown + " does not answer)");
}

TEST_F(DiscoverTest, DnsThatDoesNotAnswerMayAnswerLater) {
  dns_.down = true;
  EXPECT_EQ(Run().status().code(), Code::kUnreachable);
  // One question each: the time-outs do not add up.
  EXPECT_EQ(dns_.asked.size(), 2U);
  http_.Answer(kWellKnown, FileWith("imap.example.com"));
  EXPECT_TRUE(Run().ok());
}

TEST_F(DiscoverTest, AnAddressWithoutDomainAsksNobody) {
  EXPECT_EQ(Run("alice@127.0.0.1").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Run("alice").status().code(), Code::kInvalidArgument);
  EXPECT_TRUE(dns_.asked.empty());
  EXPECT_TRUE(http_.asked.empty());
}

}  // namespace
}  // namespace mailhaul::autodiscover
