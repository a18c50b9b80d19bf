// One worker: everything that lives on one event loop and carries calls. It knows no thread and no
// socket: loop, outbox and network are given, so that tests run a whole worker in virtual time.
// What the control plane wants of it comes through a post to its loop (see worker_set.hpp). One
// thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "filters/access_log.hpp"
#include "metrics/recorder.hpp"
#include "proxy/app/listener_server.hpp"
#include "proxy/app/process.hpp"
#include "proxy/app/route_set.hpp"
#include "proxy/app/snapshot.hpp"
#include "proxy/base/pool.hpp"
#include "proxy/chain/driver.hpp"
#include "proxy/io/name_service.hpp"
#include "proxy/io/network.hpp"
#include "proxy/upstream/passthrough.hpp"
#include "proxy/upstream/service_client.hpp"

namespace outrigger::app {

class Worker final : public chain::ExchangeObserver {
 public:
  Worker(unsigned index, LoopContext loop, io::Outbox& outbox, io::Network& network,
         io::NameService& names, Process& process);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // The hook after each callback of the loop.
  void after_each() {
    x_driver.run();
    const int64_t in_use = Pool::of_thread().in_use_bytes() + x_exchanges.in_use_bytes();
    x_memory.in_use_bytes.store(in_use, std::memory_order_relaxed);
    look_at_memory();
    if (in_use > ceiling_bytes()) [[unlikely]]
      shed(in_use);
  }

  // So many routes are compiled in one turn of the loop.
  static constexpr size_t kRoutesPerTurn = 256;

  // New calls run under `snapshot` once its routes are compiled, which calls `taken`, maybe at
  // once; running ones keep theirs. Its new ports are served on `sockets`; those that it no longer
  // has accept what waits, and close. Several are taken in the order of the calls.
  void take(SnapshotPtr snapshot, PortSockets sockets, std::function<void()> taken);
  void take_endpoints(const std::string& service, std::shared_ptr<const upstream::EndpointSet> set);

  // What the fallback of another service enters; see RouteSet.
  std::shared_ptr<const chain::Chain> inner_chain(std::string_view service) const {
    return x_routes->inner_chain(service);
  }

  // What new calls run under. Requires: one was taken.
  const Snapshot& snapshot() const { return x_routes->snapshot(); }
  // Where a listener of that name is served by this worker.
  std::vector<Address> addresses_of(std::string_view listener) const;

  // The last phase of a drain: listeners close, new calls are refused, answers end their
  // connection.
  void begin_last_phase();
  // Resets what still runs; returns how many calls that were.
  int end();

  size_t running() const { return x_exchanges.in_use(); }

 private:
  class Port;
  friend class ListenerServer;
  friend class CompiledService;
  friend class RouteSet;

  // A snapshot on its way.
  struct Taking {
    SnapshotPtr snapshot;
    PortSockets sockets;
    std::function<void()> taken;
    std::unique_ptr<RouteSet> routes;
  };

  void on_exchange_end(const chain::Exchange& exchange, const chain::Outcome& outcome) override;
  void take_next();
  void finish_taking(Taking taking);
  void take_policies(const SnapshotPtr& snapshot);
  void take_listeners(const Snapshot& snapshot);
  void take_ports(const Snapshot& snapshot, PortSockets sockets);
  void retire_servers(const Snapshot& snapshot);
  std::vector<std::vector<config::FilterKind>> filters_of_retired() const;
  ListenerServer& server_of(const config::ListenerConfig& config, downstream::ListenerState& state);
  std::shared_ptr<upstream::ServiceClient> client_of(const std::shared_ptr<upstream::Service>& of,
                                                     const config::Policy& policy);
  void tidy();
  void tidy_later();

  int64_t ceiling_bytes() const { return x_memory.ceiling_bytes.load(std::memory_order_relaxed); }
  bool is_above_ceiling() const {
    return x_memory.in_use_bytes.load(std::memory_order_relaxed) > ceiling_bytes();
  }
  // The loop's time stands still within a batch of events, in which peers may take much.
  void look_at_memory() {
    constexpr uint32_t kCallbacks = 16;
    const Clock& clock = x_runtime.loop.clock;
    const bool asks = ++x_callbacks % kCallbacks == 0;
    const int64_t now_ms = asks ? clock.precise_ns() / 1'000'000 : clock.now_ms();
    if (x_process.memory_meter.is_due(now_ms)) [[unlikely]]
      x_process.memory_meter.look_if_due(now_ms);
  }
  void shed(int64_t in_use);
  void after_shedding();

  const unsigned x_index;
  Process& x_process;
  io::Network& x_network;
  const std::shared_ptr<metrics::WorkerSeries> x_series;
  std::shared_ptr<metrics::ServiceSeries> x_unrouted;
  chain::Driver x_driver;
  chain::ExchangePool x_exchanges;
  chain::Runtime x_runtime;
  upstream::UpstreamRuntime x_upstream;
  metrics::Recorder x_recorder;
  std::shared_ptr<filters::AccessLog> x_access_log;  // null: off
  std::map<std::string, std::shared_ptr<upstream::ServiceClient>, std::less<>> x_clients;
  std::unique_ptr<upstream::PassthroughClient> x_passthrough;
  std::unique_ptr<RouteSet> x_routes;
  std::deque<Taking> x_takings;
  Timer x_compiling = Timer::of<&Worker::take_next>(*this);
  std::vector<std::shared_ptr<CompiledService>> x_replaced;  // calls still run on them
  std::vector<std::unique_ptr<ListenerServer>> x_servers;
  std::vector<std::unique_ptr<ListenerServer>> x_retired;  // connections are still open
  std::map<uint64_t, std::unique_ptr<Port>> x_ports;
  Timer x_tidying = Timer::of<&Worker::tidy>(*this);
  bool x_last_phase = false;
  WorkerMemory& x_memory;
  uint32_t x_callbacks = 0;
  Timer x_shed_timer = Timer::of<&Worker::after_shedding>(*this);
  int64_t x_shed_again_ms = 0;
  int64_t x_shed_bytes = 0;  // what was ended and has not come free yet, about
};

}  // namespace outrigger::app
