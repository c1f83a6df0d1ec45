# SPDX-License-Identifier: Apache-2.0
# Everything of ours is compiled with these; a warning is an error.
add_library(sp_flags INTERFACE)
target_compile_options(sp_flags INTERFACE
    -Wall -Wextra -Werror
    -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wundef -Wvla
    -Wpointer-arith -Wcast-qual -Wwrite-strings -Wstrict-prototypes
    -Wmissing-prototypes -Wmissing-declarations -Wold-style-definition
    -Wredundant-decls -Wnested-externs -Wswitch-enum -Wnull-dereference)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(sp_flags INTERFACE
      -Wlogical-op -Wduplicated-cond -Wduplicated-branches)
endif()
target_compile_definitions(sp_flags INTERFACE
    _GNU_SOURCE SP_VERSION="${PROJECT_VERSION}" $<$<BOOL:${SP_HOOKS}>:SP_HOOKS=1>)
