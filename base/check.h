// Programmer errors: conditions that no input from outside can cause.
//
// MH_CHECK is on in every build. It prints the condition and the place, then aborts: a store that
// goes on after a broken invariant is worse than a process that restarts.
#pragma once

namespace mailhaul {

[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace mailhaul

#define MH_CHECK(condition)                                    \
  do {                                                         \
    if (!(condition)) [[unlikely]] {                           \
      ::mailhaul::CheckFailed(#condition, __FILE__, __LINE__); \
    }                                                          \
  } while (false)
