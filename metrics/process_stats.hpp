// What the kernel says of this process (proc(5)). A value, read on the control thread at each
// scrape; what could not be read is 0.
#pragma once

#include <cstdint>

namespace outrigger::metrics {

struct ProcessStats {
  double cpu_s = 0;         // user and system
  double started_at_s = 0;  // since 1970
  int64_t resident_bytes = 0;
  int64_t virtual_bytes = 0;
  int64_t open_fds = 0;
  int64_t max_fds = 0;
};

ProcessStats read_process_stats();

}  // namespace outrigger::metrics
