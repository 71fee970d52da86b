#include <glob.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "engine/config/config.h"
#include "engine/config/main_file.h"
#include "engine/config/references.h"
#include "engine/config/tenant_file.h"

namespace mailhaul::config {
namespace {

constexpr size_t kShownPathBytesMax = 4096;

void MoveProblems(Report& report, std::vector<Problem>& out) {
  std::vector<Problem> problems = report.Take();
  std::move(problems.begin(), problems.end(), std::back_inserter(out));
}

// The folder of `file` taken literally, whatever characters of glob(7) it contains.
std::string PatternFrom(const std::string& file, const std::string& pattern) {
  if (pattern.starts_with('/')) {
    return pattern;
  }
  const size_t slash = file.rfind('/');
  std::string escaped;
  for (const char c : file.substr(0, slash == std::string::npos ? 0 : slash + 1)) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) {
      escaped.push_back('\\');
    }
    escaped.push_back(c);
  }
  return escaped + pattern;
}

std::vector<std::string> Matches(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  globfree(&found);
  return paths;
}

// In bytewise order of their paths, each once: the same files always load in the same order.
std::set<std::string> FindTenantFiles(const std::vector<TenantPattern>& patterns, Report& report) {
  std::set<std::string> files;
  for (const TenantPattern& pattern : patterns) {
    const std::vector<std::string> matches = Matches(PatternFrom(report.file(), pattern.pattern));
    if (matches.empty()) {
      report.Error(pattern.position,
                   "no file matches '" + EscapeForLog(pattern.pattern, kShownPathBytesMax) + "'");
    }
    for (const std::string& match : matches) {
      files.insert(ResolvePath("", match));
    }
    if (files.size() > kTenantFilesMax) {
      report.Error(pattern.position,
                   "more than " + std::to_string(kTenantFilesMax) + " tenant files");
      return {};
    }
  }
  return files;
}

// What must be unique among all tenants. Of two, the one whose file comes later is left out.
class Registry final {
 public:
  void Check(const ParsedTenant& parsed, Report& report) {
    const TenantConfig& tenant = parsed.tenant;
    const auto named = names_.find(tenant.name);
    if (named != names_.end()) {
      report.Error(parsed.name_position, "the tenant '" + tenant.name + "' is already defined in " +
                                             EscapeForLog(named->second, kShownPathBytesMax));
    }
    std::set<std::string_view> own;
    for (size_t i = 0; i < tenant.tokens.size(); ++i) {
      const std::string& token = tenant.tokens[i].sha256;
      const auto held = tokens_.find(token);
      if (held != tokens_.end()) {
        report.Error(parsed.token_positions[i],
                     "the token also belongs to the tenant '" + held->second + "'");
      } else if (!own.insert(token).second) {
        report.Error(parsed.token_positions[i], "the token is given twice");
      }
    }
  }

  void Add(const TenantConfig& tenant) {
    names_.emplace(tenant.name, tenant.file);
    for (const Token& token : tenant.tokens) {
      tokens_.emplace(token.sha256, tenant.name);
    }
  }

 private:
  std::map<std::string, std::string> names_;   // Tenant to file.
  std::map<std::string, std::string> tokens_;  // Hash to tenant.
};

void LoadTenant(const std::string& file, References& references, Registry& registry,
                Loaded& loaded) {
  Report report(file, false);
  const Result<FileText> text = references.ReadFile(file, kFileBytesMax);
  if (!text.ok()) {
    report.Error({}, "cannot be read: " + text.status().message());
  } else if (std::optional<ParsedTenant> parsed = ParseTenant(text->bytes, references, report)) {
    registry.Check(*parsed, report);
    if (!report.failed()) {
      registry.Add(parsed->tenant);
      loaded.config->tenants.push_back(std::move(parsed->tenant));
    }
  }
  MoveProblems(report, loaded.problems);
}

}  // namespace

Loaded LoadConfig(const std::string& file, EnvironmentLookup environment) {
  Loaded loaded;
  SystemReferences references(environment);
  Report report(file, true);
  const Result<FileText> text = references.ReadFile(file, kFileBytesMax);
  if (!text.ok()) {
    report.Error({}, "cannot be read: " + text.status().message());
    MoveProblems(report, loaded.problems);
    return loaded;
  }
  ParsedMain parsed = ParseMain(text->bytes, references, report);
  const std::set<std::string> tenant_files = FindTenantFiles(parsed.tenants, report);
  const bool failed = report.failed();
  MoveProblems(report, loaded.problems);
  loaded.config = std::move(parsed.config);
  Registry registry;
  for (const std::string& tenant_file : tenant_files) {
    LoadTenant(tenant_file, references, registry, loaded);
  }
  if (failed) {
    loaded.config.reset();
  }
  return loaded;
}

}  // namespace mailhaul::config
