// What is wrong in a tenant file is said exactly, at its place, and all at once.
#include <gtest/gtest.h>

#include <string>

#include "engine/config/tenant_file.h"
#include "tests/config/fake_references.h"

namespace mailhaul::config {
namespace {

struct Case {
  const char* name;
  const char* text;
  const char* problems;  // Each line without the name of the file.
};

const Case kTenantCases[] = {
    {"UnknownKey",
     "tenant: a\n"
     "tokns: []\n",
     "2:1: unknown key 'tokns'; did you mean 'tokens'?\n"},
    {"UnknownKeyFarFromAll",
     "tenant: a\n"
     "zzzzzzzzzz: 1\n",
     "2:1: unknown key 'zzzzzzzzzz'; known here: 'tenant', 'weight', 'tokens', 'freshness', "
     "'collect', 'send', 'quota', 'retention', 'webhooks', 'mailboxes', 'mailboxes_csv'\n"},
    {"KeyInTheWrongCase", "Tenant: a\n",
     "1:1: unknown key 'Tenant'; did you mean 'tenant'?\n"
     "1:1: a tenant file lacks the key 'tenant'\n"},
    {"NotAMap", "- a\n", "1:1: a tenant file must be a map of keys and values\n"},
    {"Empty", "---\n", "2:1: a tenant file must be a map of keys and values\n"},
    {"MissingTenant", "weight: 1\n", "1:1: a tenant file lacks the key 'tenant'\n"},
    {"DuplicateKey",
     "tenant: a\n"
     "weight: 1\n"
     "weight: 2\n",
     "3:1: duplicate key 'weight'; the first is in line 2\n"},
    {"KeysOfLaterVersions",
     "tenant: a\n"
     "signature: x\n",
     "2:1: known key 'signature', not supported by this version yet\n"},
    {"BadQuota",
     "tenant: a\n"
     "quota: {bytes: 10, messages: 3}\n"
     "retention: 1m\n",
     "2:16: 'bytes' must be a size such as 64MiB, from 1KiB to 1024TiB\n"
     "2:20: unknown key 'messages'; known here: 'bytes'\n"
     "3:12: 'retention' must be a duration such as 30s, from 1h to 36500d\n"},
    {"BadTenantName", "tenant: a/b\n",
     "1:9: 'tenant' must be a name: letters, digits and . _ - @ + only, at most 64 bytes\n"},
    {"TenantNameTooLong",
     "tenant: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
     "1:9: 'tenant' must be a name: letters, digits and . _ - @ + only, at most 64 bytes\n"},
    {"BadWebhooks",
     "tenant: a\n"
     "webhooks:\n"
     "  - {url: \"http://hooks.example/\", secret: 0123456789abcdef}\n"
     "  - {url: \"https://hooks.example/\", secret: short}\n"
     "  - {url: \"https://hooks.example/\", secret: whsec_x}\n"
     "  - {url: \"https://hooks.example/\", secret: whsec_c2hvcnQ=}\n"
     "  - {url: \"https://hooks.example/\", secret: 0123456789abcdef, events: [mail]}\n"
     "  - {secret: 0123456789abcdef}\n"
     "  - {url: \"https://a.example/\", secret: 0123456789abcdef}\n"
     "  - {url: \"https://a.example/\", secret: 0123456789abcdef}\n",
     "3:11: 'url' must be an https:// URL\n"
     "4:45: 'secret' must have at least 16 bytes, such as of `openssl rand -hex 32`\n"
     "5:45: 'secret' must have base64 behind 'whsec_'\n"
     "6:45: 'secret' must have at least 16 bytes, such as of `openssl rand -hex 32`\n"
     "7:72: 'events' must be of 'message.created', 'message.updated', 'message.deleted', "
     "'mailbox.updated', 'submission.updated'\n"
     "8:5: a webhook lacks the key 'url'\n"
     "10:5: an earlier webhook of this tenant has the same 'url'\n"},
    {"BadSend",
     "tenant: a\n"
     "send: {per_mailbox_per_minute: 0, retry_for: 1s, per_hour: 3}\n",
     "2:32: 'per_mailbox_per_minute' must be a whole number from 1 to 1000000\n"
     "2:46: 'retry_for' must be a duration such as 30s, from 1m to 30d\n"
     "2:50: unknown key 'per_hour'; known here: 'per_mailbox_per_minute', "
     "'per_tenant_per_minute', 'retry_for'\n"},
    {"BadWeight",
     "tenant: a\n"
     "weight: 0\n",
     "2:9: 'weight' must be a whole number from 1 to 1000\n"},
    {"WeightAsText",
     "tenant: a\n"
     "weight: \"5\"\n",
     "2:9: 'weight' must be a whole number from 1 to 1000\n"},
    {"WeightWithSign",
     "tenant: a\n"
     "weight: -1\n",
     "2:9: 'weight' must be a whole number from 1 to 1000\n"},
    {"WeightNotWhole",
     "tenant: a\n"
     "weight: 1.5\n",
     "2:9: 'weight' must be a whole number from 1 to 1000\n"},
    {"WeightBeyond64Bits",
     "tenant: a\n"
     "weight: 99999999999999999999\n",
     "2:9: 'weight' must be a whole number from 1 to 1000\n"},
    {"WeightEmpty",
     "tenant: a\n"
     "weight:\n",
     "2:1: 'weight' must be a whole number from 1 to 1000\n"},
    {"TokensNotAList",
     "tenant: a\n"
     "tokens: {env: PW}\n",
     "2:9: 'tokens' must be a list\n"},
    {"TokenAsText",
     "tenant: a\n"
     "tokens: [secret]\n",
     "2:10: a token is {sha256: HASH}, {env: NAME} or {file: PATH}\n"},
    {"TokenWithoutValue",
     "tenant: a\n"
     "tokens: [{scopes: [read]}]\n",
     "2:10: give exactly one of 'sha256', 'env', 'file'\n"},
    {"TokenWithTwoValues",
     "tenant: a\n"
     "tokens: [{env: PW, file: pw}]\n",
     "2:10: give exactly one of 'sha256', 'env', 'file'\n"},
    {"TokenHashTooShort",
     "tenant: a\n"
     "tokens: [{sha256: \"abc\"}]\n",
     "2:19: 'sha256' must be 64 hexadecimal digits: the hash of the token, without what sha256sum "
     "prints after it\n"},
    {"TokenHashNotHex",
     "tenant: a\n"
     "tokens: [{sha256: \"gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg\"}]\n",
     "2:19: 'sha256' must be 64 hexadecimal digits: the hash of the token, without what sha256sum "
     "prints after it\n"},
    {"TokenWithSpace",
     "tenant: a\n"
     "tokens: [{env: SPACED}]\n",
     "2:10: a token must be visible ASCII characters without spaces\n"},
    {"TokenNotSet",
     "tenant: a\n"
     "tokens: [{env: NOPE}]\n",
     "2:16: the environment variable NOPE is not set\n"},
    {"ScopeUnknown",
     "tenant: a\n"
     "tokens: [{env: PW, scopes: [read, write]}]\n",
     "2:35: a scope must be one of 'read', 'send', 'admin'\n"},
    {"ScopeTwice",
     "tenant: a\n"
     "tokens: [{env: PW, scopes: [read, read]}]\n",
     "2:35: the scope 'read' is given twice\n"},
    {"ScopesEmpty",
     "tenant: a\n"
     "tokens: [{env: PW, scopes: []}]\n",
     "2:28: 'scopes' must be a list of 'read', 'send', 'admin'\n"},
    {"FreshnessOutOfOrder",
     "tenant: a\n"
     "freshness: {active: 10m, normal: 5m}\n",
     "2:12: 'freshness' must have active <= normal <= dormant\n"},
    {"FreshnessZero",
     "tenant: a\n"
     "freshness: {active: 0}\n",
     "2:21: 'active' must be a duration such as 30s, from 1ms to 36500d\n"},
    {"FreshnessWithoutUnit",
     "tenant: a\n"
     "freshness: {active: 30}\n",
     "2:21: 'active' must be a duration such as 30s, from 1ms to 36500d\n"},
    {"FreshnessBeyondAllBounds",
     "tenant: a\n"
     "freshness: {dormant: 99999999d}\n",
     "2:22: 'dormant' must be a duration such as 30s, from 1ms to 36500d\n"},
    {"CollectWindowWord",
     "tenant: a\n"
     "collect: {window: everything}\n",
     "2:19: 'window' must be all or a duration such as 30s, from 1ms to 36500d\n"},
    {"CollectBackfillWord",
     "tenant: a\n"
     "collect: {backfill: yes}\n",
     "2:21: 'backfill' must be true or false\n"},
    {"CollectMessageTooSmall",
     "tenant: a\n"
     "collect: {max_message: 1}\n",
     "2:24: 'max_message' must be a size such as 64MiB, from 1KiB to 1GiB\n"},
    {"CollectMessageUnit",
     "tenant: a\n"
     "collect: {max_message: 64MB2}\n",
     "2:24: 'max_message' must be a size such as 64MiB, from 1KiB to 1GiB\n"},
    {"CollectDeletionsTypo",
     "tenant: a\n"
     "collect: {deletions: kep}\n",
     "2:22: 'deletions' must be one of 'keep', 'mirror'; did you mean 'keep'?\n"},
    {"ExcludeNotAList",
     "tenant: a\n"
     "collect: {exclude: Spam}\n",
     "2:20: 'exclude' must be a list\n"},
    {"ExcludeEmptyName",
     "tenant: a\n"
     "collect: {exclude: [Spam, \"\"]}\n",
     "2:27: 'exclude' must be text, not empty\n"},
    {"ExcludeControlCharacter",
     "tenant: a\n"
     "collect: {exclude: [\"a\\0b\", \"\\x1b[31m\", \"\\x85\"]}\n",
     "2:21: 'exclude' contains a control character\n"
     "2:29: 'exclude' contains a control character\n"
     "2:41: 'exclude' contains a control character\n"},
    {"MailboxesNotAList",
     "tenant: a\n"
     "mailboxes: {id: a}\n",
     "2:12: 'mailboxes' must be a list\n"},
    {"MailboxNotAMap",
     "tenant: a\n"
     "mailboxes: [alice]\n",
     "2:13: a mailbox must be a map of keys and values\n"},
    {"MailboxEmpty",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {}\n",
     "3:5: a mailbox lacks the key 'id'\n"
     "3:5: a mailbox lacks the key 'address'\n"
     "3:5: a mailbox lacks the key 'source'\n"},
    {"MailboxIdTwice",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: {host: h, password: p}}\n"
     "  - {id: x, address: a@b, source: {host: h, password: p}}\n",
     "4:5: the mailbox id 'x' is already used in line 3\n"},
    {"MailboxIdIsPath",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: \"..\", address: a@b, source: {host: h, password: p}}\n",
     "3:10: 'id' must be a name: letters, digits and . _ - @ + only, at most 128 bytes\n"},
    {"MailboxAddressBad",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: alice, source: {host: h, password: p}}\n",
     "3:22: 'address' must be a mail address such as alice@example.com\n"},
    {"SourceNotAMap",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: imap.example.com}\n",
     "3:35: 'source' must be a map of keys and values\n"},
    {"SourceTypo",
     "tenant: a\n"
     "mailboxes:\n"
     "  - id: x\n"
     "    address: a@b\n"
     "    source:\n"
     "      host: h\n"
     "      pasword: secret\n",
     "6:7: 'source' lacks the key 'password'\n"
     "7:7: unknown key 'pasword'; did you mean 'password'?\n"},
    {"SourceEverythingWrong",
     "tenant: a\n"
     "mailboxes:\n"
     "  - id: x\n"
     "    address: a@b\n"
     "    source:\n"
     "      protocol: pop\n"
     "      host: \"[::1]\"\n"
     "      port: 0\n"
     "      security: tsl\n"
     "      auth: oauth2\n"
     "      oauth2: {}\n"
     "      username: \"\"\n"
     "      password: []\n",
     "6:17: 'protocol' must be one of 'imap', 'pop3'; did you mean 'pop3'?\n"
     "7:13: 'host' must be a host name in ASCII or a literal address without brackets\n"
     "8:13: 'port' must be a whole number from 1 to 65535\n"
     "9:17: 'security' must be one of 'tls', 'starttls', 'plaintext'; did you mean 'tls'?\n"
     "11:15: give either 'password' or 'oauth2'\n"
     "12:17: 'username' must be text, not empty\n"},
    {"ProtocolUnknown",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: {protocol: jmap, host: h, password: p}}\n",
     "3:46: 'protocol' must be one of 'imap', 'pop3'; did you mean 'imap'?\n"},
    {"PortTooLarge",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: {host: h, port: 65536, password: p}}\n",
     "3:51: 'port' must be a whole number from 1 to 65535\n"},
    {"PlaintextBeyondLoopback",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: {host: h, security: plaintext, password: p}}\n",
     "3:55: 'plaintext' lets others on the way read the password; use 'tls' or 'starttls', or add "
     "'allow_plaintext: true'\n"},
    {"PlaintextOfSubmission",
     "tenant: a\n"
     "mailboxes:\n"
     "  - id: x\n"
     "    address: a@b\n"
     "    source: {host: localhost, security: plaintext, password: p}\n"
     "    submission: {host: h, security: plaintext}\n",
     "6:37: 'plaintext' lets others on the way read the password; use 'tls' or 'starttls', or add "
     "'allow_plaintext: true'\n"},
    {"PasswordEmpty",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: {host: h, password: \"\"}}\n",
     "3:55: the password is empty\n"},
    {"PasswordNull",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: {host: h, password: }}\n",
     "3:45: a password is {env: NAME}, {file: PATH} or text in quotes\n"},
    {"PasswordNotSet",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: {host: h, password: {env: NOPE}}}\n",
     "3:61: the environment variable NOPE is not set\n"},
    {"PasswordVariableEmpty",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: {host: h, password: {env: EMPTY}}}\n",
     "3:61: the value of the environment variable EMPTY is empty\n"},
    {"PasswordVariableOfTwoLines",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: {host: h, password: {env: BAD}}}\n",
     "3:61: the value of the environment variable BAD is not UTF-8 text of one line without "
     "control characters\n"},
    {"PasswordVariableNameBad",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: {host: h, password: {env: \"A=B\"}}}\n",
     "3:61: 'env' must be the name of an environment variable\n"},
    {"PasswordFileMissing",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: {host: h, password: {file: nope}}}\n",
     "3:62: cannot read tenants/nope: No such file or directory\n"},
    {"PasswordFileOfTwoLines",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: {host: h, password: {file: lines}}}\n",
     "3:62: the content of the file is not UTF-8 text of one line without control characters\n"},
    {"PasswordFileEmpty",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: {host: h, password: {file: newline}}}\n",
     "3:62: the content of the file is empty\n"},
    {"PasswordFileLong",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: {host: h, password: {file: long}}}\n",
     "3:62: the content of the file is longer than 4096 bytes\n"},
    {"PasswordFileOpenToOthers",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: {host: h, password: {file: open}}}\n",
     "3:62: warning: other users can read this file; mode 600 mends that, or "
     "640 if root owns it\n"},
    {"PasswordOfManySources",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, source: {host: h, password: {env: PW, file: pw}}}\n",
     "3:55: give exactly one of 'env', 'file'\n"},
    {"MailboxSignature",
     "tenant: a\n"
     "mailboxes:\n"
     "  - {id: x, address: a@b, signature: s, source: {host: h, password: p}}\n",
     "3:27: known key 'signature', not supported by this version yet\n"},
    {"TabIndent",
     "tenant: a\n"
     "mailboxes:\n"
     "	- {}\n",
     "3:2: not YAML: illegal block entry\n"},
    {"UnclosedQuote",
     "tenant: \"a\n"
     "weight: 1\n",
     "1:9: not YAML: a quote that is never closed\n"},
};

class BadTenantTest : public testing::TestWithParam<Case> {};

TEST_P(BadTenantTest, IsReportedExactly) {
  FakeReferences references;
  references.environment = {{"PW", "secret"}, {"EMPTY", ""}, {"BAD", "a\nb"}, {"SPACED", "a b"}};
  references.files = {{"tenants/pw", {"secret\n", false}},
                      {"tenants/open", {"secret", true}},
                      {"tenants/lines", {"a\nb\n", false}},
                      {"tenants/newline", {"\n", false}},
                      {"tenants/long", {std::string(4098, 'x'), false}}};
  Report report("tenants/acme.yaml", false);
  const bool good = ParseTenant(GetParam().text, Builtin(), references, report).has_value();
  EXPECT_NE(good, report.failed());
  EXPECT_EQ(Shown(report), WithFile("tenants/acme.yaml", GetParam().problems));
}

INSTANTIATE_TEST_SUITE_P(Table, BadTenantTest, testing::ValuesIn(kTenantCases),
                         [](const testing::TestParamInfo<Case>& tested) {
                           return tested.param.name;
                         });

}  // namespace
}  // namespace mailhaul::config
