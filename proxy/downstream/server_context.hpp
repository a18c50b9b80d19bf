// What the connections of one listener share on one worker: whom to ask for a route, the listener's
// settings (others after a reload, so nobody keeps a view of them beyond a turn), counters, and
// whether we are ending. The admin port uses the same connections with a
// resolver of its own, so nothing here knows of services. Owned by the worker, outlives the
// Acceptor; one thread, but for `counts`.
#pragma once

#include <atomic>

#include "config/model.hpp"
#include "metrics/series.hpp"
#include "proxy/base/byte_account.hpp"
#include "proxy/base/intrusive_list.hpp"
#include "proxy/base/published.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/chain/route.hpp"
#include "proxy/downstream/port_history.hpp"
#include "proxy/http/h1_head.hpp"
#include "proxy/io/tls_context.hpp"

namespace outrigger::downstream {

// Where a request goes, or why it goes nowhere.
struct Resolution {
  const chain::Route* route = nullptr;  // with a cause: whose refusal it is, if known
  const chain::Chain* chain = nullptr;
  Cause cause = Cause::kNone;
  bool service_port = false;  // the listener is that one service, whatever the Host says
  bool passthrough = false;   // no service claims it: what worked before goes on
  bool proxy = false;         // it is for a proxy behind us, and goes to it as it was written
};

class Resolver {
 public:
  // `original`: where a redirected connection was going, or null. `arena` is that of the exchange,
  // for what has to be computed of the head.
  virtual Resolution resolve(const http::RequestHead& request, const Address* original,
                             Arena& arena) = 0;
  // Its first bytes need no look: the configuration says that they are not HTTP.
  virtual bool is_opaque(const Address* /*original*/) const { return false; }
  // Whether any TLS is carried that was not redirected, and whether that to a name (SNI) is.
  virtual bool carries_tls() const { return false; }
  virtual bool carries_tls_of(std::string_view /*server_name*/) const { return false; }
  // Memory is so short that no connection is taken.
  virtual bool is_overloaded() const { return false; }

 protected:
  ~Resolver() = default;
};

// The counts of one listener, over all workers. Any thread.
struct ListenerState {
  std::atomic<int> open_connections{0};      // bounded by limits.connections
  std::atomic<int> full_connections{0};      // of HTTP/2, with limits.streams requests open
  std::atomic<int64_t> last_accepted_ms{0};  // loop time; 0: none ever came
  Published<io::TlsServerContext> tls;       // of a listener with `tls`; its files may change
  PortHistory ports;
};

class Connection;
struct OwnedByAcceptor;

struct ServerContext {
  chain::Runtime& runtime;
  Resolver& resolver;
  metrics::WorkerSeries& series;
  config::ListenerConfig config;
  ListenerState& counts;
  // The last phase of a drain: new calls are refused, answers end their connection.
  bool draining = false;
  // The listener is gone from the configuration: calls are served on, answers end their connection.
  bool retiring = false;
  // Opaque connections, CONNECT and Upgrade are carried, not only messages.
  bool tunnels = false;
  // What callers have not taken yet, in the whole process; null: not counted.
  ByteAccount* answers = nullptr;
  // Where no slot or descriptor is left an idle connection goes, for a new one to be served: for
  // probes, whose callers do not mind. A caller of services could lose a call by it.
  bool evicts_idle = false;
  // Null: clear text.
  const Published<io::TlsServerContext>* tls = nullptr;
  // Connections that only wait for their last bytes to be taken; the Acceptor ends them with its
  // own.
  List<Connection, OwnedByAcceptor> cut{};
  // Connections that were refused, and are read past; the latest last.
  List<Connection, OwnedByAcceptor> refused{};
  int refused_count = 0;

  bool takes_absolute_form() const { return config.intercept != config::Intercept::kAuthority; }
  bool ends_connections() const { return draining || retiring; }
  std::string_view via() const {
    return config.via ? std::string_view(*config.via) : std::string_view();
  }
  http::HeadLimits head_limits() const {
    return {static_cast<uint32_t>(config.limits.header_bytes),
            static_cast<uint32_t>(config.limits.target_bytes),
            static_cast<uint32_t>(config.limits.fields)};
  }
};

}  // namespace outrigger::downstream
