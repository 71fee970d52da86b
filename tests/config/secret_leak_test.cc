// However a password or token is misplaced, no problem repeats it.
#include <gtest/gtest.h>

#include <string>

#include "engine/config/tenant_file.h"
#include "tests/config/fake_references.h"

namespace mailhaul::config {
namespace {

class SecretLeakTest : public testing::TestWithParam<const char*> {};

TEST_P(SecretLeakTest, ProblemsDoNotQuoteIt) {
  FakeReferences references;
  references.environment["PW"] = "hunter2\nhunter2";
  references.files["pw"] = {"hunter2\x01hunter2", true};
  Report report("t", false);
  const std::string text = "tenant: a\nmailboxes:\n  - id: x\n    address: a@b\n    source:\n";
  EXPECT_FALSE(ParseTenant(text + "      " + GetParam(), Builtin(), references, report));
  const std::string shown = Shown(report);
  EXPECT_EQ(shown.find("hunter"), std::string::npos) << shown;
  EXPECT_NE(shown, "");
}

INSTANTIATE_TEST_SUITE_P(
    Table, SecretLeakTest,
    testing::Values("{host: h, password: a, hunter2}", "{host: h, password: a, hunter2: hunter2}",
                    "{host: h, password: [hunter2]}", "{host: h, password: {hunter2}}",
                    "{host: h, password: {hunter2: x}}", "{host: h, password: {value: hunter2}}",
                    "{host: h, password: {env: PW}}", "{host: h, password: {file: pw}}",
                    "{host: h, password: \"hunter2\\n\"}", "{host: h, pasword: hunter2}",
                    "{host: h, password: {env: \"hunter2!\"}}", "{host: h, password: *hunter2}",
                    "{host: h, password: &hunter2}", "{host: h, password: hunter2: x}",
                    "{host: h, password: \"hunter2}", "{host: h, password: !hunter2 x}",
                    "{host: h, password: x, ? hunter2}", "{host: h, port: hunter2, password: x}",
                    "{host: \"hunter2 hunter2\", password: x}", "{host: h, auth: hunter2}",
                    "{host: h, oauth2: {client_id: c, refresh_token: hunter2, hunter2}}",
                    "{host: h, oauth2: {client_secret: [hunter2]}}", "{host: h, oauth2: hunter2}",
                    "{host: h, oauth2: {token_url: hunter2, client_id: c, refresh_token: hunter2}}",
                    "{host: h, oauth2: {client_id: \"hunter2\\0\", refresh_token: {env: PW}}}",
                    "{host: h, oauth2: {refresh_token: {file: pw}}, password: hunter2}",
                    "{host: h, password: x}\ntokens: [hunter2]",
                    "{host: h, password: x}\ntokens: [{sha256: hunter2}]",
                    "{host: h, password: x}\ntokens: [{hunter2: x}]",
                    "{host: h, password: x}\ntokens: [{env: PW}]"));

}  // namespace
}  // namespace mailhaul::config
