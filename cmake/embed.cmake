# outrigger_embed(TARGET FILE NAMESPACE NAME HEADER): builds a text file into the library as
# `const std::string_view NAMESPACE::NAME`, which HEADER declares.
function(outrigger_embed target file namespace name header)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${file}")
  file(READ "${CMAKE_SOURCE_DIR}/${file}" text)
  set(source "${CMAKE_BINARY_DIR}/embedded/${name}.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT
"// Made from @file@.
#include \"@header@\"

namespace @namespace@ {
const std::string_view @name@ = R\"embedded(@text@)embedded\";
}
" @ONLY)
  target_sources(${target} PRIVATE "${source}")
endfunction()
