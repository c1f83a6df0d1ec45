# SPDX-License-Identifier: Apache-2.0
# Runs when something is installed, and does what depends on the prefix: units,
# sysusers and tmpfiles with its paths, and zsh's completion, which Debian's zsh
# looks for in one place below /usr and in another below /usr/local.
# cmake/Install.cmake sets the variables.

function(put source folder name)
  file(READ "${source}" text)
  # Semicolons and brackets must survive: no list is made of the text.
  string(REPLACE "/usr/sbin/" "${CMAKE_INSTALL_PREFIX}/${sbin}/" text "${text}")
  string(REPLACE "/usr/bin/sallyport" "${CMAKE_INSTALL_PREFIX}/${bin}/sallyport" text "${text}")
  file(WRITE "${place}/${folder}/${name}" "${text}")
  file(INSTALL "${place}/${folder}/${name}" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/${folder}")
endfunction()

foreach(unit IN LISTS units)
  get_filename_component(name "${unit}" NAME)
  put("${unit}" systemd/system "${name}")
endforeach()
foreach(file IN LISTS users)
  put("${file}" sysusers.d sallyport.conf)
endforeach()
foreach(file IN LISTS folders)
  put("${file}" tmpfiles.d sallyport.conf)
endforeach()

if(zsh)
  if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    set(functions vendor-completions)
  else()
    set(functions site-functions)
  endif()
  file(INSTALL "${zsh}" DESTINATION "${CMAKE_INSTALL_PREFIX}/${share}/zsh/${functions}")
endif()
