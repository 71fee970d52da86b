// Configuration text: the first byte chooses the kind of file, the rest is the file.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "engine/config/main_file.h"
#include "engine/config/map_reader.h"
#include "engine/config/tenant_file.h"

namespace mailhaul::config {
namespace {

class FixedReferences final : public References {
 public:
  const char* Environment(const std::string& name) override {
    return name.size() % 2 == 0 ? "value" : nullptr;
  }
  Result<FileText> ReadFile(const std::string& path, size_t /*bytes_max*/) override {
    if (path.size() % 2 == 0) {
      return FileText{"content\n", true};
    }
    return Status(Code::kInvalidArgument, "no such file");
  }
};

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

void ParseOne(bool main_file, std::string_view text) {
  FixedReferences references;
  Report report("file.yaml", main_file);
  if (main_file) {
    const ParsedMain parsed = ParseMain(text, references, report);
    MH_CHECK(report.failed() || (!parsed.config.data_dir.empty() && !parsed.tenants.empty()));
  } else {
    const std::optional<ParsedTenant> parsed = ParseTenant(text, references, report);
    MH_CHECK(parsed.has_value() != report.failed());
    MH_CHECK(!parsed || parsed->tenant.tokens.size() == parsed->token_positions.size());
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
  mailhaul::config::ParseOne(data[0] % 2 == 0, text);
  return 0;
}
