// YAML meant to exhaust memory or time, to hide something, or merely broken.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "engine/config/main_file.h"
#include "engine/config/tenant_file.h"
#include "engine/config/yaml_tree.h"
#include "tests/config/fake_references.h"

namespace mailhaul::config {
namespace {

constexpr std::string_view kTenant = R"(tenant: acme
weight: 3
tokens: [{env: TOKEN, scopes: [read]}]
freshness: {active: 10s, normal: 1m, dormant: 1h}
collect:
  window: all
  exclude: ["Tr\u00E4sh", 'Spam']
mailboxes:
  - id: alice
    address: alice@acme.example
    source: {host: imap.acme.example, password: "p\\w: #'"}
    submission:
      host: smtp.acme.example
)";

std::string Refusal(std::string_view text) {
  Report report("f", true);
  EXPECT_FALSE(ParseYaml(text, report).has_value());
  EXPECT_TRUE(report.failed());
  return Shown(report);
}

std::string Repeated(std::string_view piece, size_t bytes) {
  std::string text;
  text.reserve(bytes + piece.size());
  while (text.size() < bytes) {
    text += piece;
  }
  return text;
}

TEST(HostileYamlTest, ScalarsKeepTheirPositionAndSayWhetherTheyWereQuoted) {
  Report report("f", true);
  const std::optional<Node> root = ParseYaml("a: 1\nb:\n  - 'x'\nc:\n", report);
  ASSERT_TRUE(root) << Shown(report);
  ASSERT_EQ(root->children.size(), 6U);
  EXPECT_FALSE(root->children[1].quoted);
  const Node& item = root->children[3].children[0];
  EXPECT_TRUE(item.quoted);
  EXPECT_EQ(item.text, "x");
  EXPECT_EQ(item.position.line, 3);
  EXPECT_EQ(item.position.column, 5);
  EXPECT_EQ(root->children[5].kind, Node::Kind::kNull);
  EXPECT_EQ(root->children[5].position.line, 4);
  EXPECT_EQ(root->children[5].position.column, 1);
}

TEST(HostileYamlTest, NestingEndsAtTheLimit) {
  std::string open;
  for (size_t i = 0; i < kDepthMax; ++i) {
    open += "[";
  }
  Report report("f", true);
  EXPECT_TRUE(ParseYaml(open + std::string(kDepthMax, ']'), report)) << Shown(report);
  EXPECT_EQ(Refusal("[" + open + std::string(kDepthMax + 1, ']')),
            "f:1:33: nested more than 32 levels deep\n");
}

TEST(HostileYamlTest, EndlessBracketsAreCutShort) {
  for (const char* piece : {"[", "{", "[\n", "- ", "? ", "{a: ", "[a: ", ": "}) {
    for (const char* before : {"", "k: "}) {
      EXPECT_NE(Refusal(before + Repeated(piece, 200'000)), "") << before << piece;
    }
  }
}

TEST(HostileYamlTest, OneBracketMayNotHoldTheWholeFile) {
  const std::string list =
      "[" + Repeated(std::string(500, 'a') + ",\n", 2 * kScanAheadBytesMax) + "a]";
  EXPECT_EQ(Refusal(list), "f:1:1: more than 1 MiB in one bracket, value or comment from here\n");
  Report report("f", true);
  EXPECT_TRUE(ParseYaml("k: " + list, report)) << Shown(report);  // Cannot be a key: streamed.
}

TEST(HostileYamlTest, HugeScalarsAreRefused) {
  EXPECT_EQ(Refusal("k: " + std::string(kScalarBytesMax + 1, 'x')),
            "f:1:4: a value of more than 64 KiB\n");
  EXPECT_EQ(Refusal("k: \"" + std::string(3 * kScanAheadBytesMax, 'x') + "\""),
            "f:1:1: more than 1 MiB in one bracket, value or comment from here\n");
  Report report("f", true);
  EXPECT_TRUE(ParseYaml("k: " + std::string(kScalarBytesMax, 'x'), report)) << Shown(report);
}

TEST(HostileYamlTest, TooManyValuesAndTooManyBytesAreRefused) {
  EXPECT_EQ(Refusal("k:\n" + Repeated("- \n", 3 * kNodesMax + 10)),
            "f:500000:1: more than 500000 values\n");
  EXPECT_EQ(Refusal(std::string(kFileBytesMax + 1, '\n')), "f: larger than 16 MiB\n");
}

TEST(HostileYamlTest, NothingCanStandForSomethingElse) {
  EXPECT_EQ(Refusal("a: &x [1]\nb: *x\n"), "f:1:4: anchors (&name) are not allowed\n");
  EXPECT_EQ(Refusal("a: &x 1\n"), "f:1:4: anchors (&name) are not allowed\n");
  EXPECT_EQ(Refusal("a: &x\n"), "f:1:4: anchors (&name) are not allowed\n");
  EXPECT_EQ(Refusal("a: *x\n"), "f:1:4: not YAML: the referenced anchor is not defined\n");
  EXPECT_EQ(Refusal("a: 1\n<<: {b: 2}\n"), "f:2:1: merge keys (<<) are not allowed\n");
  EXPECT_EQ(Refusal("a: !!binary aGVsbG8=\n"), "f:1:4: tags (!name) are not allowed\n");
  EXPECT_EQ(Refusal("a: !include x\n"), "f:1:4: tags (!name) are not allowed\n");
  EXPECT_EQ(Refusal("? [a]\n: 1\n"), "f:1:3: a key must be plain text\n");
  EXPECT_EQ(Refusal("? \n: 1\n"), "f:2:1: a key must be plain text\n");
}

TEST(HostileYamlTest, AnAliasBombNeverGrows) {
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c <= 'z'; ++c) {
    const std::string previous(1, static_cast<char>(c - 1));
    bomb += std::string(1, c) + ": &" + std::string(1, c) + " [*" + previous + ", *" + previous +
            ", *" + previous + "]\n";
  }
  EXPECT_EQ(Refusal(bomb), "f:1:4: anchors (&name) are not allowed\n");
}

TEST(HostileYamlTest, AFileIsOneDocument) {
  EXPECT_EQ(Refusal("a: 1\n---\nb: 2\n"),
            "f:2:1: expected the end of the file: it holds one document\n");
  EXPECT_EQ(Refusal(""), "f: the file is empty\n");
  EXPECT_EQ(Refusal("# only a comment\n"), "f: the file is empty\n");
  Report report("f", true);
  EXPECT_TRUE(ParseYaml("---\na: 1\n...\n", report)) << Shown(report);
}

TEST(HostileYamlTest, LeftoversAfterTheDocumentAreRefusedInsteadOfReadForever) {
  for (const char* text : {"[], []", "a: 1\n]\n", "{}}", "'a' 'b'", "[],[],[]"}) {
    EXPECT_NE(Refusal(text), "") << text;
  }
}

TEST(HostileYamlTest, TheEndOfTheFileClosesNoQuote) {
  for (const char* text : {"a: \"b\n", "a: 'b\n", "a: 'it''s\n\n", "a: \"b\\\"\n", "a: \"b\nc: d\n",
                           "'a\n", "a: ! \"b\n"}) {
    const std::string message = Refusal(text);
    EXPECT_NE(message.find("a quote that is never closed"), std::string::npos) << message;
  }
  for (const char* text :
       {"a: \"b\"\n", "a: 'it''s'\n", "a: \"b\\\"\"\n# it's\n", "a: it's\n", "a: |\n  \"b\n"}) {
    Report report("f", true);
    EXPECT_TRUE(ParseYaml(text, report)) << Shown(report);
  }
}

TEST(HostileYamlTest, OnlyPlainUtf8TextIsRead) {
  using namespace std::string_view_literals;
  constexpr std::string_view kControl =
      ": a control character; the file must be plain UTF-8 text\n";
  EXPECT_EQ(Refusal("a: b\0c\n"sv), "f:1:5" + std::string(kControl));
  EXPECT_EQ(Refusal("\0\0\xFE\xFF"sv), "f:1:1" + std::string(kControl));
  EXPECT_EQ(Refusal("a: b\nc: \x04\n"), "f:2:4" + std::string(kControl));
  EXPECT_EQ(Refusal("a: \x1B[31m\n"), "f:1:4" + std::string(kControl));
  EXPECT_EQ(Refusal("a: \x7F\n"), "f:1:4" + std::string(kControl));
  EXPECT_EQ(Refusal("a: b\rc: d\n"), "f:1:5: a carriage return that does not end a line\n");
  EXPECT_EQ(Refusal("a: \xC3\xA9\nb: x\xE9 y\n"), "f:2:5: not UTF-8\n");
  EXPECT_EQ(Refusal("a: \xED\xA0\x80\n"), "f:1:4: not UTF-8\n");
  EXPECT_EQ(Refusal("\xFF\xFE"
                    "a"),
            "f:1:1: not UTF-8\n");
  EXPECT_EQ(Refusal("a: \xC3"), "f:1:4: not UTF-8\n");
}

TEST(HostileYamlTest, ByteOrderMarksAndWindowsLineEndsChangeNothing) {
  std::string windows = "\xEF\xBB\xBF";
  for (const char c : kTenant) {
    windows += c == '\n' ? "\r\n" : std::string(1, c);
  }
  FakeReferences references;
  references.environment["TOKEN"] = "t0ken";
  Report report("f", false);
  const std::optional<ParsedTenant> parsed = ParseTenant(windows, Builtin(), references, report);
  ASSERT_TRUE(parsed) << Shown(report);
  EXPECT_EQ(parsed->tenant.name, "acme");
  EXPECT_EQ(parsed->name_position.column, 9);
  EXPECT_EQ(parsed->tenant.mailboxes.at(0).source.password.Reveal(), "p\\w: #'");
  EXPECT_EQ(parsed->tenant.collect.exclude.at(0), "Tr\xC3\xA4sh");
}

TEST(HostileYamlTest, SyntaxErrorsNeverQuoteTheFile) {
  for (const char* text :
       {"a: \"hunter2\\qhunter2\"", "a: \"\\uD800hunter2\"", "a: @hunter2", "a: hunter2: hunter2",
        "a: `hunter2`", "a: %hunter2", "%YAML hunter2\n---", "a: 'hunter2", "a: *hunter2",
        "a: &hunter2 x", "a: !hunter2 x", "%TAG hunter2\n---\n", "a: |hunter2\n", "\thunter2: 1",
        "a: [hunter2}"}) {
    const std::string message = Refusal(text);
    EXPECT_EQ(message.find("hunter"), std::string::npos) << message;
    EXPECT_EQ(message.find('q'), std::string::npos) << message;
  }
}

// Whatever is cut off, the outcome is a tenant or a problem at a place inside the file.
TEST(HostileYamlTest, AFileCutAnywhereLoadsOrIsReported) {
  FakeReferences references;
  references.environment["TOKEN"] = "t0ken";
  size_t loaded = 0;
  for (size_t size = 0; size <= kTenant.size(); ++size) {
    Report report("f", false);
    const bool good =
        ParseTenant(kTenant.substr(0, size), Builtin(), references, report).has_value();
    EXPECT_NE(good, report.failed()) << size;
    loaded += good ? 1 : 0;
    for (const Problem& problem : report.Take()) {
      EXPECT_LE(problem.line, 14) << problem.ToString();
      EXPECT_FALSE(problem.message.empty()) << size;
    }
  }
  EXPECT_GT(loaded, 0U);
  EXPECT_LT(loaded, kTenant.size());
}

TEST(HostileYamlTest, AFileWithAnyByteReplacedLoadsOrIsReported) {
  FakeReferences references;
  for (size_t at = 0; at < kTenant.size(); ++at) {
    for (const char c : {'\0', '\xFF', '[', '}', ':', '"', '\n', ' ', '-', '&'}) {
      std::string text(kTenant);
      text[at] = c;
      Report report("f", false);
      const bool good = ParseTenant(text, Builtin(), references, report).has_value();
      EXPECT_NE(good, report.failed()) << at << " " << static_cast<int>(c);
    }
  }
}

TEST(HostileYamlTest, ProblemsOfOneFileAreCapped) {
  std::string text = "data_dir: d\ntenants: [t]\n";
  for (size_t i = 0; i < kProblemsPerFileMax + 50; ++i) {
    text += "k" + std::to_string(i) + ": 1\n";
  }
  FakeReferences references;
  Report report("f", true);
  ParseMain(text, references, report);
  const std::vector<Problem> problems = report.Take();
  ASSERT_EQ(problems.size(), kProblemsPerFileMax + 1);
  EXPECT_EQ(problems.back().ToString(), "f: and 50 more problems");
  EXPECT_TRUE(problems.back().fatal);
}

}  // namespace
}  // namespace mailhaul::config
