// Paths and glob(7) patterns that the main file names other files with.
#pragma once

#include <string>
#include <vector>

#include "engine/config/report.h"

namespace mailhaul::config {

struct PathPattern {
  std::string pattern;  // As written, relative to the main file.
  Position position;
};

// What exists and matches, in no order. `file` names the pattern; its folder is taken literally,
// whatever characters of glob(7) it contains. Blocks on disk.
std::vector<std::string> MatchesOf(const std::string& pattern, const std::string& file);

}  // namespace mailhaul::config
