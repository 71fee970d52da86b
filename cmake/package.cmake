# What is installed, and the Debian package: `./dev package`, or cpack in a build folder.
# The program and its manual alone are needed, not the tests.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)
include(GNUInstallDirs)

install(TARGETS mailhaul RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES docs/architecture.md docs/configuration.md docs/http.md docs/operations.md README.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
# Whole profiles to copy from: those that are used are compiled into the program.
install(DIRECTORY configs/providers configs/schema configs/tenants packaging/grafana
  packaging/prometheus DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES configs/example.yaml DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

# Debian's policy wants these compressed, and the same bytes from the same input.
find_program(GZIP gzip REQUIRED)
function(mailhaul_install_compressed input name folder)
  set(output ${PROJECT_BINARY_DIR}/packaging/${name}.gz)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/packaging
    COMMAND ${GZIP} -9nc ${input} > ${output}
    DEPENDS ${input} ${ARGN} VERBATIM)
  add_custom_target(compressed_${name} ALL DEPENDS ${output})
  install(FILES ${output} DESTINATION ${folder})
endfunction()
set(debian ${PROJECT_SOURCE_DIR}/packaging/debian)
mailhaul_install_compressed(${PROJECT_BINARY_DIR}/mailhaul.1 mailhaul.1
  ${CMAKE_INSTALL_MANDIR}/man1 manual)
mailhaul_install_compressed(${debian}/changelog changelog ${CMAKE_INSTALL_DOCDIR})
add_custom_target(installed DEPENDS mailhaul compressed_mailhaul.1 compressed_changelog)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME mailhaul)
set(CPACK_PACKAGE_CONTACT
  "Seed ea76fc6a maintainers <maintainers@users.noreply.r-seed-ea76fc6a.example>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "collects mail of many mailboxes and serves it over HTTP")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"mailhaul copies mail from other people's IMAP and POP3 servers into one place
and serves it over HTTP, with search and change streams. It collects many
mailboxes of many tenants at once, keeps every message byte for byte, fetches
what is new first, stays inside the limits that each server sets, and sends
mail through the mailboxes' own servers.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION mail)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_THREADS 0)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS
  "adduser, debconf (>= 0.5) | debconf-2.0, init-system-helpers (>= 1.54)")
# Authorities that sign mail servers' certificates.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
foreach(name IN ITEMS conffiles templates postinst prerm postrm)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${debian}/${name})
endforeach()

# Of the package alone: `cmake --install` puts nothing outside its prefix.
function(mailhaul_install_debian)
  install(${ARGN} COMPONENT Debian EXCLUDE_FROM_ALL)
endfunction()
mailhaul_install_debian(FILES ${debian}/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
mailhaul_install_debian(FILES ${debian}/lintian-overrides DESTINATION share/lintian/overrides
  RENAME mailhaul)
mailhaul_install_debian(FILES packaging/mailhaul.service DESTINATION /lib/systemd/system)
mailhaul_install_debian(FILES ${debian}/mailhaul.yaml DESTINATION /etc/mailhaul)
mailhaul_install_debian(DIRECTORY DESTINATION /etc/mailhaul/tenants)
mailhaul_install_debian(DIRECTORY DESTINATION /etc/mailhaul/secrets)
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};mailhaul;ALL;/"
  "${PROJECT_BINARY_DIR};mailhaul;Debian;/")
include(CPack)
