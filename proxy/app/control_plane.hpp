// The control thread: what happens beside the calls. It owns the process-wide state and the
// workers, discovers endpoints, serves the admin API and the metrics, and sees to changes, signals,
// memory and the end. It reaches workers by posts to their loops only. One in a process.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "admin/api.hpp"
#include "admin/changes.hpp"
#include "admin/control.hpp"
#include "admin/events.hpp"
#include "config/config.hpp"
#include "metrics/exporter.hpp"
#include "proxy/app/drain.hpp"
#include "proxy/app/local_server.hpp"
#include "proxy/app/memory_guard.hpp"
#include "proxy/app/process.hpp"
#include "proxy/app/process_facts.hpp"
#include "proxy/app/snapshot.hpp"
#include "proxy/app/tls_contexts.hpp"
#include "proxy/app/worker_thread.hpp"
#include "proxy/discovery/discovery.hpp"
#include "proxy/io/file_thread.hpp"
#include "proxy/io/loop.hpp"
#include "proxy/io/loop_files.hpp"
#include "proxy/io/signals.hpp"

namespace outrigger::app {

class ControlPlane final : public admin::Control,
                           public upstream::PermitPost,
                           public upstream::CircuitEvents,
                           public discovery::DiscoveryEvents,
                           public io::SignalEvents {
 public:
  // `disk` outlives it.
  ControlPlane(config::Loaded loaded, io::FileThread& disk);
  ~ControlPlane() override;

  // Binds all addresses and starts the workers. The failure is a sentence for people.
  Result<bool> start();
  // Until the end; returns how many calls were reset.
  int run();

  // -- admin::Control
  const config::Loaded& loaded() const override { return x_loaded; }
  upstream::Services& services() override { return x_process.services; }
  void install(config::Loaded next, std::function<void()> taken) override;
  std::vector<admin::UnmatchedHost> unmatched() const override;
  uint64_t clear_cache(const std::string& service) override;
  void drain() override;
  admin::HealthStates health() const override;

 private:
  // -- called on the workers' threads
  void post_permit(upstream::OutstandingLimit& limit, unsigned worker) noexcept override;
  void on_transition(const upstream::Circuit& circuit,
                     const upstream::CircuitTransition& what) noexcept override;

  // -- on this thread
  void on_endpoints(const std::string& service,
                    std::shared_ptr<const upstream::EndpointSet> set) override;
  void on_discovery_failed(const std::string& service, discovery::SourceKind source,
                           const std::string& why) override;
  void on_signal(int number) override;

  Result<bool> open_access_log();
  void wait_for_first_answers();
  Result<bool> bind_listeners();
  Result<bool> serve(std::unique_ptr<LocalServer>& server, const std::string& name,
                     const std::string& address, chain::Terminal& terminal,
                     const Published<io::TlsServerContext>* tls);
  void note_transition(const std::string& label, const upstream::CircuitTransition& what);
  Drain::Hooks drain_hooks();
  int open_connections() const;
  int64_t last_accepted_ms() const;
  void drain_on_signal();
  void end();

  config::Loaded x_loaded;
  io::FileThread& x_disk;
  io::Loop x_loop;
  LoopContext x_context;
  io::LoopFiles x_files;
  io::LoopNetwork x_network;
  ControlRuntime x_runtime;
  const unsigned x_worker_count;
  Process x_process;
  admin::Events x_events;
  admin::Changes x_changes;
  TlsContexts x_tls;
  MemoryGuard x_memory;
  Drain x_drain;
  discovery::Discovery x_discovery;
  ProcessFacts x_facts;
  metrics::Exporter x_exporter;
  const admin::Parts x_parts;
  std::unique_ptr<admin::AccessRules> x_access;
  std::unique_ptr<admin::AdminApi> x_admin_api;
  admin::AdminApi x_metrics_api;
  std::unique_ptr<LocalServer> x_admin_server;
  std::unique_ptr<LocalServer> x_metrics_server;
  std::vector<std::unique_ptr<WorkerThread>> x_workers;
  std::unique_ptr<io::Signals> x_signals;
  int64_t x_started_ms = 0;
  int x_interrupts = 0;
  int x_reset_calls = 0;
};

}  // namespace outrigger::app
