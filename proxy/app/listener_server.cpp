#include "proxy/app/listener_server.hpp"

#include <algorithm>

#include "proxy/app/worker.hpp"

namespace outrigger::app {

ListenerServer::ListenerServer(Worker& worker, const config::ListenerConfig& config,
                               downstream::ListenerState& state)
    : x_worker(worker),
      x_context{worker.x_runtime, *this, *worker.x_series, config, state},
      x_acceptor(x_context) {
  x_context.tunnels = true;
  x_context.answers = &worker.x_process.answers;
  set_config(config);
}

void ListenerServer::set_config(const config::ListenerConfig& config) {
  x_context.config = config;
  x_context.tls = config.tls ? &x_context.counts.tls : nullptr;
}

void ListenerServer::choose_chain() {
  x_chain = x_worker.x_routes->chain_index(x_context.config.filters);
}

// Whoever has connected and said nothing has so long to begin.
void ListenerServer::retire() {
  constexpr int64_t kSilenceMs = 10'000;
  const LoopContext& loop = x_worker.x_runtime.loop;
  x_acceptor.retire();
  x_acceptor.drain_idle();
  loop.timers.arm(x_silence, loop.clock.now_ms() + kSilenceMs);
}

void ListenerServer::begin_last_phase() {
  x_acceptor.drain();
  x_acceptor.drain_idle();
}

downstream::Resolution ListenerServer::resolve(const http::RequestHead& request,
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
const chain::Route* ListenerServer::find(const http::RequestHead& request, const Address* original,
                                         Arena& arena) const {
  const chain::RouteTable& table = x_worker.x_routes->table();
  if (x_context.config.service) return table.find_in(*x_context.config.service, request, arena);
  if (request.version == http::Version::kNone) {
    return table.find_opaque(request.authority, original);
  }
  const chain::Route* route = table.find(request, arena);
  return route == nullptr && original != nullptr ? table.find_at(*original, request, arena) : route;
}

downstream::Resolution ListenerServer::resolution(const chain::Route& route,
                                                  const http::RequestHead& request) const {
  const auto& chains = request.tunnel ? route.tunnels : route.chains;
  return {.route = &route,
          .chain = chains[x_chain].get(),
          .service_port = x_context.config.service.has_value(),
          .proxy = route.proxy && (request.absolute_form || request.tunnel)};
}

downstream::Resolution ListenerServer::unmatched(const http::RequestHead& request,
                                                 const Address* original) const {
  // The one service of a retired listener has gone too: nobody else was meant.
  if (x_context.config.service) return {.cause = Cause::kUnknownHost};
  const Clock& clock = x_worker.x_runtime.loop.clock;
  x_worker.x_process.unmatched[x_worker.x_index].note(request.authority, clock.wall_ms());
  const bool refuse = x_worker.x_routes->snapshot().config.unmatched == config::Unmatched::kRefuse;
  const bool leads_nowhere = request.authority.empty() && original == nullptr;
  if (refuse || leads_nowhere) return {.cause = Cause::kUnknownHost};
  downstream::Resolution found = resolution(x_worker.x_routes->passthrough(), request);
  found.passthrough = true;
  // Where a redirected connection names its proxy, that is the proxy to which it was going.
  found.proxy = original != nullptr && (request.absolute_form || request.tunnel);
  return found;
}

bool ListenerServer::is_opaque(const Address* original) const {
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

bool ListenerServer::is_overloaded() const {
  return x_worker.is_above_ceiling() ||
         x_worker.x_process.out_of_memory.load(std::memory_order_relaxed);
}

bool ListenerServer::carries_tls() const { return x_worker.x_routes->table().has_tls(); }

bool ListenerServer::carries_tls_of(std::string_view server_name) const {
  return !server_name.empty() &&
         x_worker.x_routes->table().find_opaque(server_name, nullptr) != nullptr;
}

}  // namespace outrigger::app
