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

// One above the highest descriptor that calls may use. What is beyond is kept back, so that probes,
// the admin API and files are served when callers have taken all others.
int descriptors_for_calls();

// The cgroup, of the process's own and those above it, whose memory limit is the smallest: the one
// that gets the process killed.
struct MemoryCgroup {
  uint64_t limit_bytes = 0;
  std::string folder;  // of its files
  int version = 2;
};

// None when nothing is limited. `root` stands for "/" in tests.
std::optional<MemoryCgroup> memory_cgroup(const std::string& root = "");

// Memory of the machine.
uint64_t physical_memory_bytes();

// How much memory is used, as the kernel counts it. Its files are held open, so a look costs a few
// system calls.
class MemoryGauge {
 public:
  explicit MemoryGauge(const std::optional<MemoryCgroup>& cgroup = {},
                       const std::string& root = "");

  // Anonymous resident memory of the process: what it has written itself. 0 without /proc.
  uint64_t anonymous_bytes() const;
  // Memory of the cgroup, without the file pages that the kernel drops when it needs room; 0
  // without one. Version 1 does not charge the buffers of TCP.
  uint64_t cgroup_bytes() const;
  // The buffers of TCP of the whole machine.
  uint64_t tcp_bytes() const;

 private:
  Fd x_statm;
  Fd x_sockstat;
  Fd x_usage;
  Fd x_stat;
  bool x_version_1 = false;
};

}  // namespace outrigger::io
