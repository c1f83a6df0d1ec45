# SPDX-License-Identifier: Apache-2.0
# What the linker and the compiler can do against exploitation, and the
# sanitizers of the test presets.
include(CheckCCompilerFlag)

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_FLAGS_RELEASE "-O2 -g -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g3")

target_compile_options(sp_flags INTERFACE -fno-strict-aliasing -fno-common)
# Where it is built is not in what is built: the same bytes anywhere.
add_compile_options($<$<CONFIG:Release>:-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.>)
if(SP_SANITIZE)
  target_compile_options(sp_flags INTERFACE
      -fsanitize=${SP_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(sp_flags INTERFACE -fsanitize=${SP_SANITIZE})
  target_compile_definitions(sp_flags INTERFACE SP_SANITIZED=1)
else()
  target_compile_options(sp_flags INTERFACE -fstack-protector-strong
      $<$<CONFIG:Release>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
  check_c_compiler_flag(-fcf-protection=full SP_HAVE_CET)
  if(SP_HAVE_CET)
    target_compile_options(sp_flags INTERFACE -fcf-protection=full)
  endif()
  target_link_options(sp_flags INTERFACE
      -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
endif()
if(SP_FUZZ)
  target_compile_options(sp_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
