// A Connector is one connect(2) under way, to an IP address or a unix socket; it ends with a
// SocketStream or a Cause. Owned by whoever asked; destroying it closes the attempt, silently. It
// knows no timeout but the kernel's, and no second address.
#pragma once

#include "proxy/io/fd.hpp"
#include "proxy/io/loop.hpp"
#include "proxy/io/network.hpp"

namespace outrigger::io {

class Connector final : public Operation {
 public:
  // Without a descriptor below `descriptors_max` it fails as if there were none.
  Connector(Loop& loop, const Address& to, ConnectEvents& events, int descriptors_max);
  ~Connector() override { x_poll.close(); }

 private:
  void begin(int descriptors_max);
  void wait();
  void on_poll(int status);
  void report();
  bool reached_itself() const;

  Loop& x_loop;
  ConnectEvents& x_events;
  Address x_to;
  Fd x_fd;
  UvHandle<uv_poll_t> x_poll;
  Deferred x_deferred = Deferred::of<&Connector::report>(*this);
  int x_error = 0;  // errno of the attempt
};

// Which failure an errno of socket(2) or connect(2) is.
Cause cause_of_connect_error(int error);

}  // namespace outrigger::io
