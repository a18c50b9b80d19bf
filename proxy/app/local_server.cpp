#include "proxy/app/local_server.hpp"

namespace outrigger::app {
namespace {

config::ListenerConfig settings(std::string name) {
  config::ListenerConfig config;
  config.name = std::move(name);
  config.intercept = config::Intercept::kAuthority;
  config.limits.connections = LocalServer::kConnectionsMax;
  config.timeout.keepalive_ms = 60'000;
  return config;
}

}  // namespace

LocalServer::LocalServer(ControlRuntime& control, std::string name, chain::Terminal& terminal)
    : x_context{control.runtime(), *this, control.series(), settings(name), x_counts},
      x_acceptor(x_context) {
  x_context.evicts_idle = true;
  x_route.service = x_route.label = std::move(name);
  x_route.chains.push_back(std::make_unique<chain::Chain>(std::vector<chain::Filter*>(), terminal));
}

LocalServer::~LocalServer() {
  x_acceptor.close_all();
  // What was doomed still counts itself out of this server.
  x_context.runtime.loop.reaper.flush();
}

Result<bool> LocalServer::listen(io::Network& network, io::BoundSocketPtr socket) {
  auto listener = network.listen_on(std::move(socket), x_acceptor);
  if (!listener) return failure(listener.error());
  x_acceptor.add_listener(std::move(*listener));
  return true;
}

void LocalServer::retire() {
  x_acceptor.stop_listening();
  x_acceptor.retire();
  x_acceptor.drain_idle();
}

downstream::Resolution LocalServer::resolve(const http::RequestHead&, const Address*, Arena&) {
  return {.route = &x_route, .chain = x_route.chains.front().get()};
}

}  // namespace outrigger::app
