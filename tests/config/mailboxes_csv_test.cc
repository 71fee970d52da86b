// Mailboxes in a table: a row means what the same entry in YAML means, and what is wrong is said at
// its cell.
#include "engine/config/mailboxes_csv.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/config/fake_references.h"

namespace mailhaul::config {
namespace {

struct Parsed {
  ParsedTenant tenant;
  std::string problems;
};

Parsed Parse(std::string_view csv, std::string_view yaml = "tenant: a\n") {
  FakeReferences references;
  references.environment["PW"] = "from environment";
  references.files["pw"] = {"from file\n", false};
  Report of_tenant("t.yaml", false);
  std::optional<ParsedTenant> parsed = ParseTenant(yaml, Builtin(), references, of_tenant);
  EXPECT_TRUE(parsed.has_value()) << Shown(of_tenant);
  Report report("t.csv", false);
  Parsed out;
  out.tenant = std::move(parsed).value_or(ParsedTenant());
  ParseMailboxesCsv(csv, Builtin(), references, report, out.tenant);
  out.problems = Shown(report);
  return out;
}

TEST(MailboxesCsvTest, ARowMeansWhatTheSameEntryMeans) {
  const Parsed csv = Parse(
      "id,address,protocol,host,port,security,username,password,submission_host,"
      "submission_security,submission_password\r\n"
      "alice,alice@a.example,pop3,POP.a.example,1995,tls,\"al,ice\",\"p\"\"w\",smtp.a.example,"
      "starttls,other\r\n");
  ASSERT_EQ(csv.problems, "");
  const Parsed yaml = Parse("id,address,password\n",
                            "tenant: a\nmailboxes:\n"
                            "  - id: alice\n    address: alice@a.example\n"
                            "    source: {protocol: pop3, host: POP.a.example, port: 1995,"
                            " security: tls, username: 'al,ice', password: 'p\"w'}\n"
                            "    submission: {host: smtp.a.example, security: starttls,"
                            " password: other}\n");
  ASSERT_EQ(csv.tenant.tenant.mailboxes.size(), 1U);
  ASSERT_EQ(yaml.tenant.tenant.mailboxes.size(), 1U);
  const MailboxConfig& a = csv.tenant.tenant.mailboxes[0];
  const MailboxConfig& b = yaml.tenant.tenant.mailboxes[0];
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.address, b.address);
  EXPECT_EQ(a.pool, b.pool);
  for (const auto& [left, right] :
       {std::pair(&a.source, &b.source), std::pair(&*a.submission, &*b.submission)}) {
    EXPECT_EQ(left->protocol, right->protocol);
    EXPECT_EQ(left->host, right->host);
    EXPECT_EQ(left->port, right->port);
    EXPECT_EQ(left->security, right->security);
    EXPECT_EQ(left->username, right->username);
    EXPECT_EQ(left->password.Reveal(), right->password.Reveal());
  }
}

TEST(MailboxesCsvTest, AnAddressAndAPasswordAreEnough) {
  const Parsed parsed = Parse(
      "address,password_env,id,password_file\n"
      "a@gmail.com,PW,a,\nb@elsewhere.example,,b,pw\n");
  ASSERT_EQ(parsed.problems, "");
  const std::vector<MailboxConfig>& mailboxes = parsed.tenant.tenant.mailboxes;
  ASSERT_EQ(mailboxes.size(), 2U);
  EXPECT_EQ(mailboxes[0].source.host, "imap.gmail.com");
  EXPECT_EQ(mailboxes[0].source.password.Reveal(), "from environment");
  EXPECT_EQ(mailboxes[1].source.host, "") << "to be discovered";
  EXPECT_EQ(mailboxes[1].source.password.Reveal(), "from file");
}

TEST(MailboxesCsvTest, TakesOAuth2) {
  const Parsed parsed = Parse(
      "id,address,token_url,client_id,refresh_token_file,client_secret_env\n"
      "a,a@outlook.com,,client,pw,PW\n"
      "b,b@b.example,https://b.example/token,client,pw,\n");
  ASSERT_EQ(parsed.problems, "");
  const std::optional<OAuth2>& grant = parsed.tenant.tenant.mailboxes[0].source.oauth2;
  ASSERT_TRUE(grant.has_value());
  EXPECT_EQ(grant->client_id, "client");
  EXPECT_EQ(grant->refresh_token.Reveal(), "from file");
  EXPECT_EQ(grant->client_secret.Reveal(), "from environment");
  EXPECT_EQ(parsed.tenant.tenant.mailboxes[1].source.oauth2->token_url, "https://b.example/token");
}

struct Case {
  const char* name;
  const char* csv;
  const char* problems;
};

const Case kCases[] = {
    {"Empty", "", "t.csv: the file is empty: its first row names the columns\n"},
    {"NoHeader", "alice,alice@a.example,secret\n",
     "t.csv:1:1: the first row names the columns: id,address,password and others\n"},
    {"Semicolons", "id;address;password\n", "t.csv:1:1: the values are not separated by commas\n"},
    {"MistypedColumn", "id,adress,password\n",
     "t.csv:1:4: unknown column 'adress'; did you mean 'address'?\n"},
    {"DoubledColumn", "id,address,id\n", "t.csv:1:12: the column 'id' is there twice\n"},
    {"MissingColumn", "id,password\n", "t.csv:1:1: the column 'address' is missing\n"},
    {"TooFewValues", "id,address,password\na,a@b\n",
     "t.csv:2:1: the row has 2 values for 3 columns\n"},
    {"NoId", "id,address,password\n,a@b,p\n",
     "t.csv:2:1: 'id' must be a name: letters, digits and . _ - @ + only, at most 128 bytes\n"},
    {"BadAddress", "id,password,address\na,p,nobody\n",
     "t.csv:2:5: 'address' must be a mail address such as alice@example.com\n"},
    {"NoPassword", "id,address,password\na,a@b,\n",
     "t.csv:2:1: the row gives no password: 'password', 'password_env', 'password_file' or a "
     "'refresh_token'\n"},
    {"TwoPasswords", "id,address,password,password_env\na,a@b,p,PW\n",
     "t.csv:2:9: the row gives 'password' twice\n"},
    {"UnknownVariable", "id,address,password_env\na,a@b,NOPE\n",
     "t.csv:2:7: the environment variable NOPE is not set\n"},
    {"UnknownFile", "id,address,password_file\na,a@b,nope\n",
     "t.csv:2:7: cannot read nope: No such file or directory\n"},
    {"BadPort", "id,address,host,port,password\na,a@b,h,99999,p\n",
     "t.csv:2:9: 'port' must be a whole number from 1 to 65535\n"},
    {"BadSecurity", "id,address,host,security,password\na,a@b,h,ssl,p\n",
     "t.csv:2:9: 'security' must be one of 'tls', 'starttls', 'plaintext'\n"},
    {"Plaintext", "id,address,host,security,password\na,a@b,h,plaintext,p\n",
     "t.csv:2:9: 'plaintext' lets others on the way read the password; use 'tls' or 'starttls', or "
     "add 'allow_plaintext: true'\n"},
    {"DoubledId", "id,address,password\na,a@b,p\nb,a@b,p\na,a@b,p\n",
     "t.csv:4:1: the mailbox id 'a' is already used in line 2\n"},
    {"IdOfTheTenantFile", "address,id,password\na@b,taken,p\n",
     "t.csv:2:5: the mailbox id 'taken' is already used in line 3 of t.yaml\n"},
    {"NotUtf8", "id,address,password\na,a@b,\xFC\n",
     "t.csv:2:7: the value of 'password' is not UTF-8\n"},
    {"ControlCharacter", "id,address,username,password\na,a@b,\"x\ny\",p\n",
     "t.csv:2:7: 'username' contains a control character\n"},
    {"AllAtOnce", "id,address,password\n!,a@b,p\nb,nobody,p\nc,c@d,\n",
     "t.csv:2:1: 'id' must be a name: letters, digits and . _ - @ + only, at most 128 bytes\n"
     "t.csv:3:3: 'address' must be a mail address such as alice@example.com\n"
     "t.csv:4:1: the row gives no password: 'password', 'password_env', 'password_file' or a "
     "'refresh_token'\n"},
};

class BadCsvTest : public testing::TestWithParam<Case> {};

TEST_P(BadCsvTest, IsExplained) {
  EXPECT_EQ(Parse(GetParam().csv,
                  "tenant: a\nmailboxes:\n"
                  "  - {id: taken, address: a@b, source: {host: h, password: p}}\n")
                .problems,
            GetParam().problems);
}

INSTANTIATE_TEST_SUITE_P(Table, BadCsvTest, testing::ValuesIn(kCases),
                         [](const testing::TestParamInfo<Case>& of) { return of.param.name; });

TEST(MailboxesCsvTest, NoProblemQuotesASecret) {
  for (const char* csv : {
           "alice,alice@a.example,hunter2\n",
           "id,hunter2hunter2\n",
           "id,address,password\na,a@b,hunter2,x\n",
           "id,address,password\na,a@b,\"hunter2\n",
           "id,address,password\na,a@b,\"hunter2\"hunter2\n",
           "id,address,password\na,a@b,hunter2\"\n",
           "id,address,password\na,a@b,\"hunter2\x01\"\n",
           "id,address,password,port\na,a@b,p,hunter2\n",
           "id,address,password,host\na,a@b,p,hunter2 hunter2\n",
           "id,address,password_env\na,a@b,hunter2!\n",
           "id,address,password,provider\na,a@b,p,hunter2\n",
       }) {
    const std::string shown = Parse(csv).problems;
    EXPECT_NE(shown, "") << csv;
    EXPECT_EQ(shown.find("hunter2"), std::string::npos) << shown;
  }
}

}  // namespace
}  // namespace mailhaul::config
