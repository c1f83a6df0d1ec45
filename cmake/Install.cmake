# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where, for any prefix. Manual pages, completions
# and the list of parts are made from the built programs (scripts/papers) by the
# target `docs`.
option(SP_DOCS "Write manual pages, completions and the list of parts" OFF)

install(TARGETS sallyportd DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS sallyport DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs
    FILES_MATCHING PATTERN "*.md" PATTERN "man" EXCLUDE PATTERN "examples" EXCLUDE)
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

# Dashboards, rules, and whatever else is there to be copied and changed.
file(GLOB examples CONFIGURE_DEPENDS docs/*.json docs/*.yml docs/*.rules docs/grafana/*.json
    docs/examples/*)
if(examples)
  install(FILES ${examples} DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
endif()

if(SP_DOCS)
  set(papers ${CMAKE_BINARY_DIR}/papers)
  set(zsh ${papers}/completions/_sallyport)
endif()

# The sources have the packages' paths; they become the prefix's when they are
# installed, which is later than now.
file(GLOB units CONFIGURE_DEPENDS systemd/*.service systemd/*.socket)
file(GLOB users CONFIGURE_DEPENDS systemd/*sysusers* systemd/sysusers.d/*.conf)
file(GLOB folders CONFIGURE_DEPENDS systemd/*tmpfiles* systemd/tmpfiles.d/*.conf)
list(FILTER users EXCLUDE REGEX "sysusers.d$")
list(FILTER folders EXCLUDE REGEX "tmpfiles.d$")
install(CODE "
  set(units \"${units}\")
  set(users \"${users}\")
  set(folders \"${folders}\")
  set(zsh \"${zsh}\")
  set(share \"${CMAKE_INSTALL_DATADIR}\")
  set(place \"${CMAKE_BINARY_DIR}/installed\")
  set(sbin \"${CMAKE_INSTALL_SBINDIR}\")
  set(bin \"${CMAKE_INSTALL_BINDIR}\")")
install(SCRIPT cmake/InstallPlaces.cmake)

if(SP_DOCS)
  find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
  set(SP_MAINTAINER "sallyport project <sallyport@sallyport.invalid>" CACHE STRING
      "Who stands in the package for whoever builds it; has no address of its own")
  file(GLOB paper_sources CONFIGURE_DEPENDS scripts/papers/* docs/man/*.in cmake/debian/copyright)
  add_custom_command(OUTPUT ${papers}/written
      COMMAND ${CMAKE_SOURCE_DIR}/scripts/papers/write --bin ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}
          --out ${papers} --version ${PROJECT_VERSION} --maintainer ${SP_MAINTAINER}
      COMMAND ${CMAKE_COMMAND} -E touch ${papers}/written
      DEPENDS sallyport sallyportd ${paper_sources} CHANGES.md VERBATIM
      COMMENT "Writing manual pages, completions and the list of parts")
  add_custom_target(docs ALL DEPENDS ${papers}/written)

  foreach(section 1 5 8)
    install(DIRECTORY ${papers}/packed/man${section}
        DESTINATION ${CMAKE_INSTALL_MANDIR})
  endforeach()
  install(FILES ${papers}/completions/sallyport
      DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${papers}/completions/sallyport RENAME sallyportd
      DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${papers}/completions/sallyport.fish
      DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  install(FILES ${papers}/sallyport.spdx.json ${papers}/packed/copyright
      ${papers}/packed/changelog.gz ${papers}/packed/changelog.Debian.gz
      DESTINATION ${CMAKE_INSTALL_DOCDIR})
  install(FILES cmake/debian/lintian-overrides RENAME sallyport
      DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides)
endif()
