// A ListeningSocket is a bound address of the system that no loop serves yet: the control thread
// binds, and reports what is wrong, then gives each worker its share. The file of a unix socket
// goes with the last share. A value type; any thread.
#pragma once

#include <memory>

#include "proxy/base/address.hpp"
#include "proxy/base/result.hpp"
#include "proxy/io/fd.hpp"
#include "proxy/io/network.hpp"

namespace outrigger::io {

class ListeningSocket final : public BoundSocket {
 public:
  // Connections that wait to be accepted; the kernel lowers it to net.core.somaxconn.
  static constexpr int kBacklog = 4096;

  // Fails when somebody else listens there. A socket file that nobody answers on is replaced. The
  // failure is a sentence for people.
  static Result<ListeningSocket> bind(const Address& at, bool is_port_ours = false);

  // Another one at the same address, for another loop. TCP: a socket of its own, between which the
  // kernel spreads the connections (SO_REUSEPORT); unix: the same socket once more.
  Result<ListeningSocket> share() const;

  const Address& address() const override { return x_address; }
  // Begins to accept. Returns 0 or an errno.
  int listen();
  int fd() const { return x_fd.get(); }

 private:
  struct SocketFile;

  static Result<ListeningSocket> bind_tcp(const Address& at);
  static Result<ListeningSocket> bind_unix(const Address& at);

  Fd x_fd;
  Address x_address;
  std::shared_ptr<SocketFile> x_file;
};

// The Binder of the LoopNetworks.
class SocketBinder final : public Binder {
 public:
  Result<std::vector<BoundSocketPtr>> bind(const Address& at, size_t count,
                                           bool is_port_ours) override;
};

}  // namespace outrigger::io
