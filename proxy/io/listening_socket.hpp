// A ListeningSocket is a bound address that no loop serves yet: the control thread binds, and
// reports what is wrong, then gives each worker its share. The file of a unix socket goes with the
// last share. A value type; any thread.
#pragma once

#include <memory>

#include "proxy/base/address.hpp"
#include "proxy/base/result.hpp"
#include "proxy/io/fd.hpp"

namespace outrigger::io {

class ListeningSocket {
 public:
  // Fails when somebody else listens there. A socket file that nobody answers on is replaced. The
  // failure is a sentence for people.
  static Result<ListeningSocket> bind(const Address& at);

  // Another one at the same address, for another loop. TCP: a socket of its own, between which the
  // kernel spreads the connections (SO_REUSEPORT); unix: the same socket once more.
  Result<ListeningSocket> share() const;

  // With the port that the kernel chose where 0 was asked for.
  const Address& address() const { return x_address; }
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

}  // namespace outrigger::io
