// One tenant file: a tenant, its tokens, schedule and mailboxes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/config/config.h"
#include "engine/config/references.h"
#include "engine/config/report.h"

namespace mailhaul::config {

inline constexpr size_t kTokensMax = 1000;
inline constexpr size_t kExcludedFoldersMax = 1000;

struct ParsedTenant {
  TenantConfig tenant;
  Position name_position;
  std::vector<Position> token_positions;            // One for each token.
  std::unordered_map<std::string, int> line_of_id;  // Of its mailboxes.
  struct {
    std::string path;  // "": none.
    Position position;
  } mailboxes_csv;
};

// `report` names the file. Nothing is returned when it has failed.
std::optional<ParsedTenant> ParseTenant(std::string_view text, const Providers& providers,
                                        References& references, Report& report);

}  // namespace mailhaul::config
