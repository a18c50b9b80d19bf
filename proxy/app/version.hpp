// The version of this build, as --version, build_info and `requires` know it.
#pragma once

namespace outrigger::app {

inline constexpr const char* kVersion = OUTRIGGER_VERSION;

}  // namespace outrigger::app
