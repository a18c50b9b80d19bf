// Serves one terminal (the admin API, the metrics page) on the control thread, with the same
// connections as the workers' listeners have. Owned by LocalServers; one thread.
#pragma once

#include "metrics/series.hpp"
#include "proxy/chain/driver.hpp"
#include "proxy/downstream/acceptor.hpp"
#include "proxy/io/network.hpp"

namespace outrigger::app {

// What exchanges on the control thread need; one for all its servers.
class ControlRuntime {
 public:
  ControlRuntime(LoopContext loop, io::Outbox& outbox)
      : x_runtime{loop, outbox, x_driver, x_exchanges, x_bodies} {}

  chain::Runtime& runtime() { return x_runtime; }
  chain::Driver& driver() { return x_driver; }
  metrics::WorkerSeries& series() { return x_series; }

 private:
  static constexpr int64_t kBodyBytesMax = 1 << 20;

  chain::Driver x_driver;
  chain::ExchangePool x_exchanges;
  chain::MemoryBudget x_bodies{kBodyBytesMax};
  metrics::WorkerSeries x_series;  // not exported: no call of the neighbour
  chain::Runtime x_runtime;
};

class LocalServer final : public downstream::Resolver {
 public:
  static constexpr int kConnectionsMax = 256;

  // `name` is for people. The terminal outlives the server.
  LocalServer(ControlRuntime& control, std::string name, chain::Terminal& terminal);
  ~LocalServer();

  Result<bool> listen(io::Network& network, io::BoundSocketPtr socket);
  // For connections from now on; null: clear text.
  void set_tls(const Published<io::TlsServerContext>* tls) { x_context.tls = tls; }
  // Listens no longer, and ends its connections when their call has its answer.
  void retire();

 private:
  downstream::Resolution resolve(const http::RequestHead& request, const Address* original,
                                 Arena& arena) override;

  chain::Route x_route;
  downstream::ListenerState x_counts;
  downstream::ServerContext x_context;
  downstream::Acceptor x_acceptor;
};

}  // namespace outrigger::app
