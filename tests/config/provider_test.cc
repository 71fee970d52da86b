// The profiles that are shipped, and how one is found.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/config/provider_file.h"
#include "engine/config/text_rules.h"
#include "tests/config/fake_references.h"

namespace mailhaul::config {
namespace {

std::vector<ProviderProfile> Shipped() {
  std::vector<ProviderProfile> profiles;
  for (const BuiltinProvider& builtin : BuiltinProviders()) {
    Report report(builtin.file, true);
    std::optional<ProviderProfile> profile = ParseProvider(builtin.text, report);
    EXPECT_EQ(Shown(report), "");
    if (profile) {
      profiles.push_back(*std::move(profile));
    }
  }
  return profiles;
}

std::vector<const MailServer*> ServersOf(const ProviderProfile& profile) {
  std::vector<const MailServer*> servers;
  for (const auto* server : {&profile.imap, &profile.pop3, &profile.smtp}) {
    if (server->has_value()) {
      servers.push_back(&**server);
    }
  }
  return servers;
}

TEST(ShippedProvidersTest, EveryFileIsCompiledInAndNamedAsItsProfile) {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(MAILHAUL_CONFIGS "/providers")) {
    files.insert("configs/providers/" + entry.path().filename().string());
  }
  EXPECT_GE(files.size(), 20U);
  std::set<std::string> compiled_in;
  for (const BuiltinProvider& builtin : BuiltinProviders()) {
    compiled_in.insert(builtin.file);
    Report report(builtin.file, true);
    const std::optional<ProviderProfile> profile = ParseProvider(builtin.text, report);
    ASSERT_TRUE(profile) << Shown(report);
    EXPECT_EQ("configs/providers/" + profile->name + ".yaml", builtin.file);
  }
  EXPECT_EQ(compiled_in, files);
}

TEST(ShippedProvidersTest, EveryServerIsReachedOverTls) {
  for (const ProviderProfile& profile : Shipped()) {
    for (const MailServer* server : ServersOf(profile)) {
      EXPECT_NE(server->security, SecurityMode::kPlaintext) << profile.name;
      EXPECT_GT(server->port, 0) << profile.name;
    }
    EXPECT_TRUE(profile.token_url.empty() || IsHttpsUrl(profile.token_url)) << profile.name;
  }
}

TEST(ShippedProvidersTest, NothingBelongsToTwo) {
  std::map<std::string, std::string> domains;
  std::map<std::string, std::string> suffixes;
  std::map<std::string, std::string> hosts;
  for (const ProviderProfile& profile : Shipped()) {
    for (const std::string& domain : profile.domains) {
      EXPECT_TRUE(domains.emplace(domain, profile.name).second) << domain;
    }
    for (const std::string& suffix : profile.mx) {
      EXPECT_TRUE(suffixes.emplace(suffix, profile.name).second) << suffix;
    }
    std::vector<std::string> names = profile.hosts;
    for (const MailServer* server : ServersOf(profile)) {
      names.push_back(server->host);
    }
    for (const std::string& host : names) {
      EXPECT_EQ(hosts.emplace(host, profile.name).first->second, profile.name) << host;
    }
  }
}

TEST(ShippedProvidersTest, ALimitOfOneMailboxIsNoMoreThanThatOfAll) {
  for (const ProviderProfile& profile : Shipped()) {
    const HostLimits defaults;
    EXPECT_LE(profile.limits.connections_per_mailbox.value_or(1),
              profile.limits.connections.value_or(defaults.connections))
        << profile.name;
    EXPECT_FALSE(profile.auth.empty()) << profile.name;
  }
}

struct Expected {
  const char* domain;
  const char* imap;
  const char* pop3;  // "": none.
  const char* smtp;
};

std::string Shown(const std::optional<MailServer>& server) {
  if (!server) {
    return "";
  }
  return server->host + ":" + std::to_string(server->port) +
         (server->security == SecurityMode::kTls ? "" : " starttls");
}

TEST(ShippedProvidersTest, AddressesLeadToTheirServers) {
  const Expected kTable[] = {
      {"gmail.com", "imap.gmail.com:993", "pop.gmail.com:995", "smtp.gmail.com:465"},
      {"hotmail.co.uk", "outlook.office365.com:993", "outlook.office365.com:995",
       "smtp.office365.com:587 starttls"},
      {"yahoo.de", "imap.mail.yahoo.com:993", "pop.mail.yahoo.com:995", "smtp.mail.yahoo.com:465"},
      {"aol.com", "imap.aol.com:993", "pop.aol.com:995", "smtp.aol.com:465"},
      {"me.com", "imap.mail.me.com:993", "", "smtp.mail.me.com:587 starttls"},
      {"zoho.com", "imap.zoho.com:993", "pop.zoho.com:995", "smtp.zoho.com:465"},
      {"ya.ru", "imap.yandex.com:993", "pop.yandex.com:995", "smtp.yandex.com:465"},
      {"foxmail.com", "imap.qq.com:993", "pop.qq.com:995", "smtp.qq.com:465"},
      {"163.com", "imap.163.com:993", "pop.163.com:995", "smtp.163.com:465"},
      {"126.com", "imap.126.com:993", "pop.126.com:995", "smtp.126.com:465"},
      {"yeah.net", "imap.yeah.net:993", "pop.yeah.net:995", "smtp.yeah.net:465"},
      {"fastmail.com", "imap.fastmail.com:993", "pop.fastmail.com:995", "smtp.fastmail.com:465"},
      {"gmx.de", "imap.gmx.net:993", "pop.gmx.net:995", "mail.gmx.net:465"},
      {"gmx.com", "imap.gmx.com:993", "pop.gmx.com:995", "mail.gmx.com:465"},
      {"web.de", "imap.web.de:993", "pop3.web.de:995", "smtp.web.de:465"},
      {"list.ru", "imap.mail.ru:993", "pop.mail.ru:995", "smtp.mail.ru:465"},
      {"posteo.net", "posteo.de:993", "posteo.de:995", "posteo.de:465"},
  };
  for (const Expected& expected : kTable) {
    const Providers::Profile profile = Builtin().ByDomain(expected.domain);
    ASSERT_NE(profile, nullptr) << expected.domain;
    EXPECT_EQ(Shown(profile->imap), expected.imap) << expected.domain;
    EXPECT_EQ(Shown(profile->pop3), expected.pop3) << expected.domain;
    EXPECT_EQ(Shown(profile->smtp), expected.smtp) << expected.domain;
  }
}

TEST(ShippedProvidersTest, SayWhatIsKnownOfThem) {
  const Providers::Profile gmail = Builtin().ByName("gmail");
  EXPECT_EQ(gmail->limits.mailbox_bytes_per_day, 2'500'000'000U);
  EXPECT_EQ(gmail->limits.pop3_mailbox_bytes_per_day, 1'250'000'000U);
  EXPECT_EQ(gmail->send.messages_per_day, 2000U);
  EXPECT_TRUE(gmail->files_sent);
  EXPECT_TRUE(gmail->pop3_partial);
  EXPECT_TRUE(gmail->Accepts(AuthKind::kAppPassword));
  EXPECT_FALSE(gmail->Accepts(AuthKind::kPassword));
  EXPECT_EQ(Builtin().ByName("icloud")->broken, (std::vector<std::string>{"QRESYNC", "ESEARCH"}));
  EXPECT_TRUE(Builtin().ByName("netease-163")->id_before_select);
  EXPECT_FALSE(gmail->id_before_select);
  EXPECT_EQ(Builtin().ByName("yahoo")->newest_per_folder, 10'000U);
  EXPECT_EQ(Builtin().ByName("exchange")->command_bytes_max, 1000U);
  EXPECT_TRUE(Builtin().ByName("qq")->vague_auth_errors);
  EXPECT_EQ(Builtin().ByName("web-de")->pop3_check_interval, std::chrono::minutes(15));
}

TEST(ProvidersTest, AnExchangerHasASuffixAtALabel) {
  const struct {
    const char* exchanger;
    const char* provider;  // "": none.
  } kTable[] = {
      {"aspmx.l.google.com", "gmail"},
      {"smtp.google.com", "gmail"},
      {"google.com", "gmail"},
      {"notgoogle.com", ""},
      {"google.com.evil.example", ""},
      {"google", ""},
      {"com", ""},
      {"", ""},
      {"..", ""},
      {"acme-com.mail.protection.outlook.com", "outlook"},
      {"protection.outlook.com.", ""},
      {"xprotection.outlook.com", ""},
      {"mta7.am0.yahoodns.net", "yahoo"},
      {"mx-aol.mail.gm0.yahoodns.net", "aol"},  // The longer suffix of two.
      {"mx01.mail.icloud.com", "icloud"},
      {"mx.zoho.com", "zoho-pro"},
      {"mx00.ionos.de", "ionos-de"},
      {"mx00.emig.gmx.net", "gmx"},
      {"mxbiz1.qq.com", "exmail-qq"},
      {"mx1.qq.com", ""},
      {"in1-smtp.messagingengine.com", "fastmail"},
  };
  for (const auto& row : kTable) {
    const Providers::Profile found = Builtin().ByExchanger(row.exchanger);
    EXPECT_EQ(found == nullptr ? "" : found->name, row.provider) << row.exchanger;
  }
}

ProviderProfile Made(const std::string& name, const std::string& domain, const std::string& host) {
  ProviderProfile profile;
  profile.name = name;
  profile.domains = {domain};
  profile.mx = {domain};
  profile.imap = MailServer{host, 993, SecurityMode::kTls};
  return profile;
}

TEST(ProvidersTest, TheLaterProfileHasWhatTwoClaim) {
  Providers providers;
  providers.Add(Made("a", "one.example", "imap.one.example"));
  providers.Add(Made("b", "one.example", "imap.two.example"));
  EXPECT_EQ(providers.ByDomain("one.example")->name, "b");
  EXPECT_EQ(providers.ByExchanger("mx.one.example")->name, "b");
  EXPECT_EQ(providers.ByServer("imap.one.example")->name, "a");
  EXPECT_EQ(providers.ByServer("imap.two.example")->name, "b");
}

TEST(ProvidersTest, AProfileReplacesTheOneOfItsNameAsAWhole) {
  Providers providers;
  providers.Add(Made("a", "one.example", "imap.one.example"));
  providers.Add(Made("a", "two.example", "imap.two.example"));
  EXPECT_EQ(providers.profiles().size(), 1U);
  EXPECT_EQ(providers.ByDomain("one.example"), nullptr);
  EXPECT_EQ(providers.ByServer("imap.one.example"), nullptr);
  EXPECT_EQ(providers.ByExchanger("one.example"), nullptr);
  EXPECT_EQ(providers.ByDomain("two.example")->name, "a");
}

struct BadCase {
  const char* name;
  const char* text;
  const char* problems;  // Each line without the name of the file.
};

const BadCase kBadCases[] = {
    {"Empty", "{}\n", "1:1: a provider file lacks the key 'name'\n"},
    {"UnknownKey", "name: a\ndomain: [b.example]\n",
     "2:1: unknown key 'domain'; did you mean 'domains'?\n"},
    {"NameWithDot", "name: a.example\n",
     "1:7: 'name' must be a name in lower case without '.', at most 64 bytes\n"},
    {"NameInCapitals", "name: Gmail\n",
     "1:7: 'name' must be a name in lower case without '.', at most 64 bytes\n"},
    {"NameOfTheDefault", "name: default\n",
     "1:7: 'name' must be a name in lower case without '.', at most 64 bytes\n"},
    {"Domains", "name: a\ndomains: [a b, c.example, C.example, 192.0.2.1, []]\n",
     "2:11: 'domains' must hold host names in ASCII\n"
     "2:27: 'c.example' is listed twice\n"
     "2:38: 'domains' must hold host names in ASCII\n"
     "2:49: 'domains' must hold host names in ASCII\n"},
    {"DomainsNotAList", "name: a\nmx: b.example\n", "2:5: 'mx' must be a list\n"},
    {"DomainsWithoutServer", "name: a\ndomains: [b.example]\nservers: {smtp: {host: c}}\n",
     "1:1: a provider with 'domains' or 'mx' must have a server for imap or pop3\n"},
    {"PlaintextServer", "name: a\nservers: {imap: {host: b, security: plaintext}}\n",
     "2:37: 'security' must be one of 'tls', 'starttls'\n"},
    {"ServerWithoutHost", "name: a\nservers: {imap: {port: 993}, pop: {host: b}}\n",
     "2:17: 'imap' lacks the key 'host'\n"
     "2:30: unknown key 'pop'; did you mean 'pop3'?\n"},
    {"ServerPort", "name: a\nservers: {imap: {host: b, port: 0}}\n",
     "2:33: 'port' must be a whole number from 1 to 65535\n"},
    {"Auth", "name: a\nauth: [password, magic, password]\n",
     "2:18: 'auth' must hold some of 'password', 'app_password', 'oauth2'\n"
     "2:25: 'password' is listed twice\n"},
    {"TokenUrl", "name: a\noauth2: {token_url: http://localhost/}\n",
     "2:21: 'token_url' must be an https:// URL\n"},
    {"Limits", "name: a\nlimits: {connections: 0, bytes_per_day: 1}\n",
     "2:23: 'connections' must be a whole number from 1 to 10000\n"
     "2:41: 'bytes_per_day' must be a size such as 64MiB, from 1MiB to 1024TiB\n"},
    {"Send", "name: a\nsend: {messages_per_day: 0, per_hour: 1}\n",
     "2:26: 'messages_per_day' must be a whole number from 1 to 1000000000\n"
     "2:29: unknown key 'per_hour'; known here: 'connections', 'messages_per_minute', "
     "'messages_per_day', 'recipients_per_message', 'recipients_per_day', 'message_bytes'\n"},
    {"Broken", "name: a\nbroken: [qresync, \"A B\", ESEARCH]\n",
     "2:10: 'broken' must hold IMAP capabilities in capital letters\n"
     "2:19: 'broken' must hold IMAP capabilities in capital letters\n"},
    {"Id", "name: a\nid: always\n", "2:5: 'id' must be one of 'none', 'before_select'\n"},
    {"Command", "name: a\ncommand_bytes_max: 10\n",
     "2:20: 'command_bytes_max' must be a whole number from 200 to 1000000\n"},
    {"Interval", "name: a\npop3_check_interval: 2d\n",
     "2:22: 'pop3_check_interval' must be a duration such as 30s, from 1s to 1d\n"},
};

class BadProviderTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadProviderTest, IsReportedExactly) {
  Report report("p.yaml", true);
  EXPECT_FALSE(ParseProvider(GetParam().text, report));
  EXPECT_EQ(config::Shown(report), WithFile("p.yaml", GetParam().problems));
}

INSTANTIATE_TEST_SUITE_P(Table, BadProviderTest, testing::ValuesIn(kBadCases),
                         [](const testing::TestParamInfo<BadCase>& tested) {
                           return tested.param.name;
                         });

}  // namespace
}  // namespace mailhaul::config
