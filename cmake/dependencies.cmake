# Every library comes from the system by name; a missing one is said with the package to install.
function(outrigger_require found what package)
  if(NOT ${found})
    message(FATAL_ERROR "${what} is missing. On Debian: apt-get install ${package} "
                        "(or run ./dev setup, which installs everything).")
  endif()
endfunction()

find_package(PkgConfig)
outrigger_require(PkgConfig_FOUND "pkg-config" pkg-config)

function(outrigger_pkg target module package)
  pkg_check_modules(${target} IMPORTED_TARGET GLOBAL ${module})
  outrigger_require(${target}_FOUND "${module}" ${package})
  add_library(${target} ALIAS PkgConfig::${target})
endfunction()

outrigger_pkg(uv libuv libuv1-dev)
outrigger_pkg(c-ares libcares libc-ares-dev)
outrigger_pkg(nghttp2 libnghttp2 libnghttp2-dev)
outrigger_pkg(openssl openssl libssl-dev)

find_package(yaml-cpp QUIET)
outrigger_require(yaml-cpp_FOUND "yaml-cpp" libyaml-cpp-dev)
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()
find_package(nlohmann_json QUIET)
outrigger_require(nlohmann_json_FOUND "nlohmann-json" nlohmann-json3-dev)
find_package(prometheus-cpp QUIET)
outrigger_require(prometheus-cpp_FOUND "prometheus-cpp" prometheus-cpp-dev)
find_package(CLI11 QUIET)
outrigger_require(CLI11_FOUND "CLI11" libcli11-dev)
find_package(Threads REQUIRED)

include(llhttp)
