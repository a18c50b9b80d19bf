// What the process knows beside the workers' counters, for each scrape of the metrics. Reads only;
// control thread.
#pragma once

#include <string>
#include <vector>

#include "admin/changes.hpp"
#include "metrics/facts.hpp"
#include "proxy/app/memory_guard.hpp"
#include "proxy/app/process.hpp"
#include "proxy/discovery/discovery.hpp"
#include "proxy/io/file_thread.hpp"

namespace outrigger::app {

class ProcessFacts final : public metrics::FactsSource {
 public:
  ProcessFacts(LoopContext loop, const Process& process, const config::Loaded& loaded,
               const MemoryGuard& memory, const admin::Changes& changes,
               const discovery::Discovery& discovery, const io::FileThread& disk)
      : x_loop(loop),
        x_process(process),
        x_loaded(loaded),
        x_memory(memory),
        x_changes(changes),
        x_discovery(discovery),
        x_disk(disk),
        x_loaded_at_ms(loop.clock.wall_ms()) {}

  std::vector<metrics::ServiceFacts> services() const override;
  metrics::ProcessFacts process() const override;

 private:
  std::vector<metrics::Labelled> certificate_expiry() const;
  bool has_full_connection() const;

  const LoopContext x_loop;
  const Process& x_process;
  const config::Loaded& x_loaded;
  const MemoryGuard& x_memory;
  const admin::Changes& x_changes;
  const discovery::Discovery& x_discovery;
  const io::FileThread& x_disk;
  const int64_t x_loaded_at_ms;
};

}  // namespace outrigger::app
