// The LoopNetwork is the real Network of one loop: sockets and DNS. Owned by the worker or the
// control thread beside its Loop; everything it has made dies before it.
#pragma once

#include <optional>

#include "proxy/io/listening_socket.hpp"
#include "proxy/io/loop.hpp"
#include "proxy/io/network.hpp"
#include "proxy/io/resolver.hpp"

namespace outrigger::io {

class LoopNetwork final : public Network {
 public:
  explicit LoopNetwork(Loop& loop, ResolverOptions dns = {})
      : x_loop(loop), x_dns(std::move(dns)) {}

  OperationPtr connect(const Address& to, ConnectEvents& events) override;
  Result<ListenerPtr> listen(const Address& at, AcceptEvents& events) override;
  OperationPtr resolve(std::string_view name, ResolveEvents& events) override;

  // Serves a socket that was bound before, perhaps on another thread. The failure is a sentence.
  Result<ListenerPtr> listen_on(ListeningSocket socket, AcceptEvents& events);

 private:
  Loop& x_loop;
  ResolverOptions x_dns;
  std::optional<Resolver> x_resolver;  // made for the first lookup: most loops have none
};

}  // namespace outrigger::io
