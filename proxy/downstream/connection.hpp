// A Connection is one accepted stream and the protocol spoken on it. The Acceptor owns it through
// its list; a connection that is over leaves the list by itself and goes to the Reaper. One thread.
#pragma once

#include "proxy/base/intrusive_list.hpp"
#include "proxy/base/reaper.hpp"
#include "proxy/downstream/server_context.hpp"

namespace outrigger::downstream {

struct OwnedByAcceptor;

class Connection : public Reapable, public ListNode<OwnedByAcceptor> {
 public:
  // The connection has been counted in `context.counts`.
  explicit Connection(ServerContext& context) : x_context(context) {
    context.series.downstream_connections.add(1);
  }
  ~Connection() override {
    x_context.series.downstream_connections.add(-1);
    x_context.counts.open_connections.fetch_sub(1, std::memory_order_relaxed);
  }

  // Between two calls: closes, so that the caller sees an end and not a reset. Else nothing.
  virtual void close_if_idle() = 0;
  // Resets it now. Says how many calls ran on it.
  virtual int reset() = 0;

 protected:
  ServerContext& x_context;
};

}  // namespace outrigger::downstream
