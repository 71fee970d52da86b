# What nearly every source includes, compiled once: halves the time of a build. One header set for
# modules and programs, one with GoogleTest for tests.
set(MAILHAUL_COMMON_HEADERS <algorithm> <array> <atomic> <chrono> <coroutine> <cstdint> <deque>
  <functional> <map> <memory> <mutex> <optional> <set> <span> <string> <string_view>
  <unordered_map> <utility> <vector>)
file(WRITE ${PROJECT_BINARY_DIR}/empty.cc "")
add_library(common_headers STATIC ${PROJECT_BINARY_DIR}/empty.cc)
target_precompile_headers(common_headers PRIVATE ${MAILHAUL_COMMON_HEADERS})
add_library(test_headers STATIC ${PROJECT_BINARY_DIR}/empty.cc)
target_link_libraries(test_headers PRIVATE GTest::gtest)
target_precompile_headers(test_headers PRIVATE ${MAILHAUL_COMMON_HEADERS} <gtest/gtest.h>)

# mailhaul_module(NAME SOURCES a.cc b.cc DEPENDS other modules and libraries)
# A static library of one folder. Includes are written from the root of the tree; which folder may
# include which is checked by tools/tidy.py.
function(mailhaul_module name)
  cmake_parse_arguments(M "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(mh_${name} STATIC ${M_SOURCES})
  target_include_directories(mh_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(mh_${name} PUBLIC ${M_DEPENDS})
  target_precompile_headers(mh_${name} REUSE_FROM common_headers)
endfunction()

# mailhaul_test(NAME SOURCES a_test.cc DEPENDS modules): one GoogleTest program, found by ctest.
function(mailhaul_test name)
  cmake_parse_arguments(T "" "TIMEOUT;LABELS" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${T_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${T_DEPENDS} GTest::gtest GTest::gtest_main)
  target_precompile_headers(${name} REUSE_FROM test_headers)
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 300)
  endif()
  if(NOT T_LABELS)
    set(T_LABELS unit)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${T_TIMEOUT} LABELS ${T_LABELS})
endfunction()

# mailhaul_fuzzer(NAME SOURCES x_fuzz.cc DEPENDS modules): only with MAILHAUL_FUZZ.
function(mailhaul_fuzzer name)
  cmake_parse_arguments(F "" "" "SOURCES;DEPENDS" ${ARGN})
  if(MAILHAUL_FUZZ)
    add_executable(${name} ${F_SOURCES})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${F_DEPENDS})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  endif()
endfunction()
