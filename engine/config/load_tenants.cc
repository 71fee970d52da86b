#include "engine/config/load_tenants.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "engine/config/fingerprint.h"
#include "engine/config/mailboxes_csv.h"
#include "engine/config/report.h"
#include "engine/config/tenant_file.h"

namespace mailhaul::config {
namespace {

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

  // Of what it holds already, nothing changes hands.
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

// Those of tenants in force first; in each part in bytewise order of their paths.
std::vector<std::string> InOrder(const std::set<std::string>& files,
                                 const std::map<std::string, const TenantConfig*>& in_force) {
  std::vector<std::string> ordered;
  for (const bool known : {true, false}) {
    std::copy_if(
        files.begin(), files.end(), std::back_inserter(ordered),
        [&in_force, known](const std::string& file) { return in_force.contains(file) == known; });
  }
  return ordered;
}

class TenantLoader final {
 public:
  TenantLoader(const Providers& providers, References& references, Loaded& loaded)
      : providers_(providers), references_(references), loaded_(loaded) {}

  // `before`: the tenant that the file has given until now, or null.
  void Load(const std::string& file, const TenantConfig* before) {
    Report report(file, false);
    std::vector<Problem> of_table;
    const Result<FileText> text = references_.ReadFile(file, kFileBytesMax);
    bool good = false;
    if (!text.ok()) {
      report.Error({}, "cannot be read: " + text.status().message());
    } else if (std::optional<ParsedTenant> parsed =
                   ParseTenant(text->bytes, providers_, references_, report)) {
      registry_.Check(*parsed, report);
      good = LoadTable(report, *parsed, of_table) && !report.failed();
      if (good) {
        SetFingerprints(parsed->tenant);
        registry_.Add(parsed->tenant);
        loaded_.config->tenants.push_back(std::move(parsed->tenant));
      }
    }
    if (!good) {
      loaded_.config->refused.push_back(file);
    }
    if (!good && before != nullptr) {
      registry_.Add(*before);
    }
    report.WarnOfInlineSecrets(text.ok() && text->readable_by_others);
    report.MoveTo(loaded_.problems);
    std::move(of_table.begin(), of_table.end(), std::back_inserter(loaded_.problems));
  }

 private:
  // Problems of the table come after those of the tenant file. Whether all is good.
  bool LoadTable(Report& report, ParsedTenant& parsed, std::vector<Problem>& problems) {
    const std::string& path = parsed.mailboxes_csv.path;
    if (path.empty()) {
      return true;
    }
    loaded_.config->watched.tables.push_back(path);
    const Result<FileText> text = references_.ReadFile(path, kCsvBytesMax);
    if (!text.ok()) {
      report.Error(parsed.mailboxes_csv.position, CannotRead(path, text.status()));
      return false;
    }
    Report of_table(path, false);
    ParseMailboxesCsv(text->bytes, providers_, references_, of_table, parsed);
    of_table.WarnOfInlineSecrets(text->readable_by_others);
    const bool good = !of_table.failed();
    of_table.MoveTo(problems);
    return good;
  }

  const Providers& providers_;
  References& references_;
  Loaded& loaded_;
  Registry registry_;
};

}  // namespace

void LoadTenants(const LoadRequest& request, const std::set<std::string>& files,
                 References& references, Loaded& loaded) {
  std::map<std::string, const TenantConfig*> in_force;  // By file.
  if (request.in_force != nullptr) {
    for (const auto& [name, tenant] : *request.in_force) {
      in_force.emplace(tenant->file, tenant.get());
    }
  }
  const std::shared_ptr<const Providers> providers =
      request.providers != nullptr ? request.providers : loaded.config->providers;
  TenantLoader loader(*providers, references, loaded);
  for (const std::string& file : InOrder(files, in_force)) {
    const auto before = in_force.find(file);
    loader.Load(file, before == in_force.end() ? nullptr : before->second);
  }
}

}  // namespace mailhaul::config
