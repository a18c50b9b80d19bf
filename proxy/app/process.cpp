#include "proxy/app/process.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace outrigger::app {
namespace {

std::vector<std::shared_ptr<metrics::WorkerSeries>> series_of_workers(metrics::Shards& shards,
                                                                      unsigned workers) {
  std::vector<std::shared_ptr<metrics::WorkerSeries>> series;
  for (unsigned i = 0; i < workers; ++i) series.push_back(shards.worker(i));
  return series;
}

}  // namespace

Process::Process(const upstream::UpstreamContext& context)
    : shards(config::MetricsConfig{}.histogram_buckets_ms),
      services(context),
      stale(config::MemoryConfig{}.cache_bytes),
      retry_bodies(config::MemoryConfig{}.retry_bodies_bytes),
      unmatched(context.workers),
      memory(context.workers),
      memory_meter(memory, series_of_workers(shards, context.workers)) {}

void UnmatchedHosts::note(std::string_view authority, int64_t wall_ms) {
  const std::lock_guard lock(x_mutex);
  auto known = std::find_if(x_hosts.begin(), x_hosts.end(),
                            [&](const Host& host) { return host.authority == authority; });
  if (known == x_hosts.end()) {
    if (x_hosts.size() == kHostsMax) x_hosts.pop_back();
    known = x_hosts.insert(x_hosts.end(), Host{std::string(authority), 0, 0});
  }
  ++known->count;
  known->last_wall_ms = wall_ms;
  std::rotate(x_hosts.begin(), known, known + 1);
}

std::vector<UnmatchedHosts::Host> UnmatchedHosts::list(std::span<const UnmatchedHosts> of_workers) {
  std::map<std::string, Host> merged;
  for (const UnmatchedHosts& one : of_workers) {
    const std::lock_guard lock(one.x_mutex);
    for (const Host& host : one.x_hosts) {
      Host& all = merged.try_emplace(host.authority, Host{host.authority}).first->second;
      all.count += host.count;
      all.last_wall_ms = std::max(all.last_wall_ms, host.last_wall_ms);
    }
  }
  std::vector<Host> hosts;
  hosts.reserve(merged.size());
  for (auto& [authority, host] : merged) hosts.push_back(std::move(host));
  std::stable_sort(hosts.begin(), hosts.end(),
                   [](const Host& a, const Host& b) { return a.last_wall_ms > b.last_wall_ms; });
  if (hosts.size() > kHostsMax) hosts.resize(kHostsMax);
  return hosts;
}

}  // namespace outrigger::app
