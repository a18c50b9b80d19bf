# The three kinds of target the project has. Sources are the .cpp files of the folder.

# outrigger_library(NAME FOLDER [LINKS our libraries] [LIBS foreign, seen in headers]
#                   [PRIVATE foreign])
function(outrigger_library name folder)
  cmake_parse_arguments(ARG "" "" "LINKS;LIBS;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${folder}/*.cpp")
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  list(TRANSFORM ARG_LINKS PREPEND outrigger_)
  set(scope PUBLIC)
  set(target outrigger_${name})
  if(sources)
    add_library(${target} STATIC ${sources})
    target_compile_options(${target} PRIVATE ${OUTRIGGER_PRODUCT_FLAGS})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
    set(ARG_PRIVATE "")
  endif()
  target_link_libraries(${target} ${scope} outrigger_flags ${ARG_LINKS} ${ARG_LIBS})
  if(ARG_PRIVATE)
    target_link_libraries(${target} PRIVATE ${ARG_PRIVATE})
  endif()
endfunction()

# outrigger_hot_path(our libraries...): what every request runs through is inlined by a bound of its
# own. GCC's is one of the whole program: each new command would make requests slower.
function(outrigger_hot_path)
  set(hot ${ARGN})
  list(TRANSFORM hot PREPEND outrigger_)
  foreach(target ${hot})
    target_compile_options(${target} PRIVATE ${OUTRIGGER_HOT_PATH_FLAGS})
  endforeach()
endfunction()

# outrigger_program(NAME MAIN our libraries...)
function(outrigger_program name main)
  if(NOT EXISTS "${CMAKE_SOURCE_DIR}/${main}")
    return()
  endif()
  set(links ${ARGN})
  list(TRANSFORM links PREPEND outrigger_)
  add_executable(${name} ${main})
  target_link_libraries(${name} PRIVATE ${links} CLI11::CLI11 Threads::Threads)
  target_compile_options(${name} PRIVATE ${OUTRIGGER_PRODUCT_FLAGS})
endfunction()

# outrigger_tests(NAME FOLDER [LINKS our libraries] [LIBS foreign] [LABELS labels]): one gtest
# program of every *_test.cpp in the folder.
function(outrigger_tests name folder)
  cmake_parse_arguments(ARG "" "" "LINKS;LIBS;LABELS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${folder}/*_test.cpp")
  if(NOT sources)
    return()
  endif()
  list(TRANSFORM ARG_LINKS PREPEND outrigger_)
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} ${ARG_LIBS} outrigger_flags
                                        GTest::gtest GTest::gmock GTest::gtest_main
                                        Threads::Threads)
  target_compile_options(${name} PRIVATE ${OUTRIGGER_TEST_FLAGS})
  # ccache keeps what was compiled with a precompiled header only if this is said.
  target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  target_precompile_headers(${name} PRIVATE <gtest/gtest.h> <gmock/gmock.h>
                            <string> <vector> <memory>)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 600)
  # tests_LABEL builds what `ctest -L LABEL` runs.
  foreach(label IN LISTS ARG_LABELS)
    if(NOT TARGET tests_${label})
      add_custom_target(tests_${label})
    endif()
    add_dependencies(tests_${label} ${name})
  endforeach()
endfunction()
