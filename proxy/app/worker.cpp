#include "proxy/app/worker.hpp"

#include <algorithm>
#include <utility>

#include "proxy/base/log.hpp"
#include "proxy/downstream/shed.hpp"

namespace outrigger::app {
namespace {

// So often it looks whether what was replaced has come to its end.
constexpr int64_t kTidyEachMs = 1'000;

// A pass looks at every connection, so each frees some more than it must: a part of what is held.
constexpr int64_t kShedPart = 16;
constexpr int64_t kShedAgainMs = 5;

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

// One address of a listener: what comes there goes to whatever server the latest snapshot says.
class Worker::Port final : public io::AcceptEvents {
 public:
  explicit Port(ListenerServer& server) : x_server(&server) {}

  bool is_of(const ListenerServer& server) const { return x_server == &server; }
  Address address() const { return x_listener->address(); }
  void lead_to(ListenerServer& server) { x_server = &server; }
  Result<bool> open(io::Network& network, io::BoundSocketPtr socket) {
    auto listener = network.listen_on(std::move(socket), *this);
    if (!listener) return failure(listener.error());
    x_listener = std::move(*listener);
    return true;
  }
  io::ListenerPtr close() { return std::move(x_listener); }

  void on_accepted(io::StreamPtr stream) override {
    x_server->acceptor().on_accepted(std::move(stream));
  }
  void on_accept_refused() override { x_server->acceptor().on_accept_refused(); }

 private:
  ListenerServer* x_server;
  io::ListenerPtr x_listener;
};

Worker::Worker(unsigned index, LoopContext loop, io::Outbox& outbox, io::Network& network,
               io::NameService& names, Process& process)
    : x_index(index),
      x_process(process),
      x_network(network),
      x_series(process.shards.worker(index)),
      x_unrouted(process.shards.service(index, {})),
      x_runtime{loop, outbox, x_driver, x_exchanges, process.retry_bodies, this},
      x_upstream{x_runtime, network, names, *x_series, nullptr},
      x_recorder(*x_unrouted, loop.clock),
      x_memory(process.memory.at(index)) {}

Worker::~Worker() {
  end();
  x_ports.clear();
  // What ended just now still refers to its server.
  x_runtime.loop.reaper.flush();
  x_servers.clear();
  x_retired.clear();
  x_takings.clear();
  x_routes.reset();
  x_replaced.clear();
  x_runtime.loop.reaper.flush();
}

// ---- another configuration

void Worker::take(SnapshotPtr snapshot, PortSockets sockets, std::function<void()> taken) {
  x_takings.push_back({std::move(snapshot), std::move(sockets), std::move(taken), nullptr});
  if (!x_compiling.is_armed()) take_next();
}

// Before the first one there is nobody to be held up.
void Worker::take_next() {
  const size_t routes_max = x_routes == nullptr ? SIZE_MAX : kRoutesPerTurn;
  while (!x_takings.empty()) {
    Taking& next = x_takings.front();
    if (next.routes == nullptr) {
      take_policies(next.snapshot);
      retire_servers(*next.snapshot);
      next.routes =
          std::make_unique<RouteSet>(*this, next.snapshot, filters_of_retired(), x_routes.get());
    }
    if (!next.routes->build(routes_max)) {
      return x_runtime.loop.timers.arm(x_compiling, x_runtime.loop.clock.now_ms());
    }
    Taking built = std::move(next);
    x_takings.pop_front();
    finish_taking(std::move(built));
  }
}

void Worker::finish_taking(Taking taking) {
  const Snapshot& snapshot = *taking.snapshot;
  std::unique_ptr<RouteSet> before = std::exchange(x_routes, std::move(taking.routes));
  if (before != nullptr) {
    for (auto& service : before->replaced_by(*x_routes)) x_replaced.push_back(std::move(service));
    x_runtime.loop.reaper.doom(std::move(before));
  }
  std::erase_if(x_clients,
                [&](const auto& client) { return !snapshot.services.contains(client.first); });
  take_listeners(snapshot);
  take_ports(snapshot, std::move(taking.sockets));
  tidy();
  taking.taken();
}

void Worker::take_policies(const SnapshotPtr& snapshot) {
  const config::AccessLogConfig& log = snapshot->config.access_log;
  if (snapshot->access_log == nullptr) {
    x_access_log.reset();
  } else if (x_access_log == nullptr || !x_access_log->is_of(log, *snapshot->access_log)) {
    x_access_log = std::make_shared<filters::AccessLog>(log, snapshot->access_log, x_runtime);
  }
  const config::Pool& pool = snapshot->config.passthrough.pool;
  if (x_passthrough == nullptr) {
    x_passthrough = std::make_unique<upstream::PassthroughClient>(x_upstream, pool);
  }
  x_passthrough->set_pool(pool);
  x_upstream.flood = flood_of(snapshot->config.listeners);
  x_upstream.own_listeners = {snapshot, &snapshot->own_listeners};
  x_upstream.zone = snapshot->config.zone.value_or("");
  for (const auto& [name, client] : x_clients) client->set_zone(x_upstream.zone);
  x_unrouted = x_process.shards.service(x_index, {});
  x_recorder.set_unrouted(*x_unrouted);
}

void Worker::retire_servers(const Snapshot& snapshot) {
  const auto stays = [&](const std::unique_ptr<ListenerServer>& server) {
    const auto& listeners = snapshot.config.listeners;
    return std::any_of(listeners.begin(), listeners.end(), [&](const auto& listener) {
      return listener.name == server->config().name;
    });
  };
  const auto gone = std::stable_partition(x_servers.begin(), x_servers.end(), stays);
  for (auto server = gone; server != x_servers.end(); ++server) {
    (*server)->retire();
    x_retired.push_back(std::move(*server));
  }
  x_servers.erase(gone, x_servers.end());
}

std::vector<std::vector<config::FilterKind>> Worker::filters_of_retired() const {
  std::vector<std::vector<config::FilterKind>> lists;
  for (const auto& server : x_retired) lists.push_back(server->config().filters);
  return lists;
}

void Worker::take_listeners(const Snapshot& snapshot) {
  for (size_t i = 0; i < snapshot.config.listeners.size(); ++i) {
    const config::ListenerConfig& config = snapshot.config.listeners[i];
    server_of(config, *snapshot.listeners[i]).set_config(config);
  }
  for (const auto& server : x_servers) server->choose_chain();
  for (const auto& server : x_retired) server->choose_chain();
}

ListenerServer& Worker::server_of(const config::ListenerConfig& config,
                                  downstream::ListenerState& state) {
  for (const auto& server : x_servers) {
    if (server->config().name == config.name) return *server;
  }
  x_servers.push_back(std::make_unique<ListenerServer>(*this, config, state));
  if (x_last_phase) x_servers.back()->begin_last_phase();
  return *x_servers.back();
}

// New ports open before those that go close, so that callers always find one.
void Worker::take_ports(const Snapshot& snapshot, PortSockets sockets) {
  if (x_last_phase) return;
  std::map<uint64_t, std::unique_ptr<Port>> gone = std::exchange(x_ports, {});
  for (const Snapshot::Port& named : snapshot.ports) {
    const size_t at = named.listener;
    ListenerServer& server = server_of(snapshot.config.listeners[at], *snapshot.listeners[at]);
    if (auto known = gone.extract(named.id)) {
      known.mapped()->lead_to(server);
      x_ports.insert(std::move(known));
      continue;
    }
    const auto socket = std::find_if(sockets.begin(), sockets.end(),
                                     [&](const PortSocket& each) { return each.port == named.id; });
    if (socket == sockets.end()) continue;
    auto port = std::make_unique<Port>(server);
    if (const auto opened = port->open(x_network, std::move(socket->socket)); !opened) {
      log::error("not listening", {{"listener", server.config().name}, {"why", opened.error()}});
      continue;
    }
    x_ports.emplace(named.id, std::move(port));
  }
  for (auto& [id, port] : gone) {
    // Closed before the control thread hears of it, which may bind the address again at once.
    const io::ListenerPtr listener = port->close();
    listener->accept_waiting();
  }
}

void Worker::take_endpoints(const std::string& service,
                            std::shared_ptr<const upstream::EndpointSet> set) {
  const auto found = x_clients.find(service);
  if (found != x_clients.end()) found->second->apply(std::move(set));
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

// ---- what was replaced

// What is dropped here may be referred to by what ended in this turn, so it goes after that.
void Worker::tidy() {
  Reaper& reaper = x_runtime.loop.reaper;
  std::erase_if(x_replaced, [](const auto& service) { return service->running() == 0; });
  std::erase_if(x_retired, [&](auto& server) {
    if (server->acceptor().has_connections()) return false;
    reaper.doom(std::move(server));
    return true;
  });
  if (!x_retired.empty()) tidy_later();
}

void Worker::tidy_later() {
  if (x_tidying.is_armed()) return;
  x_runtime.loop.timers.arm(x_tidying, x_runtime.loop.clock.now_ms() + kTidyEachMs);
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
  if (!x_replaced.empty()) tidy_later();
  // What never had a route has no access_log filter either.
  if (exchange.has_chain() || x_access_log == nullptr) return;
  x_access_log->on_end(exchange, outcome);
}

// The order is that of least harm: what can be had again at once, then who waits, then new calls,
// at last those that run. What is ended comes free before the loop sleeps, and is reckoned with
// until then.
void Worker::shed(int64_t in_use) {
  const int64_t now_ms = x_runtime.loop.clock.precise_ns() / 1'000'000;
  if (now_ms < x_shed_again_ms) return;
  x_shed_again_ms = now_ms + kShedAgainMs;
  x_runtime.loop.timers.arm(x_shed_timer, x_runtime.loop.clock.now_ms() + kShedAgainMs);
  const int64_t part = in_use / kShedPart;
  const int64_t bytes = in_use - ceiling_bytes() + part - x_shed_bytes;
  if (bytes <= 0) return;
  for (const auto& [name, client] : x_clients) client->close_idle_connections();
  if (x_passthrough != nullptr) x_passthrough->close_idle_connections();
  std::vector<downstream::Acceptor*> acceptors;
  for (const auto& server : x_servers) acceptors.push_back(&server->acceptor());
  for (const auto& server : x_retired) acceptors.push_back(&server->acceptor());
  log::repeated(log::Level::kWarning, "memory",
                {{"now", "connections are ended"}, {"to_free_bytes", bytes}});
  const int64_t freed = shed_connections(acceptors, bytes, downstream::Shed::kWaiting);
  x_shed_bytes += freed;
  if (freed >= bytes) return;
  x_process.out_of_memory.store(true, std::memory_order_relaxed);
  const int64_t of_calls =
      in_use - x_memory.calls_ceiling_bytes.load(std::memory_order_relaxed) + part - x_shed_bytes;
  if (of_calls > part) {
    x_shed_bytes += shed_connections(acceptors, of_calls, downstream::Shed::kCallsToo);
  }
}

// What was ended has come free, what the kernel held for it as well.
void Worker::after_shedding() {
  x_shed_bytes = 0;
  x_shed_again_ms = 0;
  x_process.memory_meter.make_due();
}

// ---- the end

std::vector<Address> Worker::addresses_of(std::string_view listener) const {
  std::vector<Address> addresses;
  for (const auto& server : x_servers) {
    if (server->config().name != listener) continue;
    for (const auto& [id, port] : x_ports) {
      if (port->is_of(*server)) addresses.push_back(port->address());
    }
  }
  return addresses;
}

void Worker::begin_last_phase() {
  x_last_phase = true;
  for (auto& [id, port] : x_ports) x_runtime.loop.reaper.doom(port->close());
  x_ports.clear();
  for (const auto& server : x_servers) server->begin_last_phase();
  for (const auto& server : x_retired) server->begin_last_phase();
}

int Worker::end() {
  int running = 0;
  for (const auto& server : x_servers) running += server->acceptor().close_all();
  for (const auto& server : x_retired) running += server->acceptor().close_all();
  return running;
}

}  // namespace outrigger::app
