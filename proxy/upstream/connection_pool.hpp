// The connections of one worker to one address: idle ones, last used first, those under way, and
// the calls that wait because `pool.connections` is reached. Owned by the service's client; one
// thread.
#pragma once

#include <cstdint>

#include "config/policy.hpp"
#include "proxy/base/address.hpp"
#include "proxy/base/intrusive_list.hpp"
#include "proxy/upstream/dial.hpp"
#include "proxy/upstream/h1_connection.hpp"
#include "proxy/upstream/upstream_runtime.hpp"

namespace outrigger::upstream {

class ConnectionPool;

// A call that waits for a connection or for room to open one. Destroying it leaves the queue.
class PoolWaiter : public ListNode<> {
 public:
  // There is something to take now: an idle connection, or room.
  virtual void on_pool_ready() = 0;

 protected:
  ~PoolWaiter() = default;
};

class ConnectionPool {
 public:
  ConnectionPool(UpstreamRuntime& upstream, const Address& address, const config::Pool& settings,
                 PoolTls tls, EndpointConnections& open)
      : x_upstream(upstream), x_address(address), x_tls(tls), x_open(open), x_settings(settings) {}
  ~ConnectionPool();

  const Address& address() const { return x_address; }
  const PoolTls& tls() const { return x_tls; }
  UpstreamRuntime& upstream() const { return x_upstream; }
  void set_settings(const config::Pool& settings) { x_settings = settings; }

  // The idle connection that was used last and is good for this request, or null. A request that
  // may not be repeated wants one that was idle for less than `idle_unsafe`. Over TLS it is one
  // whose certificate was for `server_name`.
  H1Connection* take_idle(bool may_be_repeated, std::string_view server_name);
  bool has_room() const;
  void wait(PoolWaiter& waiter) { x_waiters.push_back(waiter); }

  // For `stream`, which was just connected; takes over the room it was given.
  H1Connection& adopt(io::StreamPtr stream, PoolSlot slot, std::string_view server_name);
  // The call on it is over. It goes to the oldest waiter, to the idle ones, or is closed.
  void give_back(H1Connection& connection, bool reusable, int64_t keep_alive_s);
  // An idle connection that ended, broke or grew too old.
  void close(H1Connection& connection);

  // Memory is short.
  void close_idle();
  // The address left the list, or the worker ends: idle connections close now, others after their
  // call.
  void retire();
  bool is_retired() const { return x_retired; }
  // Nothing is left: a retired pool can go.
  bool is_empty() const { return x_connections == 0 && x_waiters.empty(); }
  size_t connections() const { return x_connections; }

 private:
  friend class PoolSlot;
  void take_room() { ++x_connections; }
  H1Connection* find_idle(std::string_view server_name);
  void give_room();
  int64_t idle_until(const H1Connection& connection, int64_t keep_alive_s) const;
  void wake_one();

  UpstreamRuntime& x_upstream;
  const Address x_address;
  const PoolTls x_tls;
  EndpointConnections& x_open;
  config::Pool x_settings;
  List<H1Connection, IdleTag> x_idle;  // the front was used last
  List<H1Connection, BusyTag> x_busy;
  List<PoolWaiter> x_waiters;
  size_t x_connections = 0;
  bool x_retired = false;
};

}  // namespace outrigger::upstream
