# SPDX-License-Identifier: Apache-2.0
# The Debian package: `cpack -G DEB` in a release build's folder, or
# scripts/package, which does all of it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME sallyport)
set(CPACK_PACKAGE_VENDOR "the sallyport project")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
# The programs and `docs` are what is installed, not tests and bench.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)

set(CPACK_DEBIAN_PACKAGE_NAME sallyport)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${SP_MAINTAINER}")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers")
# What units start beside the daemon.
file(READ systemd/sallyport.service unit)
if(unit MATCHES "/bin/kill")
  string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", procps")
endif()
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "minisign, opensc")
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "gate in front of AI models before their release")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"A reverse proxy for developers of AI models who let chosen parties use a
model before its release, for at most 30 days. It lets in who has a
certificate that the party's own authority vouches for, while their access
window is open, cuts everything off when it ends, and writes each decision
into a signed, append-only log before it answers.
.
This package has the daemon, sallyportd, and the command for operators,
approvers, evaluators and auditors, sallyport.")

file(GLOB units RELATIVE ${CMAKE_SOURCE_DIR}/systemd CONFIGURE_DEPENDS
    systemd/*.service systemd/*.socket)
list(JOIN units " " SP_UNITS)
foreach(script postinst prerm postrm)
  configure_file(cmake/debian/${script} ${CMAKE_BINARY_DIR}/debian/${script} @ONLY
      FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
      GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_BINARY_DIR}/debian/${script})
endforeach()
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
