// LoadConfig on real files: references, patterns, what is unique among files, and the examples.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/text.h"
#include "engine/config/config.h"
#include "engine/config/references.h"
#include "engine/config/text_rules.h"
#include "tests/net/certificates.h"

namespace mailhaul::config {
namespace {

using std::chrono::milliseconds;

const char* Lookup(const char* name) {
  const std::string_view wanted = name;
  if (wanted == "EXAMPLE_HOOK_SECRET") {
    return "correct horse, battery";
  }
  if (wanted.ends_with("_PASSWORD") || wanted == "OUTLOOK_SECRET" || wanted == "DAVE_TOKEN") {
    return "correct horse";
  }
  return wanted == "TOKEN" ? "abc" : nullptr;
}

class LoadConfigTest : public testing::Test {
 protected:
  LoadConfigTest() : folder_(testing::TempDir() + "mailhaul_config_XXXXXX") {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
  }
  ~LoadConfigTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  std::string Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(Path(name)).parent_path());
    std::ofstream(Path(name), std::ios::binary) << text;
    chmod(Path(name).c_str(), S_IRUSR | S_IWUSR);
    return Path(name);
  }

  Loaded Load(const std::string& name) { return LoadConfig(Path(name), Lookup); }

  // One a line, without the path of the test's folder. That secrets stand in a file is left out: it
  // has a test of its own.
  std::string Shown(const Loaded& loaded, bool with_inline_secrets = false) const {
    std::string shown;
    for (const Problem& problem : loaded.problems) {
      if (!with_inline_secrets &&
          problem.message.find("in this file as text") != problem.message.npos) {
        EXPECT_TRUE(problem.warning);
        continue;
      }
      std::string line = problem.ToString();
      for (size_t at = line.find(folder_); at != std::string::npos; at = line.find(folder_)) {
        line.erase(at, folder_.size() + 1);
      }
      shown += line + "\n";
    }
    return shown;
  }

  static constexpr const char* kMain = "data_dir: ./data\ntenants: [tenants/*.yaml]\n";

 private:
  std::string folder_;
};

TEST_F(LoadConfigTest, FillsDefaultsAndResolvesPathsFromTheFileThatNamesThem) {
  Write("main.yaml", kMain);
  Write("tenants/a.yaml",
        "tenant: a\ntokens: [{file: token}]\nmailboxes:\n"
        "  - id: alice\n    address: alice@a.example\n"
        "    source: {host: IMAP.A.example, password: {file: ./pw}}\n"
        "    submission: {host: smtp.a.example, security: starttls}\n");
  Write("tenants/token", "abc\n");
  Write("tenants/pw", "p w\r\n");
  const Loaded loaded = Load("main.yaml");
  EXPECT_EQ(Shown(loaded), "");
  ASSERT_TRUE(loaded.config);
  const Config& config = *loaded.config;
  EXPECT_EQ(config.data_dir, Path("data"));
  EXPECT_EQ(config.threads, 0U);
  EXPECT_EQ(config.memory_budget, uint64_t{512} << 20);
  EXPECT_FALSE(config.http);
  EXPECT_EQ(config.change_log.keep, milliseconds(std::chrono::days(30)));
  ASSERT_EQ(config.egress.size(), 1U);
  EXPECT_EQ(config.egress[0].address, "");
  ASSERT_EQ(config.tenants.size(), 1U);
  const TenantConfig& tenant = config.tenants[0];
  EXPECT_EQ(tenant.file, Path("tenants/a.yaml"));
  EXPECT_EQ(HexEncode(tenant.tokens.at(0).sha256),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(tenant.tokens[0].scopes, (std::vector<std::string>{"read", "send"}));
  EXPECT_EQ(tenant.collect.window, milliseconds(std::chrono::days(30)));
  EXPECT_FALSE(tenant.send.per_mailbox_per_minute);
  EXPECT_EQ(tenant.send.retry_for, milliseconds(std::chrono::days(5)));
  const MailboxConfig& mailbox = tenant.mailboxes.at(0);
  EXPECT_EQ(mailbox.source.host, "imap.a.example");
  EXPECT_EQ(mailbox.source.port, 993);
  EXPECT_EQ(mailbox.source.username, "alice@a.example");
  EXPECT_EQ(mailbox.source.password.Reveal(), "p w");
  ASSERT_TRUE(mailbox.submission);
  EXPECT_EQ(mailbox.submission->port, 587);
  EXPECT_EQ(mailbox.submission->username, "alice@a.example");
  EXPECT_EQ(mailbox.submission->password.Reveal(), "p w");
}

TEST_F(LoadConfigTest, TakesEveryKeyOfTheMainFile) {
  Write("ca.pem", "certificates");
  const net::IssuedCertificate issued = net::TestAuthority("authority").Issue({});
  Write("cert.pem", issued.certificate_pem);
  Write("key.pem", std::string(issued.key_pem.Reveal()));
  Write("main.yaml",
        "data_dir: /var/lib/mailhaul\nthreads: 3\nmemory_budget: 32MiB\n"
        "http: {listen: \"[::1]:0\", tls: {certificate: cert.pem, key: key.pem}, "
        "per_token_per_second: 7, access_log: true}\n"
        "egress: [{address: 192.0.2.10, connections: 7}, {address: \"2001:DB8::1\"}]\n"
        "hosts:\n  Imap.Example.com: {connections: 2}\n"
        "  default: {connections: 6, connections_per_mailbox: 3, logins_per_second: 9}\n"
        "network: {allow_private: true, compress: true, ca_file: ca.pem, connect_timeout: 1s, "
        "idle_timeout: 2s}\n"
        "change_log: {keep: 90d}\n"
        "tenants: [t.yaml]\n");
  Write("t.yaml", "tenant: t\n");
  const Loaded loaded = Load("main.yaml");
  EXPECT_EQ(
      Shown(loaded),
      "main.yaml:8:12: warning: 'connections_per_mailbox' above 1 changes nothing: mailhaul uses "
      "one connection of a mailbox at a time\n");
  ASSERT_TRUE(loaded.config);
  const Config& config = *loaded.config;
  EXPECT_EQ(config.data_dir, "/var/lib/mailhaul");
  EXPECT_EQ(config.threads, 3U);
  EXPECT_EQ(config.memory_budget, uint64_t{32} << 20);
  ASSERT_TRUE(config.http);
  EXPECT_EQ(config.http->address, "::1");
  EXPECT_EQ(config.http->port, 0);
  EXPECT_EQ(config.http->per_token_per_second, 7U);
  EXPECT_TRUE(config.http->access_log);
  ASSERT_TRUE(config.http->tls);
  EXPECT_EQ(config.http->tls->certificate, issued.certificate_pem);
  ASSERT_EQ(config.egress.size(), 2U);
  EXPECT_EQ(config.egress[0].connections, 7U);
  EXPECT_EQ(config.egress[1].address, "2001:db8::1");
  EXPECT_EQ(config.egress[1].connections, 500U);
  const HostLimits& limits = config.LimitsOf("IMAP.example.COM");
  EXPECT_EQ(limits.connections, 2U);
  EXPECT_EQ(limits.connections_per_mailbox, 2U);  // Inherited, as far as it can hold.
  EXPECT_EQ(limits.logins_per_second, 9U);
  EXPECT_EQ(config.LimitsOf("other.example").connections, 6U);
  EXPECT_EQ(config.change_log.keep, milliseconds(std::chrono::days(90)));
  EXPECT_TRUE(config.network.allow_private);
  EXPECT_TRUE(config.network.compress);
  EXPECT_EQ(config.network.ca_file, Path("ca.pem"));
  EXPECT_EQ(config.network.connect_timeout, milliseconds(1000));
  EXPECT_EQ(config.network.idle_timeout, milliseconds(2000));
}

TEST_F(LoadConfigTest, TakesEveryKeyOfATenantFile) {
  Write("main.yaml", "data_dir: d\ntenants: [t.yaml]\n");
  Write("t.yaml",
        "tenant: t\nweight: 1000\ntokens: [{env: TOKEN, scopes: [admin]}]\n"
        "freshness: {active: 1s, normal: 2s, dormant: 3s, active_for: 4s, dormant_after: 5s}\n"
        "collect: {window: all, backfill: false, max_message: 1MB, exclude: [A, B],\n"
        "          deletions: mirror}\n"
        "webhooks:\n  - {url: \"https://h.example/x\", secret: 0123456789abcdef,\n"
        "     events: [message.created, message.created, submission.updated]}\n"
        "  - {url: \"http://127.0.0.1:8/\", secret: whsec_MDEyMzQ1Njc4OWFiY2RlZg==}\n"
        "mailboxes:\n  - id: 007\n    address: a@b\n"
        "    source: {protocol: imap, host: h, port: 1143, security: plaintext,\n"
        "             allow_plaintext: true, auth: password, allow_cram_md5: true, username: u,\n"
        "             password: 0123}\n");
  const Loaded loaded = Load("main.yaml");
  EXPECT_EQ(Shown(loaded), "");
  ASSERT_TRUE(loaded.config);
  const TenantConfig& tenant = loaded.config->tenants.at(0);
  EXPECT_EQ(tenant.weight, 1000U);
  EXPECT_EQ(tenant.tokens.at(0).scopes, std::vector<std::string>{"admin"});
  EXPECT_EQ(tenant.freshness.active, milliseconds(1000));
  EXPECT_EQ(tenant.freshness.normal, milliseconds(2000));
  EXPECT_EQ(tenant.freshness.dormant, milliseconds(3000));
  EXPECT_EQ(tenant.freshness.active_for, milliseconds(4000));
  EXPECT_EQ(tenant.freshness.dormant_after, milliseconds(5000));
  EXPECT_EQ(tenant.collect.window, std::nullopt);
  EXPECT_FALSE(tenant.collect.backfill);
  EXPECT_EQ(tenant.collect.max_message, 1'000'000U);
  EXPECT_EQ(tenant.collect.exclude, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(tenant.collect.deletions, Deletions::kMirror);
  ASSERT_EQ(tenant.webhooks.size(), 2U);
  EXPECT_EQ(tenant.webhooks[0].url, "https://h.example/x");
  EXPECT_EQ(tenant.webhooks[0].secret.Reveal(), "0123456789abcdef");
  EXPECT_EQ(tenant.webhooks[0].events,
            (std::vector<std::string>{"message.created", "submission.updated"}));
  EXPECT_TRUE(tenant.webhooks[1].events.empty());
  const MailboxConfig& mailbox = tenant.mailboxes.at(0);
  EXPECT_EQ(mailbox.id, "007");
  EXPECT_EQ(mailbox.source.port, 1143);
  EXPECT_EQ(mailbox.source.security, SecurityMode::kPlaintext);
  EXPECT_EQ(mailbox.source.username, "u");
  EXPECT_EQ(mailbox.source.password.Reveal(), "0123");
  EXPECT_EQ(mailbox.source.protocol, Protocol::kImap);
  EXPECT_TRUE(mailbox.source.allow_cram_md5);
  EXPECT_FALSE(mailbox.submission);
}

TEST_F(LoadConfigTest, ThePortFollowsProtocolAndSecurity) {
  Write("main.yaml", "data_dir: d\ntenants: [t.yaml]\n");
  std::string text = "tenant: t\nmailboxes:\n";
  for (const char* source :
       {"protocol: imap", "protocol: imap, security: starttls", "protocol: pop3",
        "protocol: pop3, security: starttls", "protocol: pop3, security: starttls, port: 1110"}) {
    text += "  - {id: m" + std::to_string(text.size()) + ", address: a@b, source: {host: h, " +
            source + ", password: p}}\n";
  }
  Write("t.yaml", text);
  const Loaded loaded = Load("main.yaml");
  EXPECT_EQ(Shown(loaded), "");
  ASSERT_TRUE(loaded.config);
  std::vector<uint16_t> ports;
  for (const MailboxConfig& mailbox : loaded.config->tenants.at(0).mailboxes) {
    ports.push_back(mailbox.source.port);
  }
  EXPECT_EQ(ports, (std::vector<uint16_t>{993, 143, 995, 110, 1110}));
  EXPECT_EQ(loaded.config->tenants[0].mailboxes.at(1).source.protocol, Protocol::kImap);
  EXPECT_EQ(loaded.config->tenants[0].mailboxes.at(2).source.protocol, Protocol::kPop3);
}

TEST_F(LoadConfigTest, ProvidersOfTheMainFileGoBeforeThoseCompiledIn) {
  Write("main.yaml",
        "data_dir: d\nproviders: [own, more/b.yaml]\nhosts: {acme: {logins_per_second: 1}}\n"
        "tenants: [t.yaml]\n");
  Write("own/a.yaml",
        "name: acme\ndomains: [acme.example, ymail.com]\nlimits: {connections: 3}\n"
        "servers: {imap: {host: imap.acme.example}}\n");
  Write("more/b.yaml", "name: gmail\nlimits: {connections: 2}\nservers: {imap: {host: h}}\n");
  Write("own/not_read.txt", "name: [\n");
  Write("t.yaml",
        "tenant: t\nmailboxes:\n"
        "  - {id: a, address: a@acme.example, source: {password: p}}\n"
        "  - {id: b, address: b@ymail.com, source: {password: p}}\n"
        "  - {id: c, address: c@yahoo.com, source: {password: p}}\n"
        "  - {id: d, address: d@e.example, source: {provider: gmail, password: p}}\n");
  const Loaded loaded = Load("main.yaml");
  EXPECT_EQ(Shown(loaded), "");
  ASSERT_TRUE(loaded.config);
  std::vector<std::string> pools;
  for (const MailboxConfig& mailbox : loaded.config->tenants.at(0).mailboxes) {
    pools.push_back(mailbox.pool + " " + mailbox.source.host);
  }
  EXPECT_EQ(pools, (std::vector<std::string>{"acme imap.acme.example", "acme imap.acme.example",
                                             "yahoo imap.mail.yahoo.com", "gmail h"}));
  EXPECT_EQ(loaded.config->LimitsOf("acme").connections, 3U);
  EXPECT_EQ(loaded.config->LimitsOf("acme").logins_per_second, 1U);
  EXPECT_EQ(loaded.config->LimitsOf("gmail").connections, 2U);
  EXPECT_EQ(loaded.config->PoolOf("imap.gmail.com"), "imap.gmail.com");  // Replaced as a whole.
}

TEST_F(LoadConfigTest, AnErrorInAProviderIsFatalAndToldAtItsPlace) {
  Write("main.yaml", "data_dir: d\nproviders: [own, nowhere]\ntenants: [t.yaml]\n");
  Write("own/a.yaml", "name: a\nlimits: {connections: 0}\n");
  Write("own/b.yaml", "name: b\ndomains: [x.example]\nservers: {imap: {host: h}}\n");
  Write("own/c.yaml", "name: c\ndomains: [x.example]\nservers: {imap: {host: h}}\n");
  Write("own/d.yaml", "name: b\n");
  Write("t.yaml", "tenant: t\n");
  const Loaded loaded = Load("main.yaml");
  EXPECT_EQ(Shown(loaded),
            "main.yaml:2:18: no file matches 'nowhere'\n"
            "own/a.yaml:2:23: 'connections' must be a whole number from 1 to 10000\n"
            "own/c.yaml: the domain 'x.example' also belongs to the provider 'b'\n"
            "own/c.yaml: the host 'h' also belongs to the provider 'b'\n"
            "own/d.yaml: the name 'b' also belongs to the provider 'b'\n");
  EXPECT_FALSE(loaded.config);
}

TEST_F(LoadConfigTest, OneBadTenantFileLeavesTheOthersAlone) {
  Write("main.yaml", kMain);
  Write("tenants/a.yaml", "tenant: a\n");
  Write("tenants/b.yaml", "tenant: [b\n");
  Write("tenants/c.yaml", "tenant: c\ntokens: [{env: NOPE}]\n");
  std::filesystem::create_directory(Path("tenants/d.yaml"));
  Write("tenants/e.yaml", "tenant: e\n");
  std::filesystem::create_symlink(Path("nowhere"), Path("tenants/f.yaml"));
  const Loaded loaded = Load("main.yaml");
  EXPECT_EQ(Shown(loaded),
            "tenants/b.yaml:2:1: not YAML: end of sequence flow not found\n"
            "tenants/c.yaml:2:16: the environment variable NOPE is not set\n"
            "tenants/d.yaml: cannot be read: not a regular file\n"
            "tenants/f.yaml: cannot be read: No such file or directory\n");
  for (const Problem& problem : loaded.problems) {
    EXPECT_FALSE(problem.fatal) << problem.ToString();
  }
  ASSERT_TRUE(loaded.config);
  ASSERT_EQ(loaded.config->tenants.size(), 2U);
  EXPECT_EQ(loaded.config->tenants[0].name, "a");
  EXPECT_EQ(loaded.config->tenants[1].name, "e");
}

TEST_F(LoadConfigTest, AnErrorInTheMainFileIsFatalAndTenantsAreCheckedStill) {
  Write("main.yaml", "data_dir: d\nthreads: none\ntenants: [t.yaml]\n");
  Write("t.yaml", "tenant: t\nweight: none\n");
  const Loaded loaded = Load("main.yaml");
  EXPECT_EQ(Shown(loaded),
            "main.yaml:2:10: 'threads' must be auto or a whole number from 1 to 64\n"
            "t.yaml:2:9: 'weight' must be a whole number from 1 to 1000\n");
  EXPECT_TRUE(loaded.problems.at(0).fatal);
  EXPECT_FALSE(loaded.problems.at(1).fatal);
  EXPECT_FALSE(loaded.config);
}

TEST_F(LoadConfigTest, AMissingMainFileIsOneProblem) {
  const Loaded loaded = Load("main.yaml");
  EXPECT_EQ(Shown(loaded), "main.yaml: cannot be read: No such file or directory\n");
  EXPECT_FALSE(loaded.config);
}

TEST_F(LoadConfigTest, APatternWithoutAMatchIsAnError) {
  Write("main.yaml", "data_dir: d\ntenants:\n  - t.yaml\n  - more/*.yaml\n");
  Write("t.yaml", "tenant: t\n");
  const Loaded loaded = Load("main.yaml");
  EXPECT_EQ(Shown(loaded), "main.yaml:4:5: no file matches 'more/*.yaml'\n");
  EXPECT_FALSE(loaded.config);
}

TEST_F(LoadConfigTest, AFileThatTwoPatternsMatchIsReadOnce) {
  Write("main.yaml",
        "data_dir: d\ntenants: [t.yaml, ./t.yaml, \"*t.yaml\", " + Path("t.yaml") + "]\n");
  Write("t.yaml", "tenant: t\n");
  const Loaded loaded = Load("main.yaml");
  EXPECT_EQ(Shown(loaded), "");
  ASSERT_TRUE(loaded.config);
  EXPECT_EQ(loaded.config->tenants.size(), 1U);
}

TEST_F(LoadConfigTest, TheFolderOfTheMainFileIsNoPattern) {
  Write("we[ir]d *?/main.yaml", kMain);
  Write("we[ir]d *?/tenants/a.yaml", "tenant: a\n");
  Write("wei/tenants/b.yaml", "tenant: b\n");
  const Loaded loaded = Load("we[ir]d *?/main.yaml");
  EXPECT_EQ(Shown(loaded), "");
  ASSERT_TRUE(loaded.config);
  ASSERT_EQ(loaded.config->tenants.size(), 1U);
  EXPECT_EQ(loaded.config->tenants[0].name, "a");
}

TEST_F(LoadConfigTest, NamesAndTokensAreUniqueAmongTenants) {
  Write("main.yaml", kMain);
  Write("tenants/1.yaml", "tenant: a\ntokens: [{env: TOKEN}]\n");
  Write("tenants/2.yaml", "tenant: a\n");
  Write("tenants/3.yaml", "tenant: b\ntokens:\n  - {env: TOKEN}\n");
  Write("tenants/4.yaml",
        "tenant: c\ntokens:\n"
        "  - {sha256: 0000000000000000000000000000000000000000000000000000000000000000}\n"
        "  - {sha256: 0000000000000000000000000000000000000000000000000000000000000000}\n");
  const Loaded loaded = Load("main.yaml");
  EXPECT_EQ(Shown(loaded),
            "tenants/2.yaml:1:9: the tenant 'a' is already defined in tenants/1.yaml\n"
            "tenants/3.yaml:3:5: the token also belongs to the tenant 'a'\n"
            "tenants/4.yaml:4:5: the token is given twice\n");
  ASSERT_TRUE(loaded.config);
  ASSERT_EQ(loaded.config->tenants.size(), 1U);
  EXPECT_EQ(loaded.config->tenants[0].file, Path("tenants/1.yaml"));
}

TEST_F(LoadConfigTest, ASecretFileThatOthersCanReadIsAWarningAndLeavesNothingOut) {
  Write("main.yaml", kMain);
  Write("tenants/a.yaml", "tenant: a\ntokens: [{file: token}]\n");
  chmod(Write("tenants/token", "abc").c_str(), S_IRUSR | S_IROTH);
  const Loaded loaded = Load("main.yaml");
  EXPECT_EQ(Shown(loaded),
            "tenants/a.yaml:2:17: warning: other users can read this file; mode 600 mends "
            "that, or 640 if root owns it\n");
  EXPECT_FALSE(loaded.problems.at(0).fatal);
  ASSERT_TRUE(loaded.config);
  EXPECT_EQ(loaded.config->tenants.size(), 1U);
}

TEST(IsReadableByOthersTest, TheGroupOfAFileOfRootIsWhoItIsMeantFor) {
  constexpr uid_t kRoot = 0;
  constexpr uid_t kSomebody = 1000;
  EXPECT_FALSE(IsReadableByOthers(0600, kSomebody));
  EXPECT_TRUE(IsReadableByOthers(0640, kSomebody));
  EXPECT_TRUE(IsReadableByOthers(0604, kSomebody));
  EXPECT_FALSE(IsReadableByOthers(0640, kRoot));
  EXPECT_TRUE(IsReadableByOthers(0644, kRoot));
}

TEST_F(LoadConfigTest, APipeIsNotWaitedFor) {
  Write("main.yaml", kMain);
  Write("tenants/a.yaml", "tenant: a\ntokens: [{file: pipe}]\n");
  ASSERT_EQ(mkfifo(Path("tenants/pipe").c_str(), S_IRUSR | S_IWUSR), 0);
  EXPECT_EQ(Shown(Load("main.yaml")),
            "tenants/a.yaml:2:17: cannot read tenants/pipe: not a regular file\n");
}

TEST_F(LoadConfigTest, AFileBeyondTheLimitIsNotReadToItsEnd) {
  Write("main.yaml", kMain);
  Write("tenants/a.yaml", std::string(kFileBytesMax + 1, '\n'));
  Write("tenants/b.yaml", "tenant: b\n" + std::string(1000, '\n'));
  const Loaded loaded = Load("main.yaml");
  EXPECT_EQ(Shown(loaded), "tenants/a.yaml: cannot be read: larger than 16777216 bytes\n");
  ASSERT_TRUE(loaded.config);
  EXPECT_EQ(loaded.config->tenants.size(), 1U);
}

TEST_F(LoadConfigTest, ATenantHoldsTenThousandMailboxesAndNoMore) {
  Write("main.yaml", "data_dir: d\ntenants: [t.yaml]\n");
  std::string text = "tenant: t\nmailboxes:\n";
  for (size_t i = 0; i < kMailboxesInYamlMax; ++i) {
    text += "  - {id: m" + std::to_string(i) + ", address: a@b, source: {host: h, password: p}}\n";
  }
  Write("t.yaml", text);
  const Loaded full = Load("main.yaml");
  EXPECT_EQ(Shown(full), "");
  ASSERT_TRUE(full.config);
  EXPECT_EQ(full.config->tenants.at(0).mailboxes.size(), kMailboxesInYamlMax);
  Write("t.yaml", text + "  - {id: one_more, address: a@b, source: {host: h, password: p}}\n");
  EXPECT_EQ(Shown(Load("main.yaml")),
            "t.yaml:3:3: more than 10000 mailboxes; 'mailboxes_csv' takes more\n");
}

TEST_F(LoadConfigTest, WarnsOnceOfSecretsThatStandInAFile) {
  Write("main.yaml", "data_dir: d\ntenants: [t.yaml]\n");
  Write("t.csv", "id,address,password\nc,c@b,hunter2\n");
  Write("t.yaml",
        "tenant: t\nmailboxes_csv: t.csv\nmailboxes:\n"
        "  - {id: a, address: a@b, source: {host: h, password: hunter2}}\n"
        "  - {id: b, address: a@b, source: {host: h, password: hunter2}}\n");
  EXPECT_EQ(Shown(Load("main.yaml"), true),
            "t.yaml:4:55: warning: 2 secrets stand in this file as text; a reference to a file or "
            "to the environment is safer\n"
            "t.csv:2:7: warning: a secret stands in this file as text; a reference to a file or to "
            "the environment is safer\n");
  chmod(Path("t.csv").c_str(), S_IRUSR | S_IWUSR | S_IROTH);
  Write("t.yaml", "tenant: t\nmailboxes_csv: t.csv\n");
  EXPECT_EQ(Shown(Load("main.yaml"), true),
            "t.csv:2:7: warning: a secret stands in this file as text, and other users can read "
            "it; mode 600 mends that, or 640 if root owns it\n");
}

TEST_F(LoadConfigTest, ATableHoldsMoreMailboxesThanYamlDoes) {
  Write("main.yaml", "data_dir: d\ntenants: [tenants/t.yaml]\n");
  Write("tenants/t.yaml",
        "tenant: t\nmailboxes_csv: more/t.csv\nmailboxes:\n"
        "  - {id: a, address: a@b, source: {host: h, password: p}}\n");
  std::string text = "id,address,host,password\n";
  for (size_t i = 0; i <= kMailboxesInYamlMax; ++i) {
    text += "m" + std::to_string(i) + ",a@b,h,p\n";
  }
  Write("tenants/more/t.csv", text);
  const Loaded loaded = Load("main.yaml");
  EXPECT_EQ(Shown(loaded), "");
  ASSERT_TRUE(loaded.config);
  EXPECT_EQ(loaded.config->tenants.at(0).mailboxes.size(), kMailboxesInYamlMax + 2);
}

TEST_F(LoadConfigTest, ABadTableLeavesOutItsTenantAlone) {
  Write("main.yaml", "data_dir: d\ntenants: [tenants/*.yaml]\n");
  Write("tenants/a.yaml", "tenant: a\nmailboxes_csv: a.csv\n");
  Write("tenants/b.yaml", "tenant: b\nmailboxes_csv: b.csv\n");
  Write("tenants/c.yaml", "tenant: c\nmailboxes_csv: nowhere.csv\n");
  Write("tenants/a.csv", "id,address,password\nx,nobody,p\n");
  Write("tenants/b.csv", "id,address,password\nx,x@y,p\n");
  const Loaded loaded = Load("main.yaml");
  EXPECT_EQ(Shown(loaded),
            "tenants/a.csv:2:3: 'address' must be a mail address such as alice@example.com\n"
            "tenants/c.yaml:2:16: cannot read tenants/nowhere.csv: No such file or directory\n");
  ASSERT_TRUE(loaded.config);
  ASSERT_EQ(loaded.config->tenants.size(), 1U);
  EXPECT_EQ(loaded.config->tenants[0].name, "b");
}

std::string TextOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ExampleTest, LoadsAndSaysTheDefaults) {
  const Loaded loaded = LoadConfig(std::string(MAILHAUL_CONFIGS) + "/example.yaml", Lookup);
  for (const Problem& problem : loaded.problems) {
    ADD_FAILURE() << problem.ToString();
  }
  ASSERT_TRUE(loaded.config);
  const Config& config = *loaded.config;
  EXPECT_EQ(config.memory_budget, Config().memory_budget);
  ASSERT_TRUE(config.http);
  EXPECT_EQ(config.http->port, Http().port);
  EXPECT_EQ(config.egress.at(0).connections, Egress().connections);
  EXPECT_EQ(config.default_limits.connections, HostLimits().connections);
  EXPECT_EQ(config.default_limits.logins_per_second, HostLimits().logins_per_second);
  EXPECT_EQ(config.network.connect_timeout, Network().connect_timeout);
  EXPECT_EQ(config.network.idle_timeout, Network().idle_timeout);
  ASSERT_EQ(config.tenants.size(), 1U);
  const TenantConfig& tenant = config.tenants[0];
  EXPECT_EQ(tenant.freshness.active, Freshness().active);
  EXPECT_EQ(tenant.freshness.normal, Freshness().normal);
  EXPECT_EQ(tenant.freshness.dormant, Freshness().dormant);
  EXPECT_EQ(tenant.freshness.active_for, Freshness().active_for);
  EXPECT_EQ(tenant.freshness.dormant_after, Freshness().dormant_after);
  EXPECT_EQ(tenant.collect.window, Collect().window);
  EXPECT_EQ(tenant.collect.max_message, Collect().max_message);
  EXPECT_EQ(tenant.mailboxes.size(), 4U);
}

constexpr const char* kKeys[] = {"data_dir",
                                 "threads",
                                 "memory_budget",
                                 "http",
                                 "listen",
                                 "tls",
                                 "certificate",
                                 "key",
                                 "per_token_per_second",
                                 "access_log",
                                 "egress",
                                 "address",
                                 "connections",
                                 "hosts",
                                 "default",
                                 "network",
                                 "connections_per_mailbox",
                                 "allow_private",
                                 "compress",
                                 "ca_file",
                                 "connect_timeout",
                                 "logins_per_second",
                                 "idle_timeout",
                                 "tenants",
                                 "tenant",
                                 "webhooks",
                                 "url",
                                 "secret",
                                 "events",
                                 "weight",
                                 "tokens",
                                 "sha256",
                                 "env",
                                 "file",
                                 "scopes",
                                 "freshness",
                                 "active",
                                 "normal",
                                 "dormant",
                                 "active_for",
                                 "dormant_after",
                                 "collect",
                                 "window",
                                 "backfill",
                                 "max_message",
                                 "exclude",
                                 "deletions",
                                 "mailboxes",
                                 "id",
                                 "source",
                                 "submission",
                                 "protocol",
                                 "host",
                                 "port",
                                 "security",
                                 "allow_plaintext",
                                 "auth",
                                 "allow_cram_md5",
                                 "username",
                                 "password",
                                 "providers",
                                 "bytes_per_day",
                                 "mailbox_bytes_per_day",
                                 "pop3_mailbox_bytes_per_day",
                                 "provider",
                                 "oauth2",
                                 "token_url",
                                 "client_id",
                                 "client_secret",
                                 "refresh_token"};

TEST(ExampleTest, ShowsEveryKey) {
  const std::string text = TextOf(std::string(MAILHAUL_CONFIGS) + "/example.yaml") +
                           TextOf(std::string(MAILHAUL_CONFIGS) + "/tenants/example.yaml");
  for (const char* key : kKeys) {
    EXPECT_NE(text.find(std::string(key) + ":"), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace mailhaul::config
