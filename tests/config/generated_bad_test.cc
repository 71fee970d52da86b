// Mistakes made of the example files, one at a time: each is said at the line where it was made.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config/main_file.h"
#include "engine/config/tenant_file.h"
#include "tests/config/fake_references.h"

namespace mailhaul::config {
namespace {

struct Key {
  size_t line = 0;  // From 0.
  size_t at = 0;    // Within the line.
  std::string name;
};

struct Mistake {
  std::string what;
  std::vector<std::string> lines;
  size_t line = 0;  // From 0: where it is.
};

std::vector<std::string> LinesOf(const std::string& name) {
  std::ifstream file(std::string(MAILHAUL_CONFIGS) + "/" + name, std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
  }
  return lines;
}

bool IsOfKey(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

// Without what stands behind " #".
std::string_view Spoken(std::string_view line) {
  const size_t comment = line.starts_with('#') ? 0 : line.find(" #");
  return line.substr(0, comment);
}

std::vector<Key> KeysOf(const std::vector<std::string>& lines) {
  std::vector<Key> keys;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = Spoken(lines[i]);
    for (size_t colon = line.find(':'); colon != std::string_view::npos;
         colon = line.find(':', colon + 1)) {
      size_t at = colon;
      while (at > 0 && IsOfKey(line[at - 1])) {
        --at;
      }
      const bool begins = at == 0 || line[at - 1] == ' ' || line[at - 1] == '{';
      const bool ends = colon + 1 == line.size() || line[colon + 1] == ' ';
      if (at < colon && begins && ends) {
        keys.push_back({.line = i, .at = at, .name = std::string(line.substr(at, colon - at))});
      }
    }
  }
  return keys;
}

Mistake With(const std::vector<std::string>& lines, const Key& key, const std::string& what,
             std::string line) {
  Mistake mistake{.what = what + " of " + key.name, .lines = lines, .line = key.line};
  mistake.lines[key.line] = std::move(line);
  return mistake;
}

// Names that the user chooses: any other is as good.
bool IsFree(const Key& key) { return key.name == "default" || key.name == "gmail"; }

void AddMistakes(const std::vector<std::string>& lines, const Key& key,
                 std::vector<Mistake>& mistakes) {
  const std::string& line = lines[key.line];
  const std::string before = line.substr(0, key.at);
  const size_t behind = key.at + key.name.size();
  if (!IsFree(key)) {
    mistakes.push_back(
        With(lines, key, "misspelling", before + key.name + "q" + line.substr(behind)));
  }
  mistakes.push_back(With(lines, key, "control character in the value",
                          line.substr(0, behind + 1) + " \x01" + line.substr(behind + 1)));
  const std::string_view spoken = Spoken(line);
  const bool whole_line = before.find_first_not_of(' ') == std::string::npos;
  const bool with_value = spoken.find_first_not_of(' ', behind + 1) < spoken.size();
  if (whole_line && with_value) {
    mistakes.push_back(With(lines, key, "list of lists", before + key.name + ": [[x]]"));
    mistakes.push_back(With(lines, key, "anchor", before + key.name + ": &a x"));
    mistakes.push_back(With(lines, key, "open quote", before + key.name + ": \"x"));
    Mistake twice = With(lines, key, "repetition", line);
    twice.lines.insert(twice.lines.begin() + static_cast<std::ptrdiff_t>(key.line), line);
    ++twice.line;
    mistakes.push_back(std::move(twice));
  }
}

std::string TextOf(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += line + "\n";
  }
  return text;
}

// The lines of all errors.
std::set<size_t> ErrorLines(bool main, const std::string& text, std::string* shown) {
  FakeReferences references;
  references.environment = {
      {"ALICE_PASSWORD", "a"}, {"BOB_PASSWORD", "b"},
      {"CAROL_PASSWORD", "c"}, {"OUTLOOK_SECRET", "d"},
      {"DAVE_TOKEN", "e"},     {"EXAMPLE_HOOK_SECRET", "whsec_MDEyMzQ1Njc4OTAxMjM0NQ=="}};
  Report report("file", main);
  if (main) {
    ParsedMain parsed = ParseMain(text, references, report);
    parsed.config.providers = std::make_shared<Providers>(LoadBuiltinProviders());
    FinishHosts(parsed, report);
  } else {
    ParseTenant(text, Builtin(), references, report);
  }
  std::set<size_t> lines;
  for (const Problem& problem : report.Take()) {
    *shown += problem.ToString() + "\n";
    if (!problem.warning) {
      lines.insert(static_cast<size_t>(problem.line));
    }
  }
  return lines;
}

TEST(GeneratedBadTest, EveryMistakeIsSaidAtItsLine) {
  size_t count = 0;
  for (const bool main : {true, false}) {
    const std::vector<std::string> lines = LinesOf(main ? "example.yaml" : "tenants/example.yaml");
    std::string shown;
    EXPECT_TRUE(ErrorLines(main, TextOf(lines), &shown).empty()) << shown;
    std::vector<Mistake> mistakes;
    for (const Key& key : KeysOf(lines)) {
      AddMistakes(lines, key, mistakes);
    }
    for (const Mistake& mistake : mistakes) {
      shown.clear();
      const std::set<size_t> told = ErrorLines(main, TextOf(mistake.lines), &shown);
      EXPECT_TRUE(told.contains(mistake.line + 1))
          << mistake.what << " in line " << mistake.line + 1 << ":\n"
          << mistake.lines[mistake.line] << "\n"
          << shown;
      ++count;
    }
  }
  EXPECT_GE(count, 400U);
}

}  // namespace
}  // namespace mailhaul::config
