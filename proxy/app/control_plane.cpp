#include "proxy/app/control_plane.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <utility>

#include "admin/service_facts.hpp"
#include "config/text.hpp"
#include "proxy/app/explain.hpp"
#include "proxy/app/version.hpp"
#include "proxy/app/worker.hpp"
#include "proxy/base/log.hpp"

namespace outrigger::app {
namespace {

// "orders" of "orders.svc:8080".
std::string_view first_label(std::string_view authority) {
  return authority.substr(0, authority.find_first_of(".:"));
}

std::string hash_of(const config::Config& config) {
  std::array<char, 20> hash;
  std::snprintf(hash.data(), hash.size(), "%016llx",
                static_cast<unsigned long long>(config::fingerprint(config)));
  return hash.data();
}

void log_event(const admin::Event& event) {
  log::info("event", {{"kind", event.kind},
                      {"service", event.service},
                      {"route", event.route},
                      {"endpoint", event.endpoint},
                      {"from", event.from},
                      {"to", event.to},
                      {"reason", event.reason},
                      {"actor", event.actor},
                      {"before", event.before},
                      {"after", event.after}});
}

}  // namespace

// The endpoint lists: sources start, stay and stop as the services say, and so do the checks of
// what they list. Lists that change at once go to the workers before the snapshot does.
class ControlPlane::Lists final : public Part {
 public:
  explicit Lists(ControlPlane& plane) : x_plane(plane) {}

  void commit(Snapshot& next) noexcept override {
    x_plane.x_discovery.apply(next.config, x_plane.x_process.services);
    x_plane.x_health_checks.apply(next.config, x_plane.x_process.services);
    x_plane.x_registrations.apply(next.config);
    x_plane.x_environment.workers.set_dns(next.config.registries.dns.front());
  }

 private:
  ControlPlane& x_plane;
};

// The counters: those of services that are gone are forgotten.
class ControlPlane::Series final : public Part {
 public:
  explicit Series(metrics::Shards& shards) : x_shards(shards) {}

  void commit(Snapshot& next) noexcept override {
    const auto metrics = next.config.metrics.value_or(config::MetricsConfig{});
    x_shards.set_bounds(metrics.histogram_buckets_ms);
    std::set<metrics::SeriesKey> keys{{}, {std::string(kPassthrough), {}}};
    for (const config::ServiceConfig& service : next.config.services) {
      keys.insert({service.name, {}});
      for (const config::RouteConfig& route : service.routes) {
        keys.insert({service.name, route.name});
        config::for_each_target(service.name, route, [&](const std::string& target, const auto&) {
          keys.insert({target, route.name});
        });
      }
    }
    x_shards.keep_only(keys);
  }

 private:
  metrics::Shards& x_shards;
};

ControlPlane::ControlPlane(ControlEnvironment environment)
    : x_environment(std::move(environment)),
      x_loop(x_environment.loop),
      x_home(std::make_shared<Home>(Home{this})),
      x_runtime(x_loop, x_environment.outbox),
      x_process({x_environment.workers.count(), this, this, x_environment.seed}),
      x_events(x_loop.clock, log_event),
      x_kept(x_environment.kept),
      x_changes(x_loop, *this, x_events, &x_kept),
      x_overrides_file(x_loop, x_environment.surroundings.files, x_changes),
      x_named(x_loop, x_environment.surroundings.files,
              [this](const NamedFiles::Paths& changed) { on_rotated(changed); }),
      x_reloader(x_loop, x_environment.config, x_environment.surroundings.files, x_named, x_changes,
                 x_events),
      x_tls(x_loop.clock, x_process),
      x_listeners(x_loop, x_environment.binder, x_environment.workers.count(),
                  x_environment.interfaces, x_process),
      x_access_log(x_environment.open_log),
      x_memory(x_loop, x_environment.memory, x_process, [this] { wake_workers(); }),
      x_drain(x_loop, drain_hooks()),
      x_transport(x_runtime.runtime(), x_environment.network,
                  [this] { return x_environment.surroundings.open_dns({}); }),
      x_discovery(x_environment.surroundings, registry_access(), *this),
      x_health_checks(x_transport, *this),
      x_registrations(registration_surroundings(), *this),
      x_kept_endpoints(x_loop, x_environment.kept, x_discovery),
      x_facts(x_loop, x_process, x_loaded, x_reloader, x_named, x_memory, x_changes,
              x_overrides_file, x_discovery, x_registrations, x_environment.log_lines_dropped),
      x_exporter(x_process.shards, x_facts),
      x_local_servers(x_runtime, x_environment.network, x_environment.binder,
                      {x_loop, *this, x_changes, x_events, x_exporter}, x_process),
      x_lists(std::make_unique<Lists>(*this)),
      x_series(std::make_unique<Series>(x_process.shards)),
      x_parts{&x_access_log, &x_listeners,      &x_tls,           &x_local_servers,
              &x_kept,       &x_memory,         &x_drain,         x_series.get(),
              x_lists.get(), &x_overrides_file, &x_kept_endpoints} {}

ControlPlane::~ControlPlane() {
  x_home->plane = nullptr;
  x_environment.workers.stop();
  x_environment.workers.clear();
}

// ---- configurations

std::vector<config::Problem> ControlPlane::start(const config::Loaded& first,
                                                 const config::Texts& texts,
                                                 const RefusedFiles* refused) {
  x_started_ms = x_loop.clock.now_ms();
  x_named.read_now(first.named, x_environment.read_now);
  const std::string kept = x_kept.load_overrides(first.config);
  x_kept_endpoints.load(first.config);
  auto of_file = x_overrides_file.first(first.config, x_environment.read_now);
  std::vector<config::Problem> problems = x_changes.begin(first, kept, std::move(of_file)).problems;
  if (problems.empty()) x_reloader.begin(first, texts, refused);
  return problems;
}

std::vector<config::Problem> ControlPlane::install(config::Loaded next,
                                                   std::function<void()> taken) {
  const auto file = [this](const std::string& path) { return x_named.bytes(path); };
  config::fill_contents(next.config, file);
  Proposal proposal(next, file);
  for (config::Problem& problem : x_named.problems(next.named)) {
    proposal.refuse(std::move(problem));
  }
  for (Part* part : x_parts) part->prepare(proposal);
  if (proposal.problems().empty()) {
    commit(std::move(next), std::move(taken));
  } else {
    for (Part* part : x_parts) part->abandon();
  }
  return proposal.problems();
}

// Secrets and bodies are in the policies, so workers have others by another snapshot.
void ControlPlane::on_rotated(const NamedFiles::Paths& changed) {
  const auto file = [this](const std::string& path) { return x_named.bytes(path); };
  for (Part* part : x_parts) part->rotate(changed, file);
  config::Config filled = x_loaded.config;
  config::fill_contents(filled, file);
  if (filled != x_loaded.config) install(x_loaded, [] {});
}

void ControlPlane::commit(config::Loaded next, std::function<void()> taken) {
  x_loaded = std::move(next);
  x_reloader.set_hash(hash_of(x_loaded.config));
  const auto snapshot =
      make_snapshot(x_loaded.config, x_process.services, x_loop.clock.now_ms(), x_snapshot.get());
  if (x_commits == 0) x_environment.workers.start(x_process);
  for (Part* part : x_parts) part->commit(*snapshot);
  x_snapshot = snapshot;
  hand_out(snapshot, std::move(taken));
}

void ControlPlane::hand_out(const SnapshotPtr& snapshot, std::function<void()> taken) {
  struct Round {
    unsigned missing;
    const uint64_t number;
    const std::function<void()> taken;
  };
  const unsigned workers = x_environment.workers.count();
  const auto round = std::make_shared<Round>(Round{workers, ++x_commits, std::move(taken)});
  const auto on_one = [round](ControlPlane& plane) {
    if (--round->missing > 0) return;
    if (round->number == plane.x_commits) plane.x_listeners.on_taken();
    round->taken();
  };
  for (unsigned i = 0; i < workers; ++i) {
    const auto sockets = std::make_shared<PortSockets>(x_listeners.take_sockets(i));
    const auto report = [home = x_home, &inbox = x_loop.inbox, on_one] {
      inbox.post([home, on_one] {
        if (home->plane != nullptr) on_one(*home->plane);
      });
    };
    x_environment.workers.post(i, [snapshot, sockets, report](Worker& worker) {
      worker.take(snapshot, std::move(*sockets), report);
    });
  }
}

void ControlPlane::wake_workers() {
  for (unsigned i = 0; i < x_environment.workers.count(); ++i) {
    x_environment.workers.post(i, [](Worker&) {});
  }
}

void ControlPlane::on_endpoints(const std::string& service,
                                std::shared_ptr<const upstream::EndpointSet> set) {
  x_kept_endpoints.note_change();
  x_health_checks.on_endpoints(service);
  for (unsigned i = 0; i < x_environment.workers.count(); ++i) {
    x_environment.workers.post(
        i, [service, set](Worker& worker) { worker.take_endpoints(service, set); });
  }
}

void ControlPlane::on_discovery_failed(const std::string& service, discovery::SourceKind source,
                                       const std::string& why) {
  log::repeated(log::Level::kWarning, "discovery failed",
                {{"service", service}, {"source", discovery::to_string(source)}, {"why", why}});
}

void ControlPlane::on_list_doubted(const std::string& service, size_t lost, size_t of) {
  admin::Event event;
  event.kind = "list_doubted";
  event.service = service;
  event.reason = std::to_string(lost) + " of " + std::to_string(of) +
                 " endpoints are gone at once; applied when that is said again, or in 5s";
  x_events.publish(std::move(event));
}

void ControlPlane::on_health(const health::HealthChange& change) {
  admin::Event event;
  event.kind = "health";
  event.service = change.service;
  event.endpoint = change.endpoint;
  event.from = upstream::to_string(change.from);
  event.to = upstream::to_string(change.to);
  event.reason = change.why;
  x_events.publish(std::move(event));
}

void ControlPlane::on_registration(const registration::Change& change) {
  admin::Event event;
  event.kind = "registration";
  event.service = change.name;
  event.to = registration::to_string(change.to);
  event.reason = change.registry + ": " + change.why;
  x_events.publish(std::move(event));
}

Result<std::string> ControlPlane::explain(std::string_view method, std::string_view url) const {
  return app::explain(x_loaded, {std::string(method), std::string(url), {}});
}

std::vector<admin::UnmatchedHost> ControlPlane::unmatched() const {
  std::vector<std::string_view> names;
  for (const auto& service : x_loaded.config.services) names.emplace_back(service.name);
  std::vector<admin::UnmatchedHost> hosts;
  for (const UnmatchedHosts::Host& host : UnmatchedHosts::list(x_process.unmatched)) {
    hosts.push_back({host.authority, host.count,
                     std::string(config::nearest(first_label(host.authority), names)),
                     host.last_wall_ms});
  }
  return hosts;
}

std::vector<admin::RegistrationEntry> ControlPlane::registrations() const {
  std::vector<admin::RegistrationEntry> all;
  for (const auto& entry : x_registrations.entries()) {
    all.push_back({entry.registry, entry.name, entry.address,
                   std::string(registration::to_string(entry.state)), entry.said});
  }
  return all;
}

uint64_t ControlPlane::clear_cache(const std::string& service) {
  return x_process.stale.clear(service);
}

// ---- what the workers report

void ControlPlane::post_permits(unsigned worker, Letter& permits) noexcept {
  x_environment.workers.inbox(worker).send(permits);
}

void ControlPlane::post_home(std::function<void(ControlPlane&)> task) const {
  x_loop.inbox.post([home = x_home, task = std::move(task)] {
    if (home->plane != nullptr) task(*home->plane);
  });
}

void ControlPlane::on_transition(const upstream::Circuit& circuit,
                                 const upstream::CircuitTransition& what) noexcept {
  post_home(
      [name = circuit.name(), what](ControlPlane& plane) { plane.note_transition(name, what); });
}

void ControlPlane::note_transition(const std::string& circuit,
                                   const upstream::CircuitTransition& what) {
  if (!what.shadow) {
    x_process.shards.count_transition(admin::key_of(circuit), admin::transition_of(what));
  }
  x_events.publish(admin::event_of(circuit, what));
}

// ---- health and the end

admin::HealthStates ControlPlane::health() const {
  admin::HealthStates states;
  const int64_t waited_ms = x_loop.clock.now_ms() - x_started_ms;
  const bool waits = waited_ms < x_loaded.config.startup.wait_ms;
  if (waits && !x_discovery.all_answered()) {
    states.started = "the first discovery answer of a service is missing";
  }
  if (x_drain.is_draining()) states.ready = "draining";
  return states;
}

admin::ProcessState ControlPlane::process_state() const {
  return {.version = kVersion,
          .uptime_ms = x_loop.clock.now_ms() - x_started_ms,
          .memory_used_bytes = x_memory.used_bytes(),
          .memory_limit_bytes = x_memory.limit_bytes()};
}

void ControlPlane::on_signal(int number) {
  switch (number) {
    case SIGHUP:
      x_access_log.reopen();
      log::info("log files reopened");
      reload("", "signal", [](const admin::Reloaded&) {});
      return;
    case SIGINT:
      if (++x_interrupts > 1) return end();
      return drain_on_signal();
    case SIGTERM:
      return drain_on_signal();
    default:
      return;
  }
}

// Nobody is to find the neighbour any more, before anything else changes.
void ControlPlane::drain() {
  x_registrations.leave([] {});
  x_drain.begin();
}

void ControlPlane::drain_on_signal() {
  if (x_drain.is_draining()) return;
  admin::Event event;
  event.kind = "drain";
  event.reason = "signal";
  x_events.publish(std::move(event));
  drain();
}

discovery::RegistryAccess ControlPlane::registry_access() {
  using Tls = Published<io::TlsClientContext>;
  const auto tls = [this](const std::string& registry) -> const Tls& {
    return x_process.registry_tls[registry];
  };
  return {x_transport, tls, x_environment.config.variables};
}

registration::Surroundings ControlPlane::registration_surroundings() {
  return {x_loop, x_environment.surroundings.files, registry_access(),
          x_environment.address_towards};
}

Drain::Hooks ControlPlane::drain_hooks() {
  return {.open_connections = [this] { return open_connections(); },
          .last_accepted_ms = [this] { return last_accepted_ms(); },
          .begin_last_phase =
              [this] {
                for (unsigned i = 0; i < x_environment.workers.count(); ++i) {
                  x_environment.workers.post(i, [](Worker& worker) { worker.begin_last_phase(); });
                }
              },
          .end = [this] { end(); }};
}

// A registry that is being told that we leave is waited for like one.
int ControlPlane::open_connections() const {
  int open = x_registrations.is_leaving() ? 1 : 0;
  for (const auto& [name, counts] : x_process.listeners) open += counts.open_connections.load();
  return open;
}

int64_t ControlPlane::last_accepted_ms() const {
  int64_t last_ms = 0;
  for (const auto& [name, counts] : x_process.listeners) {
    last_ms = std::max(last_ms, counts.last_accepted_ms.load());
  }
  return last_ms;
}

void ControlPlane::end() {
  if (std::exchange(x_ended, true)) return;
  x_environment.ended(x_environment.workers.stop());
}

}  // namespace outrigger::app
