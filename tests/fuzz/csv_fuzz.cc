// Tables of mailboxes: the reader of CSV, and what the rows mean.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "engine/config/csv_reader.h"
#include "engine/config/mailboxes_csv.h"
#include "engine/config/map_reader.h"
#include "tests/fuzz/fixed_references.h"

namespace mailhaul::config {
namespace {

// What is written with every value in quotes reads as the same rows.
void CheckRoundTrip(const std::vector<std::vector<std::string>>& rows) {
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      text += i == 0 ? "\"" : ",\"";
      for (const char c : row[i]) {
        text += c == '"' ? std::string("\"\"") : std::string(1, c);
      }
      text += '"';
    }
    text += "\r\n";
  }
  Report report("again.csv", false);
  CsvReader reader(text, report);
  std::vector<CsvCell> row;
  for (const std::vector<std::string>& expected : rows) {
    MH_CHECK(reader.Next(row) && row.size() == expected.size());
    for (size_t i = 0; i < row.size(); ++i) {
      MH_CHECK(row[i].text == expected[i]);
    }
  }
  MH_CHECK(!reader.Next(row) && !report.failed());
}

void Read(std::string_view text) {
  Report report("file.csv", false);
  CsvReader reader(text, report);
  std::vector<CsvCell> row;
  std::vector<std::vector<std::string>> rows;
  Position last;
  while (reader.Next(row)) {
    MH_CHECK(!row.empty() && row.size() <= kCsvColumnsMax && row.front().position.line > last.line);
    rows.emplace_back();
    for (const CsvCell& cell : row) {
      MH_CHECK(cell.text.size() <= kCsvCellBytesMax && cell.position.column >= 1);
      rows.back().push_back(cell.text);
    }
    last = row.back().position;
  }
  CheckRoundTrip(rows);
}

void Parse(std::string_view text) {
  FixedReferences references;
  Report report("file.csv", false);
  ParsedTenant parsed;
  parsed.tenant.name = "a";
  parsed.tenant.file = "a.yaml";
  parsed.line_of_id.emplace("taken", 1);
  ParseMailboxesCsv(text, Builtin(), references, report, parsed);
  const bool failed = report.failed();
  const std::vector<Problem> problems = report.Take();
  MH_CHECK(!failed || !problems.empty());
  MH_CHECK(problems.size() <= kProblemsPerFileMax + 1);
  for (const Problem& problem : problems) {
    MH_CHECK(!problem.message.empty() && !HasControlCharacter(problem.message));
    MH_CHECK(IsValidUtf8(problem.message));
  }
  if (failed) {
    return;
  }
  std::unordered_set<std::string_view> ids = {"taken"};
  for (const MailboxConfig& mailbox : parsed.tenant.mailboxes) {
    MH_CHECK(ids.insert(mailbox.id).second);
    MH_CHECK(!mailbox.pool.empty());
    MH_CHECK(mailbox.source.password.empty() == mailbox.source.oauth2.has_value());
  }
}

}  // namespace
}  // namespace mailhaul::config

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  mailhaul::config::Read(text);
  mailhaul::config::Parse(text);
  return 0;
}
