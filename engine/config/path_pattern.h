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

struct UnreadableFolder {
  std::string path;
  std::string why;
};

// What exists and matches, in no order. `file` names the pattern; its folder is taken literally,
// whatever characters of glob(7) it contains. `unreadable`, if not null: folders that may hold
// matches and cannot be read are added. Blocks on disk.
std::vector<std::string> MatchesOf(const std::string& pattern, const std::string& file,
                                   std::vector<UnreadableFolder>* unreadable = nullptr);

}  // namespace mailhaul::config
