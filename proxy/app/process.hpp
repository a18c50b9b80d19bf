// What exists once in the process, whatever the number of workers and the configuration in force.
// Owned by the control plane; made before the workers, destroyed after them.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "filters/stale_store.hpp"
#include "metrics/shards.hpp"
#include "proxy/app/memory_meter.hpp"
#include "proxy/base/byte_account.hpp"
#include "proxy/base/published.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/chain/request_body.hpp"
#include "proxy/downstream/server_context.hpp"
#include "proxy/upstream/service.hpp"

namespace outrigger::app {

// Hosts that no service claimed, the last ones first. One of each worker, so that its lock is free
// but while the list is read; bounded.
class UnmatchedHosts {
 public:
  static constexpr size_t kHostsMax = 100;
  struct Host {
    std::string authority;
    uint64_t count = 0;
    int64_t last_wall_ms = 0;
  };

  void note(std::string_view authority, int64_t wall_ms);
  // Those of all workers as one list.
  static std::vector<Host> list(std::span<const UnmatchedHosts> of_workers);

 private:
  mutable std::mutex x_mutex;
  std::vector<Host> x_hosts;
};

struct Process {
  // Bounds and limits are the defaults until a configuration is installed.
  explicit Process(const upstream::UpstreamContext& context);

  metrics::Shards shards;
  upstream::Services services;
  filters::StaleStore stale;
  chain::MemoryBudget retry_bodies;
  ByteAccount answers;                    // that callers have not taken yet
  std::vector<UnmatchedHosts> unmatched;  // by worker
  // By name; of listeners that are gone too, as connections of theirs may be open. Workers have
  // theirs from the snapshot.
  std::map<std::string, downstream::ListenerState> listeners;
  Published<io::TlsServerContext> admin_tls;  // empty: the admin port has none
  std::map<std::string, Published<io::TlsClientContext>> registry_tls;  // by name; control thread
  std::atomic<bool> out_of_memory{false};                               // new calls are refused
  std::vector<WorkerMemory> memory;                                     // by worker
  MemoryMeter memory_meter;
  // Sees each exchange of every worker as it ends, on the worker's thread. Set before calls come;
  // may be null.
  chain::ExchangeObserver* exchange_observer = nullptr;
};

}  // namespace outrigger::app
