// The Acceptor takes the connections of one listener on one worker and owns them until they are
// over. Above the limit a new one is refused, or an idle one goes for it. Owned by the worker; dies
// before its ServerContext, which must live until the Reaper has run once more. One thread.
#pragma once

#include <vector>

#include "proxy/downstream/connection.hpp"
#include "proxy/io/network.hpp"

namespace outrigger::downstream {

class Acceptor final : public io::AcceptEvents {
 public:
  explicit Acceptor(ServerContext& context);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // May be called for several addresses. The failure is a sentence for people; otherwise the
  // address with the port that was chosen where 0 was asked for.
  Result<Address> listen(io::Network& network, const Address& at);
  // For a listener that was made elsewhere with this Acceptor as its receiver.
  void add_listener(io::ListenerPtr listener) { x_listeners.push_back(std::move(listener)); }

  // -- the end, in this order
  void stop_listening();
  // The listener has gone: answers end their connection.
  void retire() { x_context.retiring = true; }
  // From now on new calls are answered 503 and every answer ends its connection.
  void drain() { x_context.draining = true; }
  // Closes the connections on which no call runs.
  void drain_idle();
  // Resets all; says how many calls still ran.
  int close_all();

  bool has_connections() {
    return !x_connections.empty() || !x_context.cut.empty() || !x_context.refused.empty();
  }
  template <class Visit>
  void for_each_connection(Visit visit) {
    x_connections.for_each(visit);
    x_context.cut.for_each(visit);
  }

  void on_accepted(io::StreamPtr stream) override;
  void on_accept_refused() override;

 private:
  void refuse(io::StreamPtr stream, metrics::Counter& refusals, std::string_view answer);
  bool evict_idle();

  ServerContext& x_context;
  std::vector<io::ListenerPtr> x_listeners;
  List<Connection, OwnedByAcceptor> x_connections;
};

}  // namespace outrigger::downstream
