# Warnings, hardening and sanitizers for every target of the project.
add_compile_options(-Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  -Wcast-qual -Woverloaded-virtual -Wunused -Wimplicit-fallthrough -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these inside coroutines and libstdc++ where nothing is wrong (GCC PR 105562,
  # 105329).
  add_compile_options(-Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow
    -Wno-array-bounds -Wno-dangling-pointer -Wno-mismatched-new-delete -Wno-free-nonheap-object)
endif()
add_link_options(-fuse-ld=mold)

if(MAILHAUL_SANITIZE)
  # clang 14 cannot emit the function check for coroutines in headers.
  add_compile_options(-fsanitize=${MAILHAUL_SANITIZE} -fno-sanitize=function
    -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MAILHAUL_SANITIZE})
else()
  add_compile_options(-fstack-protector-strong)
  add_compile_definitions($<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
add_compile_definitions(_GLIBCXX_ASSERTIONS)
# Modules end up in programs only; one setting for both lets them share precompiled headers.
add_compile_options(-fPIE)
add_link_options(-pie)
if(MAILHAUL_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
