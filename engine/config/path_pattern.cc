#include "engine/config/path_pattern.h"

#include <glob.h>

#include <cerrno>
#include <string_view>
#include <system_error>

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

// glob(3) hands nothing of ours to its callback.
thread_local std::vector<UnreadableFolder>* unreadable_now = nullptr;

int OnUnreadable(const char* path, int error) {
  if (unreadable_now != nullptr && error != ENOENT && error != ENOTDIR) {
    unreadable_now->push_back({.path = path, .why = std::generic_category().message(error)});
  }
  return 0;  // Goes on with the others.
}

}  // namespace

std::vector<std::string> MatchesOf(const std::string& pattern, const std::string& file,
                                   std::vector<UnreadableFolder>* unreadable) {
  glob_t found{};
  std::vector<std::string> paths;
  unreadable_now = unreadable;
  if (glob(PatternFrom(file, pattern).c_str(), GLOB_NOSORT, &OnUnreadable, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  unreadable_now = nullptr;
  globfree(&found);
  return paths;
}

}  // namespace mailhaul::config
