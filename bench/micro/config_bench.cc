// Loading a tenant with many mailboxes: from the bytes of the table to the checked configuration.
#include <benchmark/benchmark.h>

#include <string>

#include "base/check.h"
#include "engine/config/load_providers.h"
#include "engine/config/mailboxes_csv.h"

namespace mailhaul::config {
namespace {

class NoReferences final : public References {
 public:
  const char* Environment(const std::string& /*name*/) override { return nullptr; }
  Result<FileText> ReadFile(const std::string& /*path*/, size_t /*bytes_max*/) override {
    return Status(Code::kInvalidArgument, "no such file");
  }
};

void BM_MailboxesCsv(benchmark::State& state) {
  std::string text = "id,address,protocol,host,port,security,username,password\r\n";
  for (int64_t i = 0; i < state.range(0); ++i) {
    const std::string name = "user" + std::to_string(i);
    text += name + "," + name + "@acme.example,imap,imap.acme.example,993,tls," + name +
            ",\"secret, " + name + "\"\r\n";
  }
  const Providers providers = LoadBuiltinProviders();
  NoReferences references;
  for ([[maybe_unused]] auto step : state) {
    Report report("acme.csv", false);
    ParsedTenant parsed;
    ParseMailboxesCsv(text, providers, references, report, parsed);
    MH_CHECK(!report.failed() &&
             parsed.tenant.mailboxes.size() == static_cast<size_t>(state.range(0)));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_MailboxesCsv)->Arg(1000)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mailhaul::config
