// The control plane: what happens beside the calls. It owns the process-wide state, installs
// configurations through its parts (part.hpp), discovers endpoints, serves the admin API and the
// metrics, and sees to changes, signals, memory and the end. It makes no loop, no thread and no
// socket: they are arguments, so that tests run it in virtual time. It reaches workers by posts to
// their loops only. One in a process; the control thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admin/api.hpp"
#include "admin/changes.hpp"
#include "admin/control.hpp"
#include "admin/events.hpp"
#include "config/config.hpp"
#include "metrics/exporter.hpp"
#include "proxy/app/access_log_file.hpp"
#include "proxy/app/control_environment.hpp"
#include "proxy/app/drain.hpp"
#include "proxy/app/kept_endpoints.hpp"
#include "proxy/app/kept_state.hpp"
#include "proxy/app/listeners.hpp"
#include "proxy/app/local_servers.hpp"
#include "proxy/app/memory_guard.hpp"
#include "proxy/app/named_files.hpp"
#include "proxy/app/overrides_watch.hpp"
#include "proxy/app/process.hpp"
#include "proxy/app/process_facts.hpp"
#include "proxy/app/reloader.hpp"
#include "proxy/app/snapshot.hpp"
#include "proxy/app/tls_contexts.hpp"
#include "proxy/client/client.hpp"
#include "proxy/discovery/discovery.hpp"
#include "proxy/health/health_checks.hpp"
#include "proxy/registration/registrations.hpp"

namespace outrigger::app {

class ControlPlane final : public admin::Control,
                           public upstream::PermitPost,
                           public upstream::CircuitEvents,
                           public discovery::DiscoveryEvents,
                           public health::HealthEvents,
                           public registration::RegistrationEvents {
 public:
  explicit ControlPlane(ControlEnvironment environment);
  // Ends the workers too.
  ~ControlPlane() override;

  // Installs the first configuration, which was read from `texts`, and starts the workers; nothing
  // has begun where there is a problem. `refused`: of the files; null: none were.
  std::vector<config::Problem> start(const config::Loaded& first, const config::Texts& texts,
                                     const RefusedFiles* refused = nullptr);
  // Installs another configuration under the overrides that hold over it, once the files that it
  // names are read. A problem of any part of it: all of what was in force stays so.
  void take(config::Loaded fresh, const admin::Write& write, Reloader::Done done) {
    x_reloader.take(std::move(fresh), write, std::move(done));
  }
  // Every service has had a first answer about its endpoints.
  bool all_answered() const { return x_discovery.all_answered(); }
  // SIGTERM and SIGINT drain, a second SIGINT ends at once; SIGHUP opens the access log anew and
  // reads the configuration again.
  void on_signal(int number);

  // The hook after each callback of the loop.
  void after_each() { x_runtime.driver().run(); }
  Process& process() { return x_process; }

  // -- admin::Control
  const config::Loaded& loaded() const override { return x_loaded; }
  upstream::Services& services() override { return x_process.services; }
  std::vector<config::Problem> install(config::Loaded next, std::function<void()> taken) override;
  void reload(std::string_view actor, std::string_view reason, Reloader::Done done) override {
    x_reloader.read_again({std::string(actor), std::string(reason), std::nullopt}, std::move(done));
  }
  const admin::ConfigState& config_state() const override { return x_reloader.state(); }
  Result<std::string> explain(std::string_view method, std::string_view url) const override;
  std::vector<admin::UnmatchedHost> unmatched() const override;
  uint64_t clear_cache(const std::string& service) override;
  void drain() override;
  void deregister(std::function<void()> done) override { x_registrations.leave(std::move(done)); }
  std::vector<admin::RegistrationEntry> registrations() const override;
  admin::HealthStates health() const override;
  admin::ProcessState process_state() const override;

  // -- discovery::DiscoveryEvents
  void on_endpoints(const std::string& service,
                    std::shared_ptr<const upstream::EndpointSet> set) override;
  void on_discovery_failed(const std::string& service, discovery::SourceKind source,
                           const std::string& why) override;
  void on_list_doubted(const std::string& service, size_t lost, size_t of) override;

  void on_health(const health::HealthChange& change) override;
  void on_registration(const registration::Change& change) override;

 private:
  class Lists;
  class Series;
  // Where posts of other threads find the control plane, for as long as there is one.
  struct Home {
    ControlPlane* plane;
  };

  // -- called on the workers' threads
  void post_permits(unsigned worker, Letter& permits) noexcept override;
  void on_transition(const upstream::Circuit& circuit,
                     const upstream::CircuitTransition& what) noexcept override;

  void on_rotated(const NamedFiles::Paths& changed);
  void commit(config::Loaded next, std::function<void()> taken);
  void hand_out(const SnapshotPtr& snapshot, std::function<void()> taken);
  void wake_workers();
  void post_home(std::function<void(ControlPlane&)> task) const;
  void note_transition(const std::string& circuit, const upstream::CircuitTransition& what);
  Drain::Hooks drain_hooks();
  discovery::RegistryAccess registry_access();
  registration::Surroundings registration_surroundings();
  int open_connections() const;
  int64_t last_accepted_ms() const;
  void drain_on_signal();
  void end();

  const ControlEnvironment x_environment;
  const LoopContext x_loop;
  const std::shared_ptr<Home> x_home;
  config::Loaded x_loaded;
  SnapshotPtr x_snapshot;  // of it
  ControlRuntime x_runtime;
  Process x_process;
  admin::Events x_events;
  KeptState x_kept;
  admin::Changes x_changes;
  OverridesWatch x_overrides_file;
  NamedFiles x_named;
  Reloader x_reloader;
  TlsContexts x_tls;
  Listeners x_listeners;
  AccessLogFile x_access_log;
  MemoryGuard x_memory;
  Drain x_drain;
  client::Transport x_transport;
  discovery::Discovery x_discovery;
  health::HealthChecks x_health_checks;
  registration::Registrations x_registrations;
  KeptEndpoints x_kept_endpoints;
  ProcessFacts x_facts;
  metrics::Exporter x_exporter;
  LocalServers x_local_servers;
  std::unique_ptr<Lists> x_lists;
  std::unique_ptr<Series> x_series;
  const std::vector<Part*> x_parts;
  uint64_t x_commits = 0;
  int64_t x_started_ms = 0;
  int x_interrupts = 0;
  bool x_ended = false;
};

}  // namespace outrigger::app
