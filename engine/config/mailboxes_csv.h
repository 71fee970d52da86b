// The mailboxes of a tenant as a table (`mailboxes_csv`): one row each, under a row that names the
// columns. A row means what the entry of `mailboxes` with the same values means.
#pragma once

#include <string_view>

#include "engine/config/references.h"
#include "engine/config/report.h"
#include "engine/config/tenant_file.h"

namespace mailhaul::config {

inline constexpr size_t kCsvBytesMax = size_t{256} << 20;
inline constexpr size_t kCsvRowsMax = 1'000'000;

// Adds the mailboxes of `text` to those of `parsed`, whose ids are taken. `report` names the CSV
// file. Usable only if !report.failed().
void ParseMailboxesCsv(std::string_view text, const Providers& providers, References& references,
                       Report& report, ParsedTenant& parsed);

}  // namespace mailhaul::config
