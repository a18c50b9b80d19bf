// The version of this build, as --version and build_info know it. Set by CMake from the project's.
// A constant; any thread.
#pragma once

namespace outrigger::app {

inline constexpr const char* kVersion = OUTRIGGER_VERSION;

}  // namespace outrigger::app
