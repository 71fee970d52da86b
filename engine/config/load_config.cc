#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "engine/config/config.h"
#include "engine/config/load_providers.h"
#include "engine/config/mailboxes_csv.h"
#include "engine/config/main_file.h"
#include "engine/config/path_pattern.h"
#include "engine/config/references.h"
#include "engine/config/tenant_file.h"

namespace mailhaul::config {
namespace {

constexpr size_t kShownPathBytesMax = 4096;

void MoveProblems(Report& report, std::vector<Problem>& out) {
  std::vector<Problem> problems = report.Take();
  std::move(problems.begin(), problems.end(), std::back_inserter(out));
}

bool IsAnyFatal(const std::vector<Problem>& problems) {
  return std::any_of(problems.begin(), problems.end(),
                     [](const Problem& problem) { return problem.fatal; });
}

// In bytewise order of their paths, each once: the same files always load in the same order.
std::set<std::string> FindTenantFiles(const std::vector<PathPattern>& patterns, Report& report) {
  std::set<std::string> files;
  for (const PathPattern& pattern : patterns) {
    const std::vector<std::string> matches = MatchesOf(pattern.pattern, report.file());
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

// Problems of the table come after those of the tenant file. Whether all is good.
bool LoadMailboxesCsv(const Providers& providers, References& references, Report& report,
                      ParsedTenant& parsed, std::vector<Problem>& problems) {
  const std::string& path = parsed.mailboxes_csv.path;
  if (path.empty()) {
    return true;
  }
  const Result<FileText> text = references.ReadFile(path, kCsvBytesMax);
  if (!text.ok()) {
    report.Error(parsed.mailboxes_csv.position, CannotRead(path, text.status()));
    return false;
  }
  Report of_table(path, false);
  ParseMailboxesCsv(text->bytes, providers, references, of_table, parsed);
  of_table.WarnOfInlineSecrets(text->readable_by_others);
  const bool good = !of_table.failed();
  MoveProblems(of_table, problems);
  return good;
}

void LoadTenant(const std::string& file, References& references, Registry& registry,
                Loaded& loaded) {
  Report report(file, false);
  std::vector<Problem> of_table;
  const Result<FileText> text = references.ReadFile(file, kFileBytesMax);
  if (!text.ok()) {
    report.Error({}, "cannot be read: " + text.status().message());
  } else if (std::optional<ParsedTenant> parsed =
                 ParseTenant(text->bytes, *loaded.config->providers, references, report)) {
    registry.Check(*parsed, report);
    const bool table_good =
        LoadMailboxesCsv(*loaded.config->providers, references, report, *parsed, of_table);
    if (!report.failed() && table_good) {
      registry.Add(parsed->tenant);
      loaded.config->tenants.push_back(std::move(parsed->tenant));
    }
  }
  report.WarnOfInlineSecrets(text.ok() && text->readable_by_others);
  MoveProblems(report, loaded.problems);
  std::move(of_table.begin(), of_table.end(), std::back_inserter(loaded.problems));
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
  std::vector<Problem> of_providers;
  parsed.config.providers = LoadProviders(parsed.providers, references, report, of_providers);
  FinishHosts(parsed, report);
  report.WarnOfInlineSecrets(text->readable_by_others);
  const bool failed = report.failed() || IsAnyFatal(of_providers);
  MoveProblems(report, loaded.problems);
  std::move(of_providers.begin(), of_providers.end(), std::back_inserter(loaded.problems));
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
