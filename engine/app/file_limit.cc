#include "engine/app/file_limit.h"

#include <sys/resource.h>

#include <algorithm>

namespace mailhaul::app {
namespace {

constexpr rlim_t kFilesWanted = 65'536;

}  // namespace

void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kFilesWanted) {
    return;
  }
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, kFilesWanted));
  static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
}

}  // namespace mailhaul::app
