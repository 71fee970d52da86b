// One mailbox, as an entry of `mailboxes` or a row of `mailboxes_csv` describes it.
#pragma once

#include <string>
#include <string_view>

#include "engine/config/config.h"
#include "engine/config/map_reader.h"
#include "engine/config/references.h"

namespace mailhaul::config {

// `key` of `reader`, which must be there, as a name of tenant or mailbox. Returns whether `out` was
// set.
bool ReadName(const MapReader& reader, std::string_view key, size_t bytes_max, Report& report,
              std::string& out);

// Usable only if !report.failed().
MailboxConfig ReadMailbox(const Node& node, const Providers& providers, References& references,
                          Report& report);

}  // namespace mailhaul::config
