#include "proxy/io/loop_network.hpp"

#include "proxy/io/connector.hpp"
#include "proxy/io/socket_listener.hpp"

namespace outrigger::io {

OperationPtr LoopNetwork::connect(const Address& to, ConnectEvents& events) {
  return std::make_unique<Connector>(x_loop, to, events);
}

Result<ListenerPtr> LoopNetwork::listen(const Address& at, AcceptEvents& events) {
  auto socket = ListeningSocket::bind(at);
  if (!socket) return failure(socket.error());
  return listen_on(std::move(*socket), events);
}

Result<ListenerPtr> LoopNetwork::listen_on(ListeningSocket socket, AcceptEvents& events) {
  return SocketListener::open(x_loop, std::move(socket), events);
}

OperationPtr LoopNetwork::resolve(std::string_view name, ResolveEvents& events) {
  if (!x_resolver) x_resolver.emplace(x_loop, x_dns);
  return x_resolver->resolve(name, events);
}

}  // namespace outrigger::io
