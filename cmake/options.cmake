# Build options, and the flags that every target of the project gets.
option(OUTRIGGER_LTO "Link-time optimisation" OFF)
option(OUTRIGGER_COVERAGE "Instrument for coverage" OFF)
option(OUTRIGGER_BENCH "Build bench/" OFF)
set(OUTRIGGER_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")

find_program(OUTRIGGER_CCACHE ccache)
if(OUTRIGGER_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
                                  CCACHE_NOHASHDIR=1
                                  CCACHE_SLOPPINESS=pch_defines,time_macros ${OUTRIGGER_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

add_library(outrigger_flags INTERFACE)
target_compile_options(outrigger_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor
                            -Woverloaded-virtual -Wconversion -Wno-sign-conversion>
  -fno-omit-frame-pointer)
# GCC 12 sees overlapping copies in plain string concatenation at -O3 (GCC bug 105651).
target_compile_options(outrigger_flags INTERFACE
  $<$<AND:$<CONFIG:Release>,$<CXX_COMPILER_ID:GNU>>:-Wno-restrict>)
target_include_directories(outrigger_flags INTERFACE "${CMAKE_SOURCE_DIR}")

# llhttp's fast path needs SSE4.2; every x86-64 server since 2009 has it.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(outrigger_flags INTERFACE -march=x86-64-v2)
endif()

# The product is optimised a little under sanitizers, tests are not: they are most of the compile
# time and none of the run time.
set(OUTRIGGER_PRODUCT_FLAGS "")
set(OUTRIGGER_TEST_FLAGS "")
set(OUTRIGGER_HOT_PATH_FLAGS "")
if(OUTRIGGER_SANITIZE)
  # The vptr check needs a pipe: it reports false errors once a test has run out of descriptors.
  target_compile_options(outrigger_flags INTERFACE -fsanitize=${OUTRIGGER_SANITIZE}
                                                   -fno-sanitize-recover=all
                                                   $<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize=vptr>)
  target_link_options(outrigger_flags INTERFACE -fsanitize=${OUTRIGGER_SANITIZE})
  set(CMAKE_CXX_FLAGS_DEBUG "-g1")
  set(OUTRIGGER_PRODUCT_FLAGS -O1)
  set(OUTRIGGER_TEST_FLAGS -O0)
elseif(OUTRIGGER_COVERAGE)
  target_compile_options(outrigger_flags INTERFACE --coverage -O0)
  target_link_options(outrigger_flags INTERFACE --coverage)
endif()

if(OUTRIGGER_LTO)
  include(CheckIPOSupported)
  check_ipo_supported()
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    set(OUTRIGGER_HOT_PATH_FLAGS --param=inline-unit-growth=100 --param=large-function-growth=300)
  endif()
else()
  find_program(OUTRIGGER_MOLD mold)
  if(OUTRIGGER_MOLD)
    target_link_options(outrigger_flags INTERFACE -fuse-ld=mold)
  endif()
endif()
