// `outrigger probe startup|ready`: asks the running sidecar, for images that have no curl.
// Blocking; a process of its own.
#pragma once

#include <string>

namespace outrigger::app {

struct ProbeTarget {
  std::string what;                        // "startup" or "ready"
  std::string address = "127.0.0.1:9902";  // metrics.address
};

// The exit code: 0 when it answers 200 within a second.
int probe(const ProbeTarget& target);

}  // namespace outrigger::app
