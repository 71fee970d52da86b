// What is wrong in the main file is said exactly, at its place, and all at once.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/config/load_providers.h"
#include "engine/config/main_file.h"
#include "tests/config/fake_references.h"

namespace mailhaul::config {
namespace {

struct Case {
  const char* name;
  const char* text;
  const char* problems;  // Each line without the name of the file.
};

const Case kMainCases[] = {
    {"UnknownKey", "datadir: x\n", "3:1: unknown key 'datadir'; did you mean 'data_dir'?\n"},
    {"KeysOfLaterVersions",
     "send: {}\n"
     "slice: 1s\n"
     "backfill_share: 5\n",
     "3:1: known key 'send', not supported by this version yet\n"
     "4:1: known key 'slice', not supported by this version yet\n"
     "5:1: known key 'backfill_share', not supported by this version yet\n"},
    {"MasterKeyShort", "master_key: \"abcdef\"\n",
     "3:13: a master key is 64 hexadecimal digits; `openssl rand -hex 32` makes one\n"},
    {"Threads", "threads: 65\n", "3:10: 'threads' must be auto or a whole number from 1 to 64\n"},
    {"ThreadsWord", "threads: automatic\n",
     "3:10: 'threads' must be auto or a whole number from 1 to 64\n"},
    {"MemoryTooSmall", "memory_budget: 31MiB\n",
     "3:16: 'memory_budget' must be a size such as 64MiB, from 32MiB to 16TiB\n"},
    {"MemoryWord", "memory_budget: lots\n",
     "3:16: 'memory_budget' must be a size such as 64MiB, from 32MiB to 16TiB\n"},
    {"ChangeLogShort", "change_log: {keep: 59m}\n",
     "3:20: 'keep' must be all or a duration such as 30s, from 1h to 3650d\n"},
    {"ChangeLogKey", "change_log: {kept: 30d}\n",
     "3:14: unknown key 'kept'; did you mean 'keep'?\n"},
    {"HttpNotAMap", "http: 8025\n", "3:7: 'http' must be a map of keys and values\n"},
    {"HttpListenName", "http: {listen: \"localhost:80\"}\n",
     "3:16: 'listen' must be ADDRESS:PORT such as 127.0.0.1:8025 or [::1]:8025\n"},
    {"HttpListenOpen", "http: {listen: \"0.0.0.0:8025\"}\n",
     "3:16: warning: tokens and mail travel unencrypted; set 'tls', or put a proxy that speaks TLS "
     "in front\n"},
    {"HttpTlsFiles", "http: {tls: {certificate: c, key: k}}\n",
     "3:27: cannot read c: No such file or directory\n"
     "3:35: cannot read k: No such file or directory\n"},
    {"HttpTlsNoKey", "http: {tls: {certificate: c, kee: k}}\n",
     "3:13: 'tls' lacks the key 'key'\n"
     "3:27: cannot read c: No such file or directory\n"
     "3:30: unknown key 'kee'; did you mean 'key'?\n"},
    {"HttpTlsNoCertificate",
     "http: {listen: \"0.0.0.0:1\", tls: {certificate: text.pem, key: text.pem}}\n",
     "3:34: cannot use the TLS certificate: no start line\n"},
    {"HttpTlsNotAMap", "http: {tls: cert.pem}\n", "3:13: 'tls' must be a map of keys and values\n"},
    {"EgressNotLiteral", "egress: [{address: example.com}]\n",
     "3:20: 'address' must be a literal IP address of this machine\n"},
    {"EgressAny",
     "egress: [{address: 0.0.0.0}, {address: \"::\"}, {address: 224.0.0.1}, {address: "
     "\"ff02::1\"}]\n",
     "3:20: 'address' must be a literal IP address of this machine\n"
     "3:40: 'address' must be a literal IP address of this machine\n"
     "3:57: 'address' must be a literal IP address of this machine\n"
     "3:79: 'address' must be a literal IP address of this machine\n"},
    {"EgressTwice",
     "egress:\n"
     "  - {address: \"2001:db8::1\"}\n"
     "  - {address: \"2001:DB8:0::1\"}\n",
     "5:5: the address 2001:db8::1 is listed twice\n"},
    {"EgressDefaultTwice", "egress: [{connections: 1}, {connections: 2}]\n",
     "3:28: a second entry without an 'address'\n"},
    {"EgressZero", "egress: [{connections: 0}]\n",
     "3:24: 'connections' must be a whole number from 1 to 100000\n"},
    {"HostsNotAMap", "hosts: [a]\n", "3:8: 'hosts' must be a map of keys and values\n"},
    {"HostsBadName", "hosts: {\"a b\": {connections: 1}}\n",
     "3:9: a host must be 'default', a provider, a host name in ASCII or a literal address\n"},
    {"HostsTwice", "hosts: {a: {connections: 1}, a: {connections: 2}}\n",
     "3:30: duplicate key 'a'\n"},
    {"HostsTwiceInOtherCase", "hosts: {a.example: {connections: 1}, A.example: {connections: 2}}\n",
     "3:38: the host 'a.example' is listed twice\n"},
    {"HostsBytesPerDay", "hosts: {a: {bytes_per_day: 1kB, mailbox_bytes_per_day: much}}\n",
     "3:28: 'bytes_per_day' must be a size such as 64MiB, from 1MiB to 1024TiB\n"
     "3:56: 'mailbox_bytes_per_day' must be a size such as 64MiB, from 1MiB to 1024TiB\n"},
    {"HostsOfOneProvider", "hosts: {imap.gmail.com: {connections: 2}, gmail: {connections: 3}}\n",
     "3:43: the provider 'gmail' is listed twice\n"},
    {"HostsMorePerMailboxThanTheProvider", "hosts: {gmail: {connections_per_mailbox: 401}}\n",
     "3:16: 'connections_per_mailbox' is more than 'connections'\n"},
    {"HostsMorePerMailboxByDefault", "hosts: {default: {connections_per_mailbox: 11}}\n",
     "3:18: 'connections_per_mailbox' is more than 'connections'\n"},
    {"ProvidersNotAList", "providers: configs\n", "3:12: 'providers' must be a list\n"},
    {"HostsZero", "hosts: {default: {connections: 0, logins_per_second: x}}\n",
     "3:32: 'connections' must be a whole number from 1 to 10000\n"
     "3:54: 'logins_per_second' must be a whole number from 1 to 10000\n"},
    {"HostsMorePerMailbox", "hosts: {a: {connections: 2, connections_per_mailbox: 3}}\n",
     "3:12: 'connections_per_mailbox' is more than 'connections'\n"},
    {"NetworkTimeout", "network: {connect_timeout: 2h, idle_timeout: 0s}\n",
     "3:28: 'connect_timeout' must be a duration such as 30s, from 1ms to 1h\n"
     "3:46: 'idle_timeout' must be a duration such as 30s, from 1ms to 1h\n"},
    {"NetworkCaFile", "network: {ca_file: nope.pem}\n",
     "3:20: cannot read nope.pem: No such file or directory\n"},
    {"NetworkPrivate", "network: {allow_private: 1}\n",
     "3:26: 'allow_private' must be true or false\n"},
    {"TenantsTwice", "tenants: [b]\n", "3:1: duplicate key 'tenants'; the first is in line 2\n"},
};

class BadMainTest : public testing::TestWithParam<Case> {};

TEST_P(BadMainTest, IsReportedExactly) {
  FakeReferences references;
  references.files["text.pem"] = {.bytes = "no PEM\n"};
  Report report("mailhaul.yaml", true);
  ParsedMain parsed =
      ParseMain(std::string("data_dir: d\ntenants: [t]\n") + GetParam().text, references, report);
  parsed.config.providers = std::make_shared<Providers>(LoadBuiltinProviders());
  FinishHosts(parsed, report);
  EXPECT_EQ(Shown(report), WithFile("mailhaul.yaml", GetParam().problems));
}

INSTANTIATE_TEST_SUITE_P(Table, BadMainTest, testing::ValuesIn(kMainCases),
                         [](const testing::TestParamInfo<Case>& tested) {
                           return tested.param.name;
                         });

TEST(BadMainFileTest, RequiredKeysAreDemanded) {
  FakeReferences references;
  Report report("mailhaul.yaml", true);
  ParseMain("threads: 1\n", references, report);
  EXPECT_EQ(Shown(report),
            "mailhaul.yaml:1:1: the main file lacks the key 'data_dir'\n"
            "mailhaul.yaml:1:1: the main file lacks the key 'tenants'\n");
}

TEST(BadMainFileTest, TenantsMustNameFiles) {
  FakeReferences references;
  Report report("mailhaul.yaml", true);
  ParseMain("data_dir: d\ntenants: []\n", references, report);
  EXPECT_EQ(Shown(report), "mailhaul.yaml:2:10: 'tenants' must name at least one file\n");
}

}  // namespace
}  // namespace mailhaul::config
