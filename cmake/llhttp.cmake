# llhttp: the system's library where there is one, else the C sources that Debian's node-llhttp
# ships, compiled here in strict mode and optimised (its SSE4.2 path halves the cost of a head).
pkg_check_modules(SYSTEM_LLHTTP QUIET IMPORTED_TARGET GLOBAL libllhttp)
if(SYSTEM_LLHTTP_FOUND)
  add_library(llhttp ALIAS PkgConfig::SYSTEM_LLHTTP)
  return()
endif()

find_path(LLHTTP_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH)
find_path(LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp /usr/include NO_DEFAULT_PATH)
if(NOT LLHTTP_SOURCE_DIR OR NOT LLHTTP_INCLUDE_DIR)
  message(FATAL_ERROR "llhttp is missing. On Debian 12: apt-get install node-llhttp; on newer "
                      "systems libllhttp-dev (or run ./dev setup, which installs everything).")
endif()

add_library(llhttp STATIC "${LLHTTP_SOURCE_DIR}/api.c" "${LLHTTP_SOURCE_DIR}/http.c"
                          "${LLHTTP_SOURCE_DIR}/llhttp.c")
target_include_directories(llhttp SYSTEM PUBLIC "${LLHTTP_INCLUDE_DIR}")
target_compile_definitions(llhttp PUBLIC LLHTTP_STRICT_MODE=1)
target_compile_options(llhttp PRIVATE -O3 -w)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(llhttp PRIVATE -msse4.2)
endif()
