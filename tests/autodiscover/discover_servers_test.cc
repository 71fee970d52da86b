// What autodiscovery gives to mailboxes whose configuration names no server.
#include "engine/app/discover_servers.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "connectors/net/virtual_loop.h"
#include "tests/autodiscover/fakes.h"
#include "tests/config/fake_references.h"

namespace mailhaul::app {
namespace {

using autodiscover::Discovery;
using autodiscover::FoundServer;
using autodiscover::Service;

FoundServer Server(Service service, const std::string& host, uint16_t port,
                   Security security = Security::kTls) {
  FoundServer server;
  server.service = service;
  server.address = {host, port, security};
  server.username = "alice@acme.example";
  server.trusted = true;
  server.origin = "SRV x";
  return server;
}

config::MailboxConfig Mailbox(const std::string& address = "alice@acme.example") {
  config::MailboxConfig mailbox;
  mailbox.id = "alice";
  mailbox.address = address;
  mailbox.source.username = address;
  mailbox.source.password = Secret("p");
  mailbox.pool = "discover:" + address.substr(address.find('@') + 1);
  return mailbox;
}

Status Apply(const Discovery& found, config::MailboxConfig& mailbox) {
  return ApplyDiscovery(found, config::Builtin(), mailbox);
}

TEST(ApplyDiscoveryTest, AKnownExchangerGivesTheProvidersServersLimitsAndPool) {
  config::MailboxConfig mailbox = Mailbox();
  Discovery found;
  found.exchanger = "aspmx.l.google.com";
  ASSERT_TRUE(Apply(found, mailbox).ok());
  EXPECT_EQ(mailbox.source.host, "imap.gmail.com");
  EXPECT_EQ(mailbox.source.port, 993);
  EXPECT_EQ(mailbox.pool, "gmail");
  EXPECT_EQ(mailbox.profile->name, "gmail");
  ASSERT_TRUE(mailbox.submission);
  EXPECT_EQ(mailbox.submission->host, "smtp.gmail.com");
  EXPECT_EQ(mailbox.submission->port, 465);
  EXPECT_EQ(mailbox.submission->username, "alice@acme.example");
  EXPECT_EQ(mailbox.submission->password.Reveal(), "p");
}

TEST(ApplyDiscoveryTest, AProviderWithoutTheProtocolIsSaidToHaveNone) {
  config::MailboxConfig mailbox = Mailbox();
  mailbox.source.protocol = config::Protocol::kPop3;
  Discovery found;
  found.exchanger = "mx01.mail.icloud.com";
  EXPECT_EQ(Apply(found, mailbox).ToString(),
            "not_found: the provider 'icloud' of alice@acme.example has no server for POP3");
  EXPECT_TRUE(mailbox.source.host.empty());
  EXPECT_EQ(mailbox.pool, "discover:acme.example");
}

TEST(ApplyDiscoveryTest, TheFirstTrustedServerOfTheProtocolIsTaken) {
  config::MailboxConfig mailbox = Mailbox();
  Discovery found;
  found.servers = {Server(Service::kPop3, "pop.acme.example", 995),
                   Server(Service::kImap, "imap.acme.example", 1143, Security::kStartTls),
                   Server(Service::kImap, "imap2.acme.example", 993),
                   Server(Service::kSubmission, "smtp.acme.example", 465)};
  ASSERT_TRUE(Apply(found, mailbox).ok());
  EXPECT_EQ(mailbox.source.host, "imap.acme.example");
  EXPECT_EQ(mailbox.source.port, 1143);
  EXPECT_EQ(mailbox.source.security, config::SecurityMode::kStartTls);
  EXPECT_EQ(mailbox.pool, "imap.acme.example");
  EXPECT_EQ(mailbox.profile, nullptr);
  EXPECT_EQ(mailbox.submission->host, "smtp.acme.example");
  EXPECT_EQ(mailbox.submission->security, config::SecurityMode::kTls);
}

TEST(ApplyDiscoveryTest, AServerOfAKnownProviderIsInItsPool) {
  config::MailboxConfig mailbox = Mailbox();
  Discovery found;
  found.servers = {Server(Service::kImap, "outlook.office365.com", 993)};
  ASSERT_TRUE(Apply(found, mailbox).ok());
  EXPECT_EQ(mailbox.pool, "outlook");
  EXPECT_EQ(mailbox.submission->host, "smtp.office365.com");
}

TEST(ApplyDiscoveryTest, AnUntrustedServerGetsNoPassword) {
  config::MailboxConfig mailbox = Mailbox();
  Discovery found;
  found.servers = {Server(Service::kImap, "imap.evil.example", 993)};
  found.servers[0].trusted = false;
  EXPECT_EQ(Apply(found, mailbox).ToString(),
            "not_found: no IMAP server for alice@acme.example can be used: SRV x names "
            "imap.evil.example:993, but without proof that the domain means it; if it is right, "
            "give it as 'host' of the source");
  EXPECT_TRUE(mailbox.source.host.empty());
}

TEST(ApplyDiscoveryTest, CredentialsMustFit) {
  config::MailboxConfig mailbox = Mailbox();
  Discovery found;
  found.servers = {Server(Service::kImap, "imap.acme.example", 993)};
  found.servers[0].password = false;
  found.servers[0].oauth2 = true;
  EXPECT_EQ(Apply(found, mailbox).ToString(),
            "not_found: no IMAP server for alice@acme.example can be used: imap.acme.example:993 "
            "takes no password, but OAuth 2.0");
  mailbox.source.oauth2.emplace();
  EXPECT_TRUE(Apply(found, mailbox).ok());
}

TEST(ApplyDiscoveryTest, AGivenUserNameGoesBeforeTheOneFound) {
  Discovery found;
  found.servers = {Server(Service::kImap, "imap.acme.example", 993),
                   Server(Service::kSubmission, "smtp.acme.example", 465)};
  found.servers[0].username = "alice";
  config::MailboxConfig mailbox = Mailbox();
  ASSERT_TRUE(Apply(found, mailbox).ok());
  EXPECT_EQ(mailbox.source.username, "alice");
  EXPECT_EQ(mailbox.submission->username, "alice@acme.example");  // As SMTP was said to want.
  mailbox = Mailbox();
  mailbox.source.username = "boss";
  ASSERT_TRUE(Apply(found, mailbox).ok());
  EXPECT_EQ(mailbox.source.username, "boss");
  EXPECT_EQ(mailbox.submission->username, "boss");
}

TEST(ApplyDiscoveryTest, AConfiguredSubmissionServerStays) {
  config::MailboxConfig mailbox = Mailbox();
  mailbox.submission.emplace();
  mailbox.submission->host = "relay.acme.example";
  Discovery found;
  found.exchanger = "aspmx.l.google.com";
  ASSERT_TRUE(Apply(found, mailbox).ok());
  EXPECT_EQ(mailbox.submission->host, "relay.acme.example");
}

class DiscoverServersTest : public testing::Test {
 protected:
  DiscoverServersTest() {
    config_.providers = std::make_shared<const config::Providers>(config::Builtin());
    config_.tenants.resize(2);
  }

  void Add(size_t tenant, const std::string& address) {
    config_.tenants[tenant].mailboxes.push_back(Mailbox(address));
    config_.tenants[tenant].mailboxes.back().id = address;
  }

  void Run() { loop_.Await(Discovered()); }

  net::Task<bool> Discovered() {
    co_await DiscoverServers(config_, dns_, http_, clock_);
    co_return true;
  }

  const config::MailboxConfig& At(size_t tenant, size_t index) const {
    return config_.tenants.at(tenant).mailboxes.at(index);
  }

  net::VirtualClock clock_{WallTime{}};
  net::VirtualLoop loop_{clock_};
  autodiscover::FakeDns dns_;
  autodiscover::FakeHttp http_;
  config::Config config_;
};

TEST_F(DiscoverServersTest, MailboxesOfOneDomainShareASearch) {
  Add(0, "a@acme.example");
  Add(0, "b@acme.example");
  Add(1, "c@acme.example");
  dns_.srv["_imaps._tcp.acme.example"] = {{0, 0, 993, "imap.acme.example"}};
  Run();
  EXPECT_EQ(dns_.asked.size(), 7U);
  EXPECT_EQ(At(0, 1).source.host, "imap.acme.example");
  EXPECT_EQ(At(0, 1).source.username, "b@acme.example");
  EXPECT_EQ(At(1, 0).source.username, "c@acme.example");
}

TEST_F(DiscoverServersTest, AnAnswerForOneIsNotGivenToAnother) {
  Add(0, "a@acme.example");
  Add(0, "b@acme.example");
  const auto file = [](const std::string& name) {
    return "<clientConfig><emailProvider><incomingServer type=\"imap\"><hostname>imap.x.example"
           "</hostname><port>993</port><socketType>SSL</socketType><username>" +
           name + "</username></incomingServer></emailProvider></clientConfig>";
  };
  const std::string url = "https://autoconfig.acme.example/mail/config-v1.1.xml?emailaddress=";
  http_.Answer(url + "a%40acme.example", file("user-17"));
  http_.Answer(url + "b%40acme.example", file("user-18"));
  Run();
  EXPECT_EQ(At(0, 0).source.username, "user-17");
  EXPECT_EQ(At(0, 1).source.username, "user-18");
}

TEST_F(DiscoverServersTest, OneThatIsNotFoundHarmsNobody) {
  Add(0, "a@nowhere.example");
  Add(0, "b@acme.example");
  Add(1, "c@gmail.com");
  config_.tenants[1].mailboxes[0].source.host = "imap.gmail.com";
  config_.tenants[1].mailboxes[0].pool = "gmail";
  dns_.mx["acme.example"] = {{10, "acme-example.mail.protection.outlook.com"}};
  Run();
  EXPECT_EQ(At(0, 0).undiscovered.code(), Code::kNotFound);
  EXPECT_NE(At(0, 0).undiscovered.message().find("nowhere.example"), std::string::npos);
  EXPECT_TRUE(At(0, 0).source.host.empty());
  EXPECT_EQ(At(0, 1).pool, "outlook");
  EXPECT_TRUE(At(0, 1).undiscovered.ok());
  for (const std::string& asked : dns_.asked) {
    EXPECT_EQ(asked.find("gmail.com"), std::string::npos) << asked;  // Known already.
  }
}

TEST_F(DiscoverServersTest, ManyDomainsAreAllSearched) {
  for (size_t i = 0; i < 3 * kSearchesMax; ++i) {
    const std::string domain = "d" + std::to_string(i) + ".example";
    Add(i % 2, "a@" + domain);
    dns_.mx[domain] = {{0, "mx.yandex.net"}};
  }
  Run();
  for (const config::TenantConfig& tenant : config_.tenants) {
    for (const config::MailboxConfig& mailbox : tenant.mailboxes) {
      EXPECT_EQ(mailbox.pool, "yandex") << mailbox.address;
    }
  }
}

TEST(DiscoverServersNowTest, DoesNothingWhenAllServersAreKnown) {
  config::Config config;
  config.network.ca_file = "/nonexistent";  // Would fail if a network were made.
  config.tenants.resize(1);
  config.tenants[0].mailboxes.push_back(Mailbox());
  config.tenants[0].mailboxes[0].source.host = "imap.acme.example";
  EXPECT_TRUE(DiscoverServersNow(config).ok());
}

}  // namespace
}  // namespace mailhaul::app
