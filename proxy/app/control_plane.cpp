#include "proxy/app/control_plane.hpp"

#include <csignal>
#include <random>
#include <thread>

#include "config/text.hpp"
#include "proxy/base/log.hpp"
#include "proxy/io/interfaces.hpp"

namespace outrigger::app {
namespace {

// Files and name servers that are well have answered by then.
constexpr int64_t kFirstAnswersMs = 300;

uint64_t fresh_seed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

unsigned worker_count(const config::Config& config) {
  if (config.workers > 0) return static_cast<unsigned>(config.workers);
  return std::max(1U, std::thread::hardware_concurrency());
}

// How passthrough looks names up: as the registry `dns` says, or as the system does.
io::DnsOptions dns_options(const config::Config& config) {
  io::DnsOptions options;
  if (config.registries.empty()) return options;
  const config::DnsRegistryConfig& dns = config.registries.front();
  options.servers = dns.servers;
  options.hosts_file = dns.hosts_file.value_or("/etc/hosts");
  return options;
}

// "orders" of "orders.svc:8080".
std::string_view first_label(std::string_view authority) {
  return authority.substr(0, authority.find_first_of(".:"));
}

void log_event(const admin::Event& event) {
  log::info("event", {{"kind", event.kind},
                      {"service", event.service},
                      {"route", event.route},
                      {"from", event.from},
                      {"to", event.to},
                      {"reason", event.reason},
                      {"actor", event.actor},
                      {"before", event.before},
                      {"after", event.after}});
}

}  // namespace

ControlPlane::ControlPlane(config::Loaded loaded, io::FileThread& disk)
    : x_loaded(std::move(loaded)),
      x_disk(disk),
      x_loop(fresh_seed()),
      x_context(x_loop.context()),
      x_files(x_loop, disk),
      x_network(x_loop),
      x_runtime(x_context, x_loop.outbox()),
      x_worker_count(worker_count(x_loaded.config)),
      x_process(x_loaded.config, {x_worker_count, this, this, fresh_seed()}),
      x_events(x_context.clock, log_event),
      x_changes(x_context, *this, x_events),
      x_tls(x_context, x_files, x_process),
      x_memory(x_context, x_process, x_loaded.config.memory, io::memory_cgroup(),
               [this] {
                 for (const auto& worker : x_workers) worker->post([](Worker&) {});
               }),
      x_drain(x_context, x_loaded.config.drain, drain_hooks()),
      x_discovery(discovery::surroundings_on(x_loop, x_files), *this),
      x_facts(x_context, x_process, x_loaded, x_memory, x_changes, x_discovery, disk),
      x_exporter(x_process.shards, x_facts),
      x_parts{x_context, *this, x_changes, x_events, x_exporter},
      x_metrics_api(x_parts) {
  x_loop.set_after_each(
      [](void* runtime) { static_cast<ControlRuntime*>(runtime)->driver().run(); }, &x_runtime);
}

ControlPlane::~ControlPlane() {
  x_workers.clear();
  x_admin_server.reset();
  x_metrics_server.reset();
  x_signals.reset();
  x_context.reaper.flush();
}

// ---- start

Result<bool> ControlPlane::start() {
  x_started_ms = x_context.clock.now_ms();
  if (auto opened = open_access_log(); !opened) return opened;
  const SnapshotPtr snapshot =
      make_snapshot(x_loaded.config, x_process.services, x_context.clock.now_ms());
  if (auto loaded = x_tls.start(x_loaded.config); !loaded) return loaded;
  for (unsigned i = 0; i < x_worker_count; ++i) {
    x_workers.push_back(
        std::make_unique<WorkerThread>(i, fresh_seed(), dns_options(x_loaded.config), x_process));
    x_workers.back()->worker().take(snapshot);
  }
  if (auto bound = bind_listeners(); !bound) return bound;
  x_discovery.apply(x_loaded.config, x_process.services);
  wait_for_first_answers();
  x_signals = std::make_unique<io::Signals>(x_loop, *this);
  for (const auto& worker : x_workers) worker->start();
  return true;
}

// Callers that come meanwhile wait to be accepted, where they would be refused for want of a list.
void ControlPlane::wait_for_first_answers() {
  bool is_over = false;
  Timer limit([](void* over) { *static_cast<bool*>(over) = true; }, &is_over);
  x_context.timers.arm(limit, x_context.clock.now_ms() + kFirstAnswersMs);
  while (!is_over && !x_discovery.all_answered()) x_loop.run_once();
}

Result<bool> ControlPlane::open_access_log() {
  if (!x_loaded.config.access_log.path) return true;
  auto writer = x_disk.append_to(*x_loaded.config.access_log.path);
  if (!writer) return failure("access_log: " + writer.error());
  x_process.access_log = std::move(*writer);
  return true;
}

// Everything is bound before the first worker starts, so that a taken port is said at once.
Result<bool> ControlPlane::bind_listeners() {
  x_process.own_listeners.set_interfaces(io::interface_addresses());
  for (const config::ListenerConfig& listener : x_loaded.config.listeners) {
    x_process.listeners[listener.name];
    for (const std::string& text : listener.addresses) {
      const auto address = Address::parse(text);
      if (!address) return failure(address.error());
      auto socket = io::ListeningSocket::bind(*address);
      if (!socket) return failure("listener " + listener.name + ": " + socket.error());
      x_process.own_listeners.add(socket->address());
      log::info("listening",
                {{"listener", listener.name}, {"address", socket->address().to_string()}});
      for (const auto& worker : x_workers) {
        auto share = socket->share();
        if (!share) return failure(share.error());
        if (auto served = worker->listen(listener, std::move(*share)); !served) return served;
      }
    }
  }
  const config::Config& config = x_loaded.config;
  if (config.admin) {
    x_access = std::make_unique<admin::AccessRules>(x_context.clock, *config.admin);
    x_admin_api = std::make_unique<admin::AdminApi>(x_parts, *x_access);
    const auto* tls = config.admin->tls ? &x_process.admin_tls : nullptr;
    auto served = serve(x_admin_server, "admin", config.admin->address, *x_admin_api, tls);
    if (!served) return served;
  }
  if (config.metrics) {
    return serve(x_metrics_server, "metrics", config.metrics->address, x_metrics_api, nullptr);
  }
  return true;
}

Result<bool> ControlPlane::serve(std::unique_ptr<LocalServer>& server, const std::string& name,
                                 const std::string& address_text, chain::Terminal& terminal,
                                 const Published<io::TlsServerContext>* tls) {
  const auto address = Address::parse(address_text);
  if (!address) return failure(name + ": " + address.error());
  auto socket = io::ListeningSocket::bind(*address);
  if (!socket) return failure(name + ": " + socket.error());
  x_process.own_listeners.add(socket->address());
  log::info("listening", {{"listener", name}, {"address", socket->address().to_string()}});
  server = std::make_unique<LocalServer>(x_runtime, name, terminal, tls);
  return server->listen(x_network, std::move(*socket));
}

int ControlPlane::run() {
  x_loop.run();
  return x_reset_calls;
}

// ---- changes

void ControlPlane::install(config::Loaded next, std::function<void()> taken) {
  x_loaded = std::move(next);
  const SnapshotPtr snapshot =
      make_snapshot(x_loaded.config, x_process.services, x_context.clock.now_ms());
  x_discovery.apply(x_loaded.config, x_process.services);
  auto missing = std::make_shared<size_t>(x_workers.size());
  for (const auto& worker : x_workers) {
    worker->post([this, snapshot, missing, taken](Worker& here) {
      here.take(snapshot);
      x_loop.post([missing, taken] {
        if (--*missing == 0) taken();
      });
    });
  }
}

void ControlPlane::on_endpoints(const std::string& service,
                                std::shared_ptr<const upstream::EndpointSet> set) {
  for (const auto& worker : x_workers) {
    worker->post([service, set](Worker& here) { here.take_endpoints(service, set); });
  }
}

void ControlPlane::on_discovery_failed(const std::string& service, discovery::SourceKind source,
                                       const std::string& why) {
  log::repeated(log::Level::kWarning, "discovery failed",
                {{"service", service}, {"source", discovery::to_string(source)}, {"why", why}});
}

std::vector<admin::UnmatchedHost> ControlPlane::unmatched() const {
  std::vector<std::string_view> names;
  for (const auto& service : x_loaded.config.services) names.emplace_back(service.name);
  std::vector<admin::UnmatchedHost> hosts;
  for (const UnmatchedHosts::Host& host : x_process.unmatched.list()) {
    hosts.push_back({host.authority, host.count,
                     std::string(config::nearest(first_label(host.authority), names)),
                     host.last_wall_ms});
  }
  return hosts;
}

uint64_t ControlPlane::clear_cache(const std::string& service) {
  return x_process.stale.clear(service);
}

// ---- what the workers report

void ControlPlane::post_permit(upstream::OutstandingLimit& limit, unsigned worker) noexcept {
  x_workers[worker]->post([&limit, worker](Worker&) { limit.queue(worker).arrive(); });
}

void ControlPlane::on_transition(const upstream::Circuit& circuit,
                                 const upstream::CircuitTransition& what) noexcept {
  x_loop.post([this, label = circuit.name(), what] { note_transition(label, what); });
}

void ControlPlane::note_transition(const std::string& label,
                                   const upstream::CircuitTransition& what) {
  const size_t slash = label.find('/');
  admin::Event event;
  event.kind = what.shadow ? "circuit_shadow" : "circuit";
  event.service = label.substr(0, slash);
  if (slash != std::string::npos) event.route = label.substr(slash + 1);
  event.from = upstream::to_string(what.from);
  event.to = upstream::to_string(what.to);
  event.reason = upstream::to_string(what.reason);
  if (!what.shadow) {
    x_process.shards.count_transition({event.service, event.route},
                                      {event.from, event.to, event.reason});
  }
  x_events.publish(std::move(event));
}

// ---- health and the end

admin::HealthStates ControlPlane::health() const {
  admin::HealthStates states;
  const int64_t waited_ms = x_context.clock.now_ms() - x_started_ms;
  const bool waits = waited_ms < x_loaded.config.startup.wait_ms;
  if (waits && !x_discovery.all_answered()) {
    states.started = "the first discovery answer of a service is missing";
  }
  if (x_drain.is_draining()) states.ready = "draining";
  return states;
}

void ControlPlane::on_signal(int number) {
  switch (number) {
    case SIGHUP:
      if (x_process.access_log != nullptr) x_process.access_log->reopen();
      return log::info("log files reopened");
    case SIGINT:
      if (++x_interrupts > 1) return end();
      return drain_on_signal();
    case SIGTERM:
      return drain_on_signal();
    default:
      return;
  }
}

void ControlPlane::drain() { x_drain.begin(); }

void ControlPlane::drain_on_signal() {
  if (x_drain.is_draining()) return;
  admin::Event event;
  event.kind = "drain";
  event.reason = "signal";
  x_events.publish(std::move(event));
  drain();
}

Drain::Hooks ControlPlane::drain_hooks() {
  return {.open_connections = [this] { return open_connections(); },
          .last_accepted_ms = [this] { return last_accepted_ms(); },
          .begin_last_phase =
              [this] {
                for (const auto& worker : x_workers) {
                  worker->post([](Worker& here) { here.begin_last_phase(); });
                }
              },
          .end = [this] { end(); }};
}

int ControlPlane::open_connections() const {
  int open = 0;
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
  for (const auto& worker : x_workers) x_reset_calls += worker->stop();
  x_loop.stop();
}

}  // namespace outrigger::app
