#include "proxy/app/listeners.hpp"

#include <algorithm>

#include "proxy/base/log.hpp"

namespace outrigger::app {
namespace {

// Each listener on port 0 has a port of its own.
std::string place_of(const config::ListenerConfig& listener, const Address& address) {
  std::string place = address.to_string();
  const bool is_any_port = address.is_ip() && address.port() == 0;
  return is_any_port ? place + " of " + listener.name : place;
}

template <class Visit>
void for_each_address(const config::Config& config, Visit visit) {
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    for (const std::string& text : config.listeners[i].addresses) {
      visit(i, config.listeners[i], *Address::parse(text));
    }
  }
}

}  // namespace

Listeners::Listeners(const LoopContext& loop, io::Binder& binder, unsigned workers,
                     std::function<std::vector<Address>()> interfaces, Process& process)
    : x_loop(loop),
      x_binder(binder),
      x_workers(workers),
      x_read_interfaces(std::move(interfaces)),
      x_process(process),
      x_sockets(workers) {}

void Listeners::prepare(Proposal& next) {
  for_each_address(next.config(),
                   [&](size_t, const config::ListenerConfig& listener, const Address& address) {
                     const std::string place = place_of(listener, address);
                     if (x_ports.contains(place) || x_bound.contains(place)) return;
                     auto sockets = x_binder.bind(address, x_workers, is_ours(address));
                     if (!sockets)
                       return next.refuse("listeners." + listener.name, sockets.error());
                     x_bound.emplace(place, std::move(*sockets));
                   });
}

// Whether we listen there, or where one of the two is every address.
bool Listeners::is_ours(const Address& address) const {
  if (!address.is_ip() || address.port() == 0) return false;
  const auto covers = [&](const Address& ours) {
    const bool same_port = ours.kind() == address.kind() && ours.port() == address.port();
    return same_port && (ours == address || ours.is_any() || address.is_any());
  };
  return std::any_of(x_closing.begin(), x_closing.end(), covers) ||
         std::any_of(x_ports.begin(), x_ports.end(),
                     [&](const auto& known) { return covers(known.second.address); });
}

void Listeners::commit(Snapshot& next) noexcept {
  look_at_interfaces();
  next.own_listeners.set_interfaces(x_interfaces);
  for (const config::ListenerConfig& listener : next.config.listeners) {
    next.listeners.push_back(&x_process.listeners[listener.name]);
  }
  std::map<std::string, Port> ports;
  for_each_address(next.config,
                   [&](size_t i, const config::ListenerConfig& listener, const Address& address) {
                     const std::string place = place_of(listener, address);
                     if (auto known = x_ports.extract(place)) {
                       ports.insert(std::move(known));
                     } else if (auto bound = x_bound.extract(place)) {
                       ports.emplace(place, open(listener.name, std::move(bound.mapped())));
                     }
                     const Port& port = ports.at(place);
                     next.ports.push_back({port.id, i});
                     next.own_listeners.add(port.address);
                   });
  for (const auto& [place, port] : x_ports) {
    log::info("no longer listening", {{"address", port.address.to_string()}});
    x_closing.push_back(port.address);
  }
  x_ports = std::move(ports);
  x_bound.clear();
}

// The kernel is asked; no disk is waited for. Where it says nothing it is not asked again.
void Listeners::look_at_interfaces() {
  constexpr int64_t kLookMs = 5'000;
  auto latest = std::make_shared<const std::vector<Address>>(x_read_interfaces());
  if (!latest->empty()) x_loop.timers.arm(x_look, x_loop.clock.now_ms() + kLookMs);
  x_interfaces->set(std::move(latest));
}

Listeners::Port Listeners::open(const std::string& listener,
                                std::vector<io::BoundSocketPtr> sockets) {
  Port port{++x_last_id, sockets.front()->address()};
  log::info("listening", {{"listener", listener}, {"address", port.address.to_string()}});
  for (unsigned worker = 0; worker < x_workers; ++worker) {
    x_sockets[worker].push_back({port.id, std::move(sockets[worker])});
  }
  return port;
}

}  // namespace outrigger::app
