// Configuration text: the first byte chooses the kind of file, the rest is the file; or the body
// that adds a mailbox.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "engine/config/added_mailbox.h"
#include "engine/config/main_file.h"
#include "engine/config/map_reader.h"
#include "engine/config/provider_file.h"
#include "engine/config/tenant_file.h"
#include "tests/fuzz/fixed_references.h"

namespace mailhaul::config {
namespace {

// What everybody who shows problems relies on.
void CheckProblems(Report& report, std::string_view text) {
  const bool failed = report.failed();
  const std::vector<Problem> problems = report.Take();
  MH_CHECK(!failed || !problems.empty());
  MH_CHECK(problems.size() <= kProblemsPerFileMax + 1);
  for (const Problem& problem : problems) {
    MH_CHECK(!problem.message.empty() && !HasControlCharacter(problem.message));
    MH_CHECK(problem.line >= 0 && static_cast<size_t>(problem.line) <= text.size() + 1);
    MH_CHECK(problem.line == 0 || problem.column >= 1);
  }
}

void ParseMainFile(std::string_view text, References& references, Report& report) {
  ParsedMain parsed = ParseMain(text, references, report);
  parsed.config.providers = std::make_shared<const Providers>(Builtin());
  FinishHosts(parsed, report);
  MH_CHECK(report.failed() || (!parsed.config.data_dir.empty() && !parsed.tenants.empty()));
  for (const HostEntry& entry : parsed.hosts) {
    const HostLimits limits = parsed.config.LimitsOf(entry.host);
    MH_CHECK(limits.connections_per_mailbox <= limits.connections);
  }
}

void ParseTenantFile(std::string_view text, References& references, Report& report) {
  const std::optional<ParsedTenant> parsed = ParseTenant(text, Builtin(), references, report);
  MH_CHECK(parsed.has_value() != report.failed());
  if (!parsed) {
    return;
  }
  MH_CHECK(parsed->tenant.tokens.size() == parsed->token_positions.size());
  for (const MailboxConfig& mailbox : parsed->tenant.mailboxes) {
    MH_CHECK(!mailbox.pool.empty());
    MH_CHECK(mailbox.source.password.empty() == mailbox.source.oauth2.has_value());
  }
}

void ParseProviderFile(std::string_view text, Report& report) {
  std::optional<ProviderProfile> profile = ParseProvider(text, report);
  MH_CHECK(profile.has_value() != report.failed());
  if (profile) {
    Providers providers = Builtin();
    const std::string name = profile->name;
    const std::vector<std::string> domains = profile->domains;
    providers.Add(*std::move(profile));
    MH_CHECK(domains.empty() || providers.ByDomain(domains.front())->name == name);
  }
}

// What is taken comes back as it was.
void ParseBody(std::string_view text) {
  const auto read = ReadMailboxBody(text, "", Builtin());
  if (const RefusedBody* refused = std::get_if<RefusedBody>(&read)) {
    MH_CHECK(!refused->problems.empty());
    for (const FieldProblem& problem : refused->problems) {
      MH_CHECK(!problem.message.empty() && !HasControlCharacter(problem.message));
      MH_CHECK(!HasControlCharacter(problem.field));
    }
    return;
  }
  const MailboxConfig& mailbox = std::get<MailboxConfig>(read);
  MH_CHECK(mailbox.added && !mailbox.pool.empty());
  MH_CHECK(mailbox.source.password.empty() == mailbox.source.oauth2.has_value());
  if (!mailbox.source.host.empty()) {
    const auto again = DecodeAdded(EncodeAdded(text, mailbox), mailbox.id, Builtin());
    MH_CHECK(again.ok() && again->fingerprint == mailbox.fingerprint);
  }
}

void ParseOne(uint8_t kind, std::string_view text) {
  if (kind == 3) {
    ParseBody(text);
    return;
  }
  FixedReferences references;
  Report report("file.yaml", kind == 0);
  if (kind == 0) {
    ParseMainFile(text, references, report);
  } else if (kind == 1) {
    ParseTenantFile(text, references, report);
  } else {
    ParseProviderFile(text, report);
  }
  CheckProblems(report, text);
}

}  // namespace
}  // namespace mailhaul::config

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  mailhaul::config::ParseOne(data[0] % 4, text);
  return 0;
}
