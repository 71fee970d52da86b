#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace mailhaul {

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "mailhaul: internal error: %s is false at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace mailhaul
