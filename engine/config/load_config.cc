#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "engine/config/config.h"
#include "engine/config/fingerprint.h"
#include "engine/config/load_providers.h"
#include "engine/config/load_tenants.h"
#include "engine/config/main_file.h"
#include "engine/config/path_pattern.h"
#include "engine/config/references.h"
#include "engine/config/report.h"

namespace mailhaul::config {
namespace {

bool IsAnyFatal(const std::vector<Problem>& problems) {
  return std::any_of(problems.begin(), problems.end(),
                     [](const Problem& problem) { return problem.fatal; });
}

// In bytewise order of their paths, each once: the same files always load in the same order. What
// lies in the folders of `refused`, which end with "/", is not known.
std::set<std::string> FindTenantFiles(const std::vector<PathPattern>& patterns, Report& report,
                                      std::vector<std::string>& refused) {
  std::set<std::string> files;
  for (const PathPattern& pattern : patterns) {
    std::vector<UnreadableFolder> unreadable;
    const std::vector<std::string> matches = MatchesOf(pattern.pattern, report.file(), &unreadable);
    for (const UnreadableFolder& folder : unreadable) {
      refused.push_back(ResolvePath("", folder.path + "/"));
      report.Warning(pattern.position, "tenant files in " +
                                           EscapeForLog(folder.path, kShownPathBytesMax) +
                                           " are left out, it cannot be read: " + folder.why);
    }
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

// Remembers what was read.
class HashingReferences final : public References {
 public:
  explicit HashingReferences(References& references) : references_(references) {}
  const char* Environment(const std::string& name) override {
    return references_.Environment(name);
  }
  Result<FileText> ReadFile(const std::string& path, size_t bytes_max) override {
    Result<FileText> read = references_.ReadFile(path, bytes_max);
    texts_.push_back(path);
    texts_.push_back(read.ok() ? read->bytes : std::string());
    return read;
  }
  std::string Fingerprint() const { return FingerprintOf(texts_); }

 private:
  References& references_;
  std::vector<std::string> texts_;
};

}  // namespace

Loaded LoadConfig(const std::string& file, EnvironmentLookup environment) {
  return LoadWith({.file = file, .environment = environment});
}

Loaded LoadWith(const LoadRequest& request) {
  Loaded loaded;
  SystemReferences references(request.environment);
  Report report(request.file, true);
  const Result<FileText> text = references.ReadFile(request.file, kFileBytesMax);
  if (!text.ok()) {
    report.Error({}, "cannot be read: " + text.status().message());
    report.MoveTo(loaded.problems);
    return loaded;
  }
  ParsedMain parsed = ParseMain(text->bytes, references, report);
  const std::set<std::string> tenant_files =
      FindTenantFiles(parsed.tenants, report, parsed.config.refused);
  parsed.config.watched.main = request.file;
  for (const PathPattern& pattern : parsed.tenants) {
    parsed.config.watched.patterns.push_back(pattern.pattern);
  }
  std::vector<Problem> of_providers;
  HashingReferences of_profiles(references);
  parsed.config.providers = LoadProviders(parsed.providers, of_profiles, report, of_providers);
  parsed.config.providers_fingerprint = of_profiles.Fingerprint();
  FinishHosts(parsed, report);
  report.WarnOfInlineSecrets(text->readable_by_others);
  const bool failed = report.failed() || IsAnyFatal(of_providers);
  report.MoveTo(loaded.problems);
  std::move(of_providers.begin(), of_providers.end(), std::back_inserter(loaded.problems));
  loaded.config = std::move(parsed.config);
  LoadTenants(request, tenant_files, references, loaded);
  if (failed) {
    loaded.config.reset();
  }
  return loaded;
}

}  // namespace mailhaul::config
