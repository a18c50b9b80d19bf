// A SocketListener accepts connections on one loop. When no descriptor is left it takes the waiting
// connection with a spare one and resets it, so that callers are refused at once instead of waiting
// and the loop never spins. Owned by the acceptor.
#pragma once

#include "proxy/io/fd.hpp"
#include "proxy/io/listening_socket.hpp"
#include "proxy/io/loop.hpp"
#include "proxy/io/network.hpp"

namespace outrigger::io {

class SocketListener final : public Listener {
 public:
  // Connections whose descriptor is not below `descriptors_max` are refused.
  static Result<ListenerPtr> open(Loop& loop, ListeningSocket socket, AcceptEvents& events,
                                  int descriptors_max);
  ~SocketListener() override { x_poll.close(); }

  Address address() const override { return x_socket.address(); }
  void accept_waiting() override;

 private:
  SocketListener(Loop& loop, ListeningSocket socket, AcceptEvents& events, int descriptors_max);

  int start();
  void watch();
  void on_readable();
  bool accept_one();
  bool refuse_one();
  void rest();

  Loop& x_loop;
  AcceptEvents& x_events;
  ListeningSocket x_socket;
  const int x_descriptors_max;
  UvHandle<uv_poll_t> x_poll;
  Fd x_spare;
  Timer x_rest = Timer::of<&SocketListener::watch>(*this);
};

}  // namespace outrigger::io
