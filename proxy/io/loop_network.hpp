// The LoopNetwork is the real Network of one loop: sockets. Owned by the worker or the control
// thread beside its Loop; everything it has made dies before it.
#pragma once

#include "proxy/io/listening_socket.hpp"
#include "proxy/io/loop.hpp"
#include "proxy/io/network.hpp"

namespace outrigger::io {

class LoopNetwork final : public Network {
 public:
  explicit LoopNetwork(Loop& loop) : x_loop(loop) {}

  OperationPtr connect(const Address& to, ConnectEvents& events) override;
  Result<ListenerPtr> listen(const Address& at, AcceptEvents& events) override;

  // Serves a socket that was bound before, perhaps on another thread. The failure is a sentence.
  Result<ListenerPtr> listen_on(ListeningSocket socket, AcceptEvents& events);

 private:
  Loop& x_loop;
};

}  // namespace outrigger::io
