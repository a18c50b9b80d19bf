#include "proxy/app/worker.hpp"

#include <algorithm>
#include <utility>

#include "proxy/base/log.hpp"
#include "proxy/downstream/shed.hpp"

namespace outrigger::app {

// One listener on this worker: finds the route of each request that comes to it.
class Worker::Server final : public downstream::Resolver {
 public:
  Server(Worker& worker, const config::ListenerConfig& config)
      : x_worker(worker),
        x_context{worker.x_runtime, *this, *worker.x_series, config,
                  worker.x_process.listeners[config.name]},
        x_acceptor(x_context) {
    x_context.tunnels = true;
    x_context.answers = &worker.x_process.answers;
    if (config.tls) x_context.tls = &x_context.counts.tls;
    choose_chain();
  }

  const std::string& name() const { return x_context.config.name; }
  downstream::Acceptor& acceptor() { return x_acceptor; }
  // After the worker took another snapshot.
  void choose_chain() { x_chain = x_worker.x_routes->chain_index(x_context.config.filters); }

  downstream::Resolution resolve(const http::RequestHead& request, const Address* original,
                                 Arena& arena) override;
  bool is_opaque(const Address* original) const override;
  bool carries_tls() const override { return x_worker.x_routes->table().has_tls(); }
  bool carries_tls_of(std::string_view server_name) const override;
  bool is_overloaded() const override {
    return x_worker.is_above_ceiling() ||
           x_worker.x_process.out_of_memory.load(std::memory_order_relaxed);
  }

 private:
  const chain::Route* find(const http::RequestHead& request, const Address* original,
                           Arena& arena) const;
  downstream::Resolution unmatched(const http::RequestHead& request, const Address* original) const;
  downstream::Resolution resolution(const chain::Route& route,
                                    const http::RequestHead& request) const;

  Worker& x_worker;
  downstream::ServerContext x_context;
  downstream::Acceptor x_acceptor;
  size_t x_chain = 0;
};

downstream::Resolution Worker::Server::resolve(const http::RequestHead& request,
                                               const Address* original, Arena& arena) {
  if (x_worker.x_process.out_of_memory.load(std::memory_order_relaxed)) {
    x_worker.x_series->overload_memory.add();
    return {.cause = Cause::kOverload};
  }
  const bool to_proxy = request.absolute_form || request.tunnel;
  if (x_context.config.intercept == config::Intercept::kProxy && !to_proxy) {
    return {.cause = Cause::kMalformedRequest};
  }
  const chain::Route* route = find(request, original, arena);
  return route != nullptr ? resolution(*route, request) : unmatched(request, original);
}

// The Host decides, and is checked against nothing; where it says nothing, the address does.
const chain::Route* Worker::Server::find(const http::RequestHead& request, const Address* original,
                                         Arena& arena) const {
  const chain::RouteTable& table = x_worker.x_routes->table();
  if (x_context.config.service) return table.find_in(*x_context.config.service, request, arena);
  if (request.version == http::Version::kNone) {
    return table.find_opaque(request.authority, original);
  }
  const chain::Route* route = table.find(request, arena);
  return route == nullptr && original != nullptr ? table.find_at(*original, request, arena) : route;
}

downstream::Resolution Worker::Server::resolution(const chain::Route& route,
                                                  const http::RequestHead& request) const {
  const auto& chains = request.tunnel ? route.tunnels : route.chains;
  return {.route = &route,
          .chain = chains[x_chain].get(),
          .service_port = x_context.config.service.has_value(),
          .proxy = route.proxy && (request.absolute_form || request.tunnel)};
}

downstream::Resolution Worker::Server::unmatched(const http::RequestHead& request,
                                                 const Address* original) const {
  const Clock& clock = x_worker.x_runtime.loop.clock;
  x_worker.x_process.unmatched.note(request.authority, clock.wall_ms());
  const bool refuse = x_worker.x_routes->snapshot().config.unmatched == config::Unmatched::kRefuse;
  const bool leads_nowhere = request.authority.empty() && original == nullptr;
  if (refuse || leads_nowhere) return {.cause = Cause::kUnknownHost};
  downstream::Resolution found = resolution(x_worker.x_routes->passthrough(), request);
  found.passthrough = true;
  // Where a redirected connection names its proxy, that is the proxy to which it was going.
  found.proxy = original != nullptr && (request.absolute_form || request.tunnel);
  return found;
}

bool Worker::Server::is_opaque(const Address* original) const {
  const config::ListenerConfig& config = x_context.config;
  if (config.service) {
    const auto* service = x_worker.x_routes->snapshot().config.find_service(*config.service);
    return service != nullptr && config::is_opaque(service->policy.protocol);
  }
  if (original == nullptr) return false;
  const auto& ports = config.opaque_ports;
  return std::find(ports.begin(), ports.end(), original->port()) != ports.end() ||
         x_worker.x_routes->table().is_opaque(*original);
}

bool Worker::Server::carries_tls_of(std::string_view server_name) const {
  return !server_name.empty() &&
         x_worker.x_routes->table().find_opaque(server_name, nullptr) != nullptr;
}

namespace {

// A pass looks at every connection, so each frees some more than it must: a part of what is held.
constexpr int64_t kShedPart = 16;
constexpr int64_t kShedAgainMs = 1;

// Upstreams are nobody's in particular: the widest of the listeners' bounds.
http::H2Flood flood_of(const std::vector<config::ListenerConfig>& listeners) {
  http::H2Flood widest(config::ListenerFlood{});
  bool first = true;
  for (const config::ListenerConfig& listener : listeners) {
    const http::H2Flood flood(listener.flood);
    if (std::exchange(first, false)) widest = flood;
    widest.widen(flood);
  }
  return widest;
}

}  // namespace

Worker::Worker(unsigned index, LoopContext loop, io::Outbox& outbox, io::Network& network,
               io::NameService& names, Process& process)
    : x_index(index),
      x_process(process),
      x_series(process.shards.worker(index)),
      x_unrouted(process.shards.service(index, {})),
      x_runtime{loop, outbox, x_driver, x_exchanges, process.retry_bodies, this},
      x_upstream{x_runtime, network, names, *x_series, process.own_listeners},
      x_recorder(*x_unrouted, loop.clock),
      x_memory(process.memory.at(index)) {}

Worker::~Worker() {
  end();
  // What ended just now still refers to its server.
  x_runtime.loop.reaper.flush();
  x_servers.clear();
  x_runtime.loop.reaper.flush();
}

void Worker::take(SnapshotPtr snapshot) {
  if (x_access_log == nullptr && x_process.access_log != nullptr) {
    x_access_log = std::make_unique<filters::AccessLog>(snapshot->config.access_log,
                                                        *x_process.access_log, x_runtime);
  }
  const config::Pool& pool = snapshot->config.passthrough.pool;
  if (x_passthrough == nullptr) {
    x_passthrough = std::make_unique<upstream::PassthroughClient>(x_upstream, pool);
  }
  x_passthrough->set_pool(pool);
  x_upstream.flood = flood_of(snapshot->config.listeners);
  auto routes = std::make_unique<RouteSet>(*this, std::move(snapshot));
  if (x_routes != nullptr) x_old_routes.push_back(std::move(x_routes));
  x_routes = std::move(routes);
  for (const auto& server : x_servers) server->choose_chain();
  bury_idle_sets();
}

void Worker::take_endpoints(const std::string& service,
                            std::shared_ptr<const upstream::EndpointSet> set) {
  const auto found = x_clients.find(service);
  if (found != x_clients.end()) found->second->apply(std::move(set));
}

downstream::Acceptor& Worker::acceptor_of(const config::ListenerConfig& config) {
  for (const auto& server : x_servers) {
    if (server->name() == config.name) return server->acceptor();
  }
  x_servers.push_back(std::make_unique<Server>(*this, config));
  return x_servers.back()->acceptor();
}

// The order is that of least harm: what can be had again at once, then who waits, then new calls,
// at last those that run.
void Worker::shed(int64_t bytes) {
  if (x_shed_timer.is_armed()) return;
  x_runtime.loop.timers.arm(x_shed_timer, x_runtime.loop.clock.now_ms() + kShedAgainMs);
  bytes += x_memory.in_use_bytes.load(std::memory_order_relaxed) / kShedPart;
  for (const auto& [name, client] : x_clients) client->close_idle_connections();
  if (x_passthrough != nullptr) x_passthrough->close_idle_connections();
  std::vector<downstream::Acceptor*> acceptors;
  for (const auto& server : x_servers) acceptors.push_back(&server->acceptor());
  if (shed_connections(acceptors, bytes, downstream::Shed::kWaiting) >= bytes) return;
  const bool refused_already = x_process.out_of_memory.exchange(true, std::memory_order_relaxed);
  if (refused_already) shed_connections(acceptors, bytes, downstream::Shed::kCallsToo);
}

void Worker::begin_last_phase() {
  for (const auto& server : x_servers) {
    server->acceptor().stop_listening();
    server->acceptor().drain();
    server->acceptor().drain_idle();
  }
}

int Worker::end() {
  int running = 0;
  for (const auto& server : x_servers) running += server->acceptor().close_all();
  return running;
}

void Worker::on_exchange_end(const chain::Exchange& exchange, const chain::Outcome& outcome) {
  x_recorder.on_exchange_end(exchange, outcome);
  if (exchange.facts().cause == Cause::kLoop) {
    log::repeated(log::Level::kWarning, "loop: a call leads to the sidecar itself",
                  {{"to", exchange.request().authority}});
  }
  if (x_process.exchange_observer != nullptr) {
    x_process.exchange_observer->on_exchange_end(exchange, outcome);
  }
  // What never had a route has no access_log filter either.
  if (exchange.has_chain() || x_access_log == nullptr) return;
  x_access_log->on_end(exchange, outcome);
}

// A client outlives the snapshots that use it, so that its connections and counts stay.
std::shared_ptr<upstream::ServiceClient> Worker::client_of(
    const std::shared_ptr<upstream::Service>& of, const config::Policy& policy) {
  auto& client = x_clients[of->name()];
  if (client == nullptr || &client->service() != of.get()) {
    client = std::make_shared<upstream::ServiceClient>(x_upstream, of, policy);
  }
  client->set_policy(policy);
  return client;
}

void Worker::bury_idle_sets() {
  std::erase_if(x_old_routes, [](const auto& routes) { return routes->running() == 0; });
}

}  // namespace outrigger::app
