// `outrigger intercept print|install|remove`: sends outbound TCP of other users to the sidecar, by
// rules of the kernel. Blocking; a process of its own, which needs the right to change them (print
// does not). The sidecar itself never changes rules.
#pragma once

#include <cstdint>
#include <string>

#include "config/model.hpp"

namespace outrigger::app {

enum class InterceptBackend : uint8_t { kAuto, kNft, kIptables };

struct InterceptCommand {
  std::string action;  // "print", "install" or "remove"
  InterceptBackend backend = InterceptBackend::kAuto;
  bool forwarded = false;  // also what this host forwards for others
};

// Each returns the exit code. `config` says what is caught; removing needs to know nothing.
int intercept(const InterceptCommand& command, const config::Config& config);
int remove_interception(InterceptBackend backend);

}  // namespace outrigger::app
