// The HTTP/2 connections of one worker to one address: few, each shared by many calls. A call that
// finds none with a free stream waits for the one that is being opened. Owned by the service's
// client; one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "config/policy.hpp"
#include "proxy/base/address.hpp"
#include "proxy/base/intrusive_list.hpp"
#include "proxy/io/network.hpp"
#include "proxy/upstream/dial.hpp"
#include "proxy/upstream/h2_connection.hpp"
#include "proxy/upstream/upstream_runtime.hpp"

namespace outrigger::upstream {

class H2Pool;

// A call that waits for a connection. Destroying it leaves the queue.
class H2Waiter : public ListNode<> {
 public:
  // The host that the endpoint's certificate must be for.
  virtual std::string_view wanted_name() const = 0;
  // By extended CONNECT (RFC 8441), which not every endpoint takes.
  virtual bool wants_tunnel() const = 0;
  // It takes no connection that was opened before; 0: any.
  virtual int64_t opened_since_ms() const = 0;
  // It has a free stream, which is to be taken now.
  virtual void on_h2_ready(H2Connection& connection) = 0;
  virtual void on_h2_failed(Cause cause) = 0;

 protected:
  ~H2Waiter() = default;
};

class H2Pool final : public DialEvents {
 public:
  H2Pool(UpstreamRuntime& upstream, const Address& address, const config::Pool& settings,
         PoolTls tls, EndpointConnections& open)
      : x_upstream(upstream), x_address(address), x_tls(tls), x_open(open), x_settings(settings) {}
  ~H2Pool();

  const Address& address() const { return x_address; }
  UpstreamRuntime& upstream() const { return x_upstream; }
  const PoolTls& tls() const { return x_tls; }
  const config::Pool& settings() const { return x_settings; }
  void set_settings(const config::Pool& settings) { x_settings = settings; }
  // The largest heads that a call has asked for: connections that are opened from now on take them.
  uint32_t head_bytes() const { return x_head_bytes; }
  void expect_heads(uint32_t bytes) { x_head_bytes = std::max(x_head_bytes, bytes); }

  // What the connections that are open are to a call. Over TLS only those whose certificate was for
  // its name count. Where no more may be opened, an old one does.
  struct Offer {
    H2Connection* connection = nullptr;  // takes it now; null: then wait()
    bool pending = false;                // one may, when its peer has said whether it takes tunnels
    bool refused = false;                // tunnels are not taken
  };
  Offer offer(const H2Waiter& waiter);
  // `stream` was dialled by somebody else, and speaks HTTP/2.
  void adopt(io::StreamPtr stream, std::string_view server_name);
  void wait(H2Waiter& waiter);
  // `waiter` has left the queue by itself.
  void on_waiter_left();
  // One waited for so long as a connect may last: an older one is given up, and begun anew for the
  // others.
  void on_waiter_timed_out(int64_t connect_timeout_ms);
  // Whether one is being opened (or all that may be are open).
  bool is_connecting() const { return x_connect != nullptr; }

  // How many streams the endpoint allowed when it was last asked: what calls go by until a new
  // connection has heard it.
  uint32_t streams_assumed() const { return x_streams_assumed; }
  // A peer has said what it allows.
  void on_settings(uint32_t streams_allowed);
  // A stream came free.
  void serve_waiters();
  // Whether a call waits for what its peer will say of tunnels.
  bool awaits(const H2Connection& connection);
  // It ended, or takes no more calls and has none left.
  void close(H2Connection& connection);

  // Memory is short: those without a call end.
  void close_idle();
  // The address left the list: connections close when their calls are over.
  void retire();
  bool is_empty() const { return x_count == 0 && x_waiters.empty(); }

 private:
  void on_dialled(io::StreamPtr stream, std::string_view alpn) override;
  void on_dial_failed(Cause cause) override;
  void connect_if_needed();
  H2Waiter* first_without();
  template <class Concerns>
  void fail_waiters(Cause cause, Concerns concerns);
  bool is_for(const H2Connection& connection, std::string_view name) const;
  bool has_free_stream();
  void note_spoken(Agreed spoken);
  void count(int by);  // of its connections
  bool has_room() const {
    return !x_settings.connections || x_count < static_cast<size_t>(*x_settings.connections);
  }

  UpstreamRuntime& x_upstream;
  const Address x_address;
  const PoolTls x_tls;
  EndpointConnections& x_open;
  config::Pool x_settings;
  List<H2Connection, OwnedByPool> x_connections;
  List<H2Waiter> x_waiters;
  io::OperationPtr x_connect;
  std::string x_dialled_name;
  int64_t x_connect_since_ms = 0;
  size_t x_count = 0;
  uint32_t x_streams_assumed = UINT32_MAX;
  uint32_t x_head_bytes = http::HeadLimits{}.head_bytes;
  bool x_retired = false;
};

}  // namespace outrigger::upstream
