// The Network is how connections come in: as an argument, so that tests run a whole worker over an
// in-memory one. The real one is io::LoopNetwork. Every operation returns an owning handle;
// destroying the handle or giving it to the Reaper cancels it, silently. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/address.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/result.hpp"
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

// An operation under way. Destroying it cancels.
class Operation : public Reapable {};
using OperationPtr = std::unique_ptr<Operation>;

class Listener : public Reapable {
 public:
  // With the port that the kernel chose where 0 was asked for.
  virtual Address address() const = 0;
};
using ListenerPtr = std::unique_ptr<Listener>;

// One answer of a name lookup.
struct Resolved {
  std::vector<Address> addresses;  // port 0; the order of the answer
  int64_t ttl_s = 0;               // the smallest one of the records
};

class ResolveEvents {
 public:
  virtual void on_resolved(Resolved answer) = 0;
  // kDnsError or kDnsTimeout. `empty`: the server says that the name has no address (RFC 2308), as
  // against no usable answer.
  virtual void on_resolve_failed(Cause cause, bool empty) = 0;

 protected:
  ~ResolveEvents() = default;
};

class Network {
 public:
  virtual ~Network() = default;

  // The connect timeout is the caller's: it destroys the handle.
  virtual OperationPtr connect(const Address& to, ConnectEvents& events) = 0;
  // Accepted streams are set to TCP_NODELAY. The failure is a sentence for people.
  virtual Result<ListenerPtr> listen(const Address& at, AcceptEvents& events) = 0;
  // A and AAAA records of a name or an IP literal. Without a dot at its end a name is completed
  // from the system's search list first, as resolv.conf(5) says.
  virtual OperationPtr resolve(std::string_view name, ResolveEvents& events) = 0;
};

}  // namespace outrigger::io
