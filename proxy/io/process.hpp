// What the process knows about itself: how many descriptors it may have, how much memory it uses
// and may use. No loop; MemoryGauge belongs to one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proxy/io/fd.hpp"

namespace outrigger::io {

// Raises RLIMIT_NOFILE to its hard limit; returns what is allowed now.
uint64_t raise_descriptor_limit();

// The smallest memory limit of the process's cgroup and those above it, version 2 or 1; none when
// there is no limit. `root` stands for "/" in tests.
std::optional<uint64_t> cgroup_memory_limit_bytes(const std::string& root = "");

// Anonymous resident memory: what the process itself has written, which is what gets it killed. One
// system call for each look.
class MemoryGauge {
 public:
  MemoryGauge();
  // 0 when /proc is not there.
  uint64_t anonymous_bytes() const;

 private:
  Fd x_statm;
};

}  // namespace outrigger::io
