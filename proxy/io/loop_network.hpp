// The LoopNetwork is the real Network of one loop: sockets. Owned by the worker or the control
// thread beside its Loop; everything it has made dies before it.
#pragma once

#include <limits>

#include "proxy/io/listening_socket.hpp"
#include "proxy/io/loop.hpp"
#include "proxy/io/network.hpp"

namespace outrigger::io {

class LoopNetwork final : public Network {
 public:
  explicit LoopNetwork(Loop& loop) : x_loop(loop) {}

  // Before all else: only connections whose descriptor is below that; others fail for want of one.
  void set_descriptors_max(int descriptors) { x_descriptors_max = descriptors; }

  OperationPtr connect(const Address& to, ConnectEvents& events) override;
  Result<ListenerPtr> listen(const Address& at, AcceptEvents& events) override;
  // Requires: a ListeningSocket.
  Result<ListenerPtr> listen_on(BoundSocketPtr socket, AcceptEvents& events) override;

 private:
  Loop& x_loop;
  int x_descriptors_max = std::numeric_limits<int>::max();
};

}  // namespace outrigger::io
