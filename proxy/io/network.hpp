// The Network is how connections come in: as an argument, so that tests run a whole worker over an
// in-memory one. The real one is io::LoopNetwork. Every operation returns an owning handle;
// destroying the handle or giving it to the Reaper cancels it, silently. One thread.
#pragma once

#include <memory>

#include "proxy/base/address.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/result.hpp"
#include "proxy/io/operation.hpp"
#include "proxy/io/stream.hpp"

namespace outrigger::io {

class ConnectEvents {
 public:
  // Not yet started: the receiver calls Stream::start().
  virtual void on_connected(StreamPtr stream) = 0;
  // kConnectRefused, kConnectUnreachable, kConnectTimeout (the kernel's own, after minutes), or
  // kOverload when we ran out of descriptors, ports or memory, or may not connect there.
  virtual void on_connect_failed(Cause cause) = 0;

 protected:
  ~ConnectEvents() = default;
};

class AcceptEvents {
 public:
  virtual void on_accepted(StreamPtr stream) = 0;
  // No descriptor was left: one waiting connection was taken from the spare one and closed.
  virtual void on_accept_refused() = 0;

 protected:
  ~AcceptEvents() = default;
};

class Listener : public Reapable {
 public:
  // With the port that the kernel chose where 0 was asked for.
  virtual Address address() const = 0;
  // Accepts what waits to be accepted at this moment, before this returns: the last act of a
  // listener that goes.
  virtual void accept_waiting() = 0;
};
using ListenerPtr = std::unique_ptr<Listener>;

// An address that is bound and that no loop serves yet. Destroying it frees the address. Any
// thread, one at a time.
class BoundSocket {
 public:
  virtual ~BoundSocket() = default;
  // With the port that the kernel chose where 0 was asked for.
  virtual const Address& address() const = 0;
};
using BoundSocketPtr = std::unique_ptr<BoundSocket>;

// Binds for loops that are to serve later, perhaps on other threads, so that a taken port is known
// before anything changes.
class Binder {
 public:
  // So many sockets at one address, between which connections are spread. Fails, with a sentence
  // for people, when somebody else listens there; `is_port_ours`: we ourselves do already, at an
  // address that covers this one or that this one covers.
  virtual Result<std::vector<BoundSocketPtr>> bind(const Address& at, size_t count,
                                                   bool is_port_ours) = 0;

 protected:
  ~Binder() = default;
};

class Network {
 public:
  virtual ~Network() = default;

  // The connect timeout is the caller's: it destroys the handle.
  virtual OperationPtr connect(const Address& to, ConnectEvents& events) = 0;
  // Accepted streams are set to TCP_NODELAY. The failure is a sentence for people.
  virtual Result<ListenerPtr> listen(const Address& at, AcceptEvents& events) = 0;
  // The same at an address that the Binder of this kind of network has bound.
  virtual Result<ListenerPtr> listen_on(BoundSocketPtr socket, AcceptEvents& events) = 0;
};

}  // namespace outrigger::io
