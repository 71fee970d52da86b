// ASSERT_* returns from a plain function; these return from a coroutine of Task<void>.
#pragma once

#include <gtest/gtest.h>

#define CO_ASSERT_TRUE(condition)                \
  if (!(condition)) {                            \
    ADD_FAILURE() << "expected: " << #condition; \
    co_return;                                   \
  }
#define CO_ASSERT_OK(result)                                          \
  if (!(result).ok()) {                                               \
    ADD_FAILURE() << #result << ": " << (result).status().ToString(); \
    co_return;                                                        \
  }
