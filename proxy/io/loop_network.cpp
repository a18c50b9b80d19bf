#include "proxy/io/loop_network.hpp"

#include "proxy/io/connector.hpp"
#include "proxy/io/socket_listener.hpp"

namespace outrigger::io {

OperationPtr LoopNetwork::connect(const Address& to, ConnectEvents& events) {
  return std::make_unique<Connector>(x_loop, to, events, x_descriptors_max);
}

Result<ListenerPtr> LoopNetwork::listen(const Address& at, AcceptEvents& events) {
  auto socket = ListeningSocket::bind(at);
  if (!socket) return failure(socket.error());
  return SocketListener::open(x_loop, std::move(*socket), events, x_descriptors_max);
}

Result<ListenerPtr> LoopNetwork::listen_on(BoundSocketPtr socket, AcceptEvents& events) {
  return SocketListener::open(x_loop, std::move(static_cast<ListeningSocket&>(*socket)), events,
                              x_descriptors_max);
}

}  // namespace outrigger::io
