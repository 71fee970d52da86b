# Debian 12 packages; the list with licences stands in docs/dependencies.md.
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(CARES REQUIRED IMPORTED_TARGET libcares)
pkg_check_modules(GMIME REQUIRED IMPORTED_TARGET gmime-3.0)
find_package(CURL 7.85 REQUIRED)
find_package(TBB REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_library(ROCKSDB_LIBRARY rocksdb REQUIRED)
find_program(FLATC flatc REQUIRED)

# Third-party headers are not ours to mend: include them as system headers.
foreach(target PkgConfig::UV PkgConfig::CARES PkgConfig::GMIME)
  get_target_property(dirs ${target} INTERFACE_INCLUDE_DIRECTORIES)
  if(dirs)
    set_target_properties(${target} PROPERTIES INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${dirs}")
  endif()
endforeach()
# GLib asks for what g++ and clang define on Linux anyway; asked for twice it would make the
# precompiled headers invalid.
set_target_properties(PkgConfig::GMIME PROPERTIES INTERFACE_COMPILE_OPTIONS "")
