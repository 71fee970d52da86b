#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>
#include <string>
#include <utility>

#include "base/units.h"
#include "engine/app/commands.h"
#include "engine/app/exit_codes.h"
#include "engine/app/readers_lock.h"
#include "engine/app/runtime.h"
#include "store/audit/audit.h"

namespace mailhaul::app {
namespace {

// What was found out about the table files themselves.
struct FileCheck {
  bool checked = false;  // False: a running server replaces them meanwhile.
  std::string problem;
};

FileCheck CheckFiles(store::EmbeddedStore& records, store::AuditReport& report) {
  FileCheck check;
  const Status status = records.CheckFiles();
  check.checked = status.code() != Code::kNotFound;
  if (check.checked && !status.ok()) {
    report.Add("records", status.message());
  }
  return check;
}

boost::json::object ToJson(const store::AuditReport& report, const FileCheck& files,
                           uint64_t log_records_dropped) {
  boost::json::array findings;
  for (const store::AuditFinding& finding : report.findings) {
    findings.push_back(boost::json::object{{"place", finding.place}, {"problem", finding.problem}});
  }
  return {{"sound", report.sound()},
          {"tenants", report.tenants},
          {"mailboxes", report.mailboxes},
          {"messages", report.messages},
          {"rows", report.rows},
          {"bodies", report.bodies},
          {"body_bytes", report.body_bytes},
          {"leftover_bytes", report.leftover_bytes},
          {"log_records_dropped", log_records_dropped},
          {"files_checked", files.checked},
          {"problems", report.problems},
          {"findings", std::move(findings)}};
}

void PrintForPeople(const store::AuditReport& report, const FileCheck& files,
                    uint64_t log_records_dropped) {
  for (const store::AuditFinding& finding : report.findings) {
    std::printf("%s: %s\n", finding.place.c_str(), finding.problem.c_str());
  }
  if (report.problems > report.findings.size()) {
    std::printf("and %llu more\n",
                static_cast<unsigned long long>(report.problems - report.findings.size()));
  }
  std::printf(
      "%llu messages in %llu mailboxes of %llu tenants; %llu rows; %llu bodies, %s\n",
      static_cast<unsigned long long>(report.messages),
      static_cast<unsigned long long>(report.mailboxes),
      static_cast<unsigned long long>(report.tenants), static_cast<unsigned long long>(report.rows),
      static_cast<unsigned long long>(report.bodies), FormatByteSize(report.body_bytes).c_str());
  if (report.leftover_bytes > 0) {
    std::printf(
        "%s in segments belong to no message: what a crash or a deletion left, or mail that has "
        "arrived since\n",
        FormatByteSize(report.leftover_bytes).c_str());
  }
  if (log_records_dropped > 0) {
    std::printf(
        "the end of the log is damaged and was passed over: what was not acknowledged before a "
        "power cut, or else damage. Such mail is fetched again\n");
  }
  if (!files.checked) {
    std::printf("file checksums were left out: a running server replaces files meanwhile\n");
  }
  std::printf(report.sound() ? "sound\n" : "%llu problems\n",
              static_cast<unsigned long long>(report.problems));
}

void ShowProgress(const store::AuditReport& report) {
  std::fprintf(stderr, "\r%llu messages, %llu rows, %llu bodies ",
               static_cast<unsigned long long>(report.messages),
               static_cast<unsigned long long>(report.rows),
               static_cast<unsigned long long>(report.bodies));
}

}  // namespace

int RunVerify(const CommandOptions& options) {
  bool clean = false;
  std::optional<config::Config> config = LoadOrExplain(options, &clean);
  if (!config.has_value()) {
    return kExitUsage;
  }
  if (options.online) {
    return VerifyOnline(options, std::move(*config), clean);
  }
  store::PosixFileSystem files;
  const ReadersLock reading = ReadersLock::Share(config->data_dir);
  const std::string directory = config->data_dir + "/records";
  const Result<std::unique_ptr<store::EmbeddedStore>> records =
      store::OpenRocksDbReadOnly(directory);
  if (!records.ok()) {
    return ExplainFailure(records.status());
  }
  store::AuditOptions audit;
  audit.blob_directory = config->data_dir + "/blobs";
  const bool on_terminal = isatty(STDERR_FILENO) != 0;
  if (on_terminal) {
    audit.progress = ShowProgress;
  }
  Result<store::AuditReport> report = store::AuditStore(**records, files, audit);
  if (on_terminal) {
    std::fprintf(stderr, "\r%60s\r", "");
  }
  if (!report.ok()) {
    return ExplainFailure(report.status());
  }
  const FileCheck check = CheckFiles(**records, *report);
  const uint64_t dropped = (*records)->log_records_dropped();
  if (options.json) {
    std::printf("%s\n", boost::json::serialize(ToJson(*report, check, dropped)).c_str());
  } else {
    PrintForPeople(*report, check, dropped);
  }
  return report->sound() ? kExitDone : kExitStore;
}

}  // namespace mailhaul::app
