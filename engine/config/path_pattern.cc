#include "engine/config/path_pattern.h"

#include <glob.h>

#include <string_view>

namespace mailhaul::config {
namespace {

std::string PatternFrom(const std::string& file, const std::string& pattern) {
  if (pattern.starts_with('/')) {
    return pattern;
  }
  const size_t slash = file.rfind('/');
  std::string escaped;
  for (const char c : file.substr(0, slash == std::string::npos ? 0 : slash + 1)) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) {
      escaped.push_back('\\');
    }
    escaped.push_back(c);
  }
  return escaped + pattern;
}

}  // namespace

std::vector<std::string> MatchesOf(const std::string& pattern, const std::string& file) {
  glob_t found{};
  std::vector<std::string> paths;
  if (glob(PatternFrom(file, pattern).c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  globfree(&found);
  return paths;
}

}  // namespace mailhaul::config
