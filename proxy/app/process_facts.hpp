// What the process knows beside the workers' counters, for each scrape of the metrics. Reads only;
// control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "admin/changes.hpp"
#include "metrics/facts.hpp"
#include "proxy/app/memory_guard.hpp"
#include "proxy/app/named_files.hpp"
#include "proxy/app/overrides_watch.hpp"
#include "proxy/app/process.hpp"
#include "proxy/app/reloader.hpp"
#include "proxy/discovery/discovery.hpp"
#include "proxy/registration/registrations.hpp"

namespace outrigger::app {

class ProcessFacts final : public metrics::FactsSource {
 public:
  ProcessFacts(LoopContext loop, const Process& process, const config::Loaded& loaded,
               const Reloader& reloader, const NamedFiles& named, const MemoryGuard& memory,
               const admin::Changes& changes, const OverridesWatch& overrides_file,
               const discovery::Discovery& discovery,
               const registration::Registrations& registrations,
               std::function<uint64_t()> lines_dropped)
      : x_loop(loop),
        x_process(process),
        x_loaded(loaded),
        x_reloader(reloader),
        x_named(named),
        x_memory(memory),
        x_changes(changes),
        x_overrides_file(overrides_file),
        x_discovery(discovery),
        x_registrations(registrations),
        x_lines_dropped(std::move(lines_dropped)) {}

  std::vector<metrics::ServiceFacts> services(metrics::FactsCursor& cursor,
                                              size_t most) const override;
  metrics::ProcessFacts process() const override;

 private:
  metrics::ServiceFacts facts_of(upstream::Service& service,
                                 const config::ServiceConfig& config) const;
  // Those at endpoints that had any.
  std::vector<metrics::EndpointAttempts> attempts_of(const upstream::Service& service) const;
  std::vector<metrics::Labelled> certificate_expiry() const;
  std::vector<metrics::RegistrationCount> registrations() const;
  bool has_full_connection() const;

  const LoopContext x_loop;
  const Process& x_process;
  const config::Loaded& x_loaded;
  const Reloader& x_reloader;
  const NamedFiles& x_named;
  const MemoryGuard& x_memory;
  const admin::Changes& x_changes;
  const OverridesWatch& x_overrides_file;
  const discovery::Discovery& x_discovery;
  const registration::Registrations& x_registrations;
  const std::function<uint64_t()> x_lines_dropped;
};

}  // namespace outrigger::app
