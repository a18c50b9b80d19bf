// HTTP calls to one server, one after the other, each run to its end on a loop of its own: for
// commands that are a process of their own (ctl, await, probe), never for the sidecar at work.
// Blocking; one thread.
#pragma once

#include <memory>
#include <string>

#include "proxy/base/address.hpp"
#include "proxy/client/client.hpp"
#include "proxy/io/tls_context.hpp"

namespace outrigger::ctl {

struct Server {
  Address address;
  std::string authority;          // HOST:PORT of the Host field; the certificate is for its host
  io::TlsClientContextPtr tls{};  // null: in clear text

  // In clear text; a unix socket is "localhost".
  static Server at(const Address& address);
};

class Caller {
 public:
  explicit Caller(Server server);
  ~Caller();
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  const Server& server() const;
  // The failure is a sentence that begins with the server's address.
  Result<client::Answer> ask(const client::Request& request, const client::Bounds& bounds = {});
  // The answer as it comes, until its end.
  void follow(const client::Request& request, const client::Bounds& bounds,
              client::AnswerEvents& events);

  int64_t wall_ms() const;
  int64_t ticks_ms() const;  // only counts up

 private:
  class Parts;

  const std::unique_ptr<Parts> x_parts;
};

}  // namespace outrigger::ctl
