// What a mailbox does not say of its servers comes from the profile of its provider; how hosts are
// counted; OAuth 2.0.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/config/main_file.h"
#include "engine/config/tenant_file.h"
#include "tests/config/fake_references.h"

namespace mailhaul::config {
namespace {

struct Parsed {
  std::optional<MailboxConfig> mailbox;
  std::string problems;
};

Parsed Parse(const std::string& address, const std::string& source,
             const std::string& submission = "") {
  FakeReferences references;
  references.environment = {{"SECRET", "s3cret"}, {"REFRESH", "r3fresh"}};
  Report report("t", false);
  std::string text = "tenant: t\nmailboxes:\n  - id: m\n    address: " + address +
                     "\n    source: " + source + "\n";
  if (!submission.empty()) {
    text += "    submission: " + submission + "\n";
  }
  std::optional<ParsedTenant> parsed = ParseTenant(text, Builtin(), references, report);
  Parsed result;
  if (parsed) {
    result.mailbox = parsed->tenant.mailboxes.at(0);
  }
  result.problems = Shown(report);
  return result;
}

TEST(MailboxServerTest, AnAddressAndAPasswordAreEnoughForAKnownProvider) {
  const Parsed parsed = Parse("Alice@Gmail.COM", "{password: p}");
  EXPECT_EQ(parsed.problems, "");
  ASSERT_TRUE(parsed.mailbox);
  const MailboxConfig& mailbox = *parsed.mailbox;
  EXPECT_EQ(mailbox.source.host, "imap.gmail.com");
  EXPECT_EQ(mailbox.source.port, 993);
  EXPECT_EQ(mailbox.source.security, SecurityMode::kTls);
  EXPECT_EQ(mailbox.source.username, "Alice@Gmail.COM");
  EXPECT_EQ(mailbox.pool, "gmail");
  EXPECT_EQ(mailbox.profile, Builtin().ByName("gmail"));
  ASSERT_TRUE(mailbox.submission);
  EXPECT_EQ(mailbox.submission->host, "smtp.gmail.com");
  EXPECT_EQ(mailbox.submission->port, 465);
  EXPECT_EQ(mailbox.submission->password.Reveal(), "p");
}

TEST(MailboxServerTest, TheProtocolChoosesTheServer) {
  const Parsed parsed = Parse("a@gmail.com", "{protocol: pop3, password: p}");
  ASSERT_TRUE(parsed.mailbox) << parsed.problems;
  EXPECT_EQ(parsed.mailbox->source.host, "pop.gmail.com");
  EXPECT_EQ(parsed.mailbox->source.port, 995);
  EXPECT_EQ(parsed.mailbox->pool, "gmail");
  EXPECT_EQ(Parse("a@icloud.com", "{protocol: pop3, password: p}").problems,
            "t:5:13: 'source' lacks the key 'host', and the provider 'icloud' has none for pop3\n");
}

TEST(MailboxServerTest, WhatIsGivenGoesBeforeTheProfile) {
  const Parsed starttls = Parse("a@gmail.com", "{security: starttls, password: p}");
  ASSERT_TRUE(starttls.mailbox) << starttls.problems;
  EXPECT_EQ(starttls.mailbox->source.host, "imap.gmail.com");
  EXPECT_EQ(starttls.mailbox->source.port, 143);
  const Parsed port = Parse("a@gmail.com", "{port: 1993, password: p}");
  ASSERT_TRUE(port.mailbox) << port.problems;
  EXPECT_EQ(port.mailbox->source.port, 1993);
  const Parsed submission =
      Parse("a@gmail.com", "{password: p}", "{port: 587, security: starttls}");
  ASSERT_TRUE(submission.mailbox) << submission.problems;
  EXPECT_EQ(submission.mailbox->submission->host, "smtp.gmail.com");
  EXPECT_EQ(submission.mailbox->submission->port, 587);
}

TEST(MailboxServerTest, AnUnknownDomainIsLeftToAutodiscovery) {
  const Parsed parsed = Parse("a@Acme.example", "{protocol: pop3, password: p}");
  EXPECT_EQ(parsed.problems, "");
  ASSERT_TRUE(parsed.mailbox);
  EXPECT_EQ(parsed.mailbox->source.host, "");
  EXPECT_EQ(parsed.mailbox->pool, "discover:acme.example");
  EXPECT_EQ(parsed.mailbox->profile, nullptr);
  EXPECT_FALSE(parsed.mailbox->submission);
  const Parsed submission = Parse("a@acme.example", "{password: p}", "{username: u}");
  ASSERT_TRUE(submission.mailbox) << submission.problems;
  EXPECT_EQ(submission.mailbox->submission->host, "");
  EXPECT_EQ(submission.mailbox->submission->username, "u");
  EXPECT_EQ(Parse("a@acme.example", "{port: 993, security: tls, password: p}").problems,
            "t:5:20: 'port' needs a 'host': no provider is known for the domain of the address\n"
            "t:5:35: 'security' needs a 'host': no provider is known for the domain of the "
            "address\n");
  EXPECT_EQ(Parse("a@acme.example", "{host: h, password: p}", "{username: u}").problems,
            "t:6:17: 'submission' lacks the key 'host'\n");
}

TEST(MailboxServerTest, TheHostDecidesTheProviderNotTheAddress) {
  const Parsed hosted = Parse("a@acme.example", "{host: Imap.Gmail.com, password: p}");
  ASSERT_TRUE(hosted.mailbox) << hosted.problems;
  EXPECT_EQ(hosted.mailbox->pool, "gmail");
  EXPECT_EQ(hosted.mailbox->submission->host, "smtp.gmail.com");
  const Parsed other = Parse("a@gmail.com", "{host: imap.acme.example, password: p}");
  ASSERT_TRUE(other.mailbox) << other.problems;
  EXPECT_EQ(other.mailbox->pool, "imap.acme.example");
  EXPECT_EQ(other.mailbox->profile, nullptr);
  EXPECT_FALSE(other.mailbox->submission);
}

TEST(MailboxServerTest, AnotherNameOfAServerIsTheSamePool) {
  const Parsed parsed = Parse("a@x.example", "{host: export.imap.mail.yahoo.com, password: p}");
  ASSERT_TRUE(parsed.mailbox) << parsed.problems;
  EXPECT_EQ(parsed.mailbox->pool, "yahoo");
  EXPECT_EQ(parsed.mailbox->source.host, "export.imap.mail.yahoo.com");
}

TEST(MailboxServerTest, ANamedProviderGivesItsRulesToAnyHost) {
  const Parsed parsed =
      Parse("a@acme.example", "{provider: exchange, host: mail.acme.example, password: p}");
  ASSERT_TRUE(parsed.mailbox) << parsed.problems;
  EXPECT_EQ(parsed.mailbox->profile, Builtin().ByName("exchange"));
  EXPECT_EQ(parsed.mailbox->pool, "mail.acme.example");  // Many run Exchange; each is its own.
  const Parsed workspace = Parse("a@acme.example", "{provider: gmail, password: p}");
  ASSERT_TRUE(workspace.mailbox) << workspace.problems;
  EXPECT_EQ(workspace.mailbox->source.host, "imap.gmail.com");
  EXPECT_EQ(workspace.mailbox->pool, "gmail");
  EXPECT_EQ(Parse("a@acme.example", "{provider: gmial, password: p}").problems,
            "t:5:24: no such provider; did you mean 'gmail'?\n");
}

TEST(MailboxServerTest, AProviderThatTakesNoPasswordsIsWarnedOf) {
  const Parsed parsed = Parse("a@outlook.com", "{password: p}");
  EXPECT_TRUE(parsed.mailbox);
  EXPECT_EQ(parsed.problems,
            "t:5:24: warning: the provider 'outlook' takes OAuth 2.0 only and will refuse a "
            "password\n");
}

TEST(MailboxServerTest, OAuth2TakesTheTokenUrlOfTheProvider) {
  const Parsed parsed =
      Parse("a@outlook.com",
            "{auth: oauth2, oauth2: {client_id: c, client_secret: {env: SECRET}, refresh_token: "
            "{env: REFRESH}}}");
  EXPECT_EQ(parsed.problems, "");
  ASSERT_TRUE(parsed.mailbox);
  for (const Server* server : {&parsed.mailbox->source, &*parsed.mailbox->submission}) {
    ASSERT_TRUE(server->oauth2);
    EXPECT_EQ(server->oauth2->token_url,
              "https://login.microsoftonline.com/common/oauth2/v2.0/token");
    EXPECT_EQ(server->oauth2->client_id, "c");
    EXPECT_EQ(server->oauth2->client_secret.Reveal(), "s3cret");
    EXPECT_EQ(server->oauth2->refresh_token.Reveal(), "r3fresh");
    EXPECT_TRUE(server->password.empty());
  }
}

TEST(MailboxServerTest, OAuth2NeedsAUrlWhereNoneIsKnown) {
  EXPECT_EQ(Parse("a@b", "{host: h, oauth2: {client_id: c, refresh_token: r}}").problems,
            "t:5:31: 'oauth2' lacks the key 'token_url'\n");
  for (const char* url : {"http://h/t", "ftp://h/t", "https://", "https://u@h/t", "https://h:x/",
                          "https://h:0/", "https://h\\x/", "https://127.1/t"}) {
    EXPECT_EQ(Parse("a@b", "{host: h, oauth2: {token_url: \'" + std::string(url) +
                               "\', client_id: c, refresh_token: r}}")
                  .problems,
              "t:5:43: 'token_url' must be an https:// URL\n")
        << url;
  }
  for (const char* url : {"https://h/t?a=b", "https://h:8443", "http://127.0.0.1:80/t",
                          "http://[::1]/t", "https://192.0.2.1/t"}) {
    const Parsed parsed = Parse("a@b", "{host: h, oauth2: {token_url: \'" + std::string(url) +
                                           "\', client_id: c, refresh_token: r}}");
    EXPECT_EQ(parsed.problems, "") << url;
  }
}

TEST(MailboxServerTest, APasswordAndAGrantExcludeEachOther) {
  constexpr const char* kGrant =
      "oauth2: {token_url: 'https://h/', client_id: c, refresh_token: r}";
  EXPECT_EQ(Parse("a@b", "{host: h, password: p, " + std::string(kGrant) + "}").problems,
            "t:5:44: give either 'password' or 'oauth2'\n");
  EXPECT_EQ(Parse("a@b", "{host: h, auth: password, " + std::string(kGrant) + "}").problems,
            "t:5:47: give either 'password' or 'oauth2'\n");
  EXPECT_EQ(Parse("a@b", "{host: h, auth: oauth2}").problems,
            "t:5:29: 'auth: oauth2' needs the key 'oauth2'\n");
  EXPECT_EQ(Parse("a@b", "{host: h, auth: password}").problems,
            "t:5:13: 'source' lacks the key 'password'\n");
  // A submission may use the other one.
  const Parsed parsed =
      Parse("a@b", "{host: h, " + std::string(kGrant) + "}", "{host: s, password: p}");
  ASSERT_TRUE(parsed.mailbox) << parsed.problems;
  EXPECT_FALSE(parsed.mailbox->submission->oauth2);
  EXPECT_EQ(parsed.mailbox->submission->password.Reveal(), "p");
}

TEST(MailboxServerTest, ProblemsOfAGrantAreToldWithoutIt) {
  const Parsed parsed = Parse("a@gmail.com",
                              "{oauth2: {client_secret: {env: NOPE}, refresh_token: [hunter2], "
                              "hunter2: hunter2}}");
  EXPECT_EQ(parsed.problems,
            "t:5:22: 'oauth2' lacks the key 'client_id'\n"
            "t:5:44: the environment variable NOPE is not set\n"
            "t:5:66: a refresh token is {env: NAME}, {file: PATH} or text in quotes\n"
            "t:5:77: unknown key; known here: 'token_url', 'client_id', 'client_secret', "
            "'refresh_token'\n");
}

Config WithHosts(const std::string& hosts) {
  FakeReferences references;
  Report report("m", true);
  ParsedMain parsed =
      ParseMain("data_dir: d\ntenants: [t]\nhosts: " + hosts + "\n", references, report);
  parsed.config.providers = std::make_shared<Providers>(Builtin());
  FinishHosts(parsed, report);
  EXPECT_EQ(Shown(report), "");
  return std::move(parsed.config);
}

TEST(LimitsTest, OwnLimitsGoBeforeTheProvidersAndThoseBeforeTheDefault) {
  const Config config = WithHosts(
      "{default: {connections: 7, logins_per_second: 2}, imap.gmail.com: {connections: 50, "
      "bytes_per_day: 1GB}, other.example: {connections: 3}}");
  const HostLimits gmail = config.LimitsOf("gmail");
  EXPECT_EQ(gmail.connections, 50U);
  EXPECT_EQ(gmail.connections_per_mailbox, 5U);
  EXPECT_EQ(gmail.logins_per_second, 2U);
  EXPECT_EQ(gmail.bytes_per_day, 1'000'000'000U);
  EXPECT_EQ(gmail.mailbox_bytes_per_day, 2'500'000'000U);
  EXPECT_EQ(config.LimitsOf("POP.gmail.com").connections, 50U);  // The same provider.
  const HostLimits yahoo = config.LimitsOf("yahoo");
  EXPECT_EQ(yahoo.connections, 7U);
  EXPECT_EQ(yahoo.connections_per_mailbox, 2U);
  EXPECT_EQ(yahoo.bytes_per_day, 0U);
  EXPECT_EQ(config.LimitsOf("other.example").connections, 3U);
  EXPECT_EQ(config.LimitsOf("unknown.example").connections, 7U);
}

TEST(LimitsTest, APoolTakesTheRulesOfANamedProvider) {
  const Config config = WithHosts("{default: {connections: 4}}");
  const Providers::Profile exchange = Builtin().ByName("exchange");
  EXPECT_EQ(config.LimitsOf("mail.acme.example", exchange.get()).connections_per_mailbox, 4U);
  EXPECT_EQ(config.LimitsOf("mail.acme.example").connections_per_mailbox, 1U);
}

TEST(LimitsTest, HostsOfAProviderAreOnePool) {
  const Config config = WithHosts("{}");
  EXPECT_EQ(config.PoolOf("IMAP.gmail.com"), "gmail");
  EXPECT_EQ(config.PoolOf("pop.gmail.com"), "gmail");
  EXPECT_EQ(config.PoolOf("smtp-mail.outlook.com"), "outlook");
  EXPECT_EQ(config.PoolOf("Imap.Acme.example"), "imap.acme.example");
}

}  // namespace
}  // namespace mailhaul::config
