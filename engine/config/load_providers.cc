#include "engine/config/load_providers.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "engine/config/provider_file.h"
#include "engine/config/report.h"

namespace mailhaul::config {
namespace {

std::set<std::string> FindFiles(const std::vector<PathPattern>& patterns, Report& report) {
  std::set<std::string> files;
  for (const PathPattern& pattern : patterns) {
    const std::vector<std::string> matches = MatchesOf(pattern.pattern, report.file());
    if (matches.empty()) {
      report.Error(pattern.position,
                   "no file matches '" + EscapeForLog(pattern.pattern, kShownPathBytesMax) + "'");
    }
    for (const std::string& match : matches) {
      std::error_code ignored;
      if (!std::filesystem::is_directory(match, ignored)) {
        files.insert(ResolvePath("", match));
        continue;
      }
      for (const std::string& file : MatchesOf("*.yaml", match + "/")) {
        files.insert(ResolvePath("", file));
      }
    }
    if (files.size() > kProviderFilesMax) {
      report.Error(pattern.position,
                   "more than " + std::to_string(kProviderFilesMax) + " provider files");
      return {};
    }
  }
  return files;
}

// What another of the given profiles claims already.
void CheckClaims(const ProviderProfile& profile, const Providers& others, Report& report) {
  const auto claim = [&](const char* what, const std::string& value, Providers::Profile holder) {
    if (holder != nullptr) {
      report.Error({}, std::string(what) + " '" + value + "' also belongs to the provider '" +
                           holder->name + "'");
    }
  };
  claim("the name", profile.name, others.ByName(profile.name));
  for (const std::string& domain : profile.domains) {
    claim("the domain", domain, others.ByDomain(domain));
  }
  for (const std::string& host : profile.hosts) {
    claim("the host", host, others.ByServer(host));
  }
  for (const auto* server : {&profile.imap, &profile.pop3, &profile.smtp}) {
    if (server->has_value()) {
      claim("the host", (*server)->host, others.ByServer((*server)->host));
    }
  }
}

void LoadFile(const std::string& file, References& references, Providers& own, Report& report) {
  const Result<FileText> text = references.ReadFile(file, kFileBytesMax);
  if (!text.ok()) {
    report.Error({}, "cannot be read: " + text.status().message());
    return;
  }
  std::optional<ProviderProfile> profile = ParseProvider(text->bytes, report);
  if (profile) {
    CheckClaims(*profile, own, report);
    own.Add(*std::move(profile));
  }
}

}  // namespace

Providers LoadBuiltinProviders() {
  Providers providers;
  for (const BuiltinProvider& builtin : BuiltinProviders()) {
    Report report(builtin.file, true);
    std::optional<ProviderProfile> profile = ParseProvider(builtin.text, report);
    MH_CHECK(profile.has_value());
    providers.Add(*std::move(profile));
  }
  return providers;
}

std::shared_ptr<const Providers> LoadProviders(const std::vector<PathPattern>& patterns,
                                               References& references, Report& report,
                                               std::vector<Problem>& problems) {
  Providers own;
  for (const std::string& file : FindFiles(patterns, report)) {
    Report of_file(file, true);
    LoadFile(file, references, own, of_file);
    std::vector<Problem> found = of_file.Take();
    std::move(found.begin(), found.end(), std::back_inserter(problems));
  }
  auto all = std::make_shared<Providers>(LoadBuiltinProviders());
  for (const auto& [name, profile] : own.profiles()) {
    all->Add(*profile);
  }
  return all;
}

}  // namespace mailhaul::config
