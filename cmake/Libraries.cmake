# SPDX-License-Identifier: Apache-2.0
# Every library we use comes from the distribution; each is one dep_ target.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)

function(dependency name module)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
  add_library(dep_${name} INTERFACE)
  target_link_libraries(dep_${name} INTERFACE PkgConfig::${name})
endfunction()

dependency(event libevent_core)
dependency(event_extra libevent_extra) # its HTTP server, for the demo model
dependency(event_tls libevent_openssl) # for `sallyport connect`
dependency(sodium libsodium)
dependency(yaml yaml-0.1)
dependency(seccomp libseccomp)
dependency(p11kit p11-kit-1) # finds keys on cards; only the command is linked with it
if(SP_TESTS)
  dependency(cmocka cmocka)
  dependency(jansson jansson) # a second reader, to compare with
endif()

# llhttp: a shared library on newer systems; Debian 12 ships its sources and
# its header in node-llhttp, which we compile as they are.
pkg_check_modules(llhttp QUIET IMPORTED_TARGET libllhttp)
add_library(dep_llhttp INTERFACE)
if(llhttp_FOUND)
  target_link_libraries(dep_llhttp INTERFACE PkgConfig::llhttp)
else()
  find_path(LLHTTP_SOURCES llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH)
  find_path(LLHTTP_INCLUDE llhttp.h PATHS /usr/share/include/llhttp NO_DEFAULT_PATH)
  if(NOT LLHTTP_SOURCES OR NOT LLHTTP_INCLUDE)
    message(FATAL_ERROR "llhttp not found: install libllhttp-dev, or node-llhttp on "
                        "Debian 12 (scripts/bootstrap does it)")
  endif()
  add_library(llhttp STATIC ${LLHTTP_SOURCES}/api.c ${LLHTTP_SOURCES}/http.c
      ${LLHTTP_SOURCES}/llhttp.c)
  target_include_directories(llhttp SYSTEM PUBLIC ${LLHTTP_INCLUDE})
  target_compile_options(llhttp PRIVATE -w -O2)
  # Up to version 8 strictness is chosen when it is compiled.
  target_compile_definitions(llhttp PUBLIC LLHTTP_STRICT_MODE=1)
  target_link_libraries(dep_llhttp INTERFACE llhttp)
endif()
