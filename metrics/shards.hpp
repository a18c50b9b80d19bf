// Owns the counters: for each service or named route one ServiceSeries a worker, for each worker
// one WorkerSeries, and the circuits' transitions. A service that stays through a reload gets the
// same series again, so counters never run backwards; a series that is no longer exported lives
// until the last chain that writes it is gone. There are only as many as the configuration names:
// nothing a caller sends adds one. Any thread, control path only; must outlive every series it
// gave.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "metrics/series.hpp"

namespace outrigger::metrics {

struct SeriesKey {
  std::string service;
  std::string route;  // empty: the service's own

  auto operator<=>(const SeriesKey&) const = default;
};

struct Transition {
  std::string from;
  std::string to;
  std::string reason;

  auto operator<=>(const Transition&) const = default;
};

class Shards {
 public:
  // Bounds in milliseconds, ascending, as the configuration has them; at most
  // Histogram::kBoundsMax.
  explicit Shards(const std::vector<double>& bounds_ms);
  Shards(const Shards&) = delete;
  Shards& operator=(const Shards&) = delete;

  std::shared_ptr<ServiceSeries> service(unsigned worker, const SeriesKey& key);
  std::shared_ptr<WorkerSeries> worker(unsigned worker);
  // Forgets what the configuration no longer names.
  void keep_only(const std::set<SeriesKey>& keys);
  // Other bounds, as the constructor's: every series is given out anew and begins at 0. The same
  // ones do nothing.
  void set_bounds(const std::vector<double>& bounds_ms);

  // Only of a service or route that has series.
  void count_transition(const SeriesKey& key, const Transition& what);

  using Slice = std::vector<std::shared_ptr<const ServiceSeries>>;  // of all workers
  struct Picture {
    std::map<SeriesKey, Slice> services;
    std::map<SeriesKey, std::map<Transition, uint64_t>> transitions;
    std::vector<std::shared_ptr<const WorkerSeries>> workers;
  };
  Picture picture() const;
  const Bounds& bounds() const { return x_bounds.back(); }

 private:
  struct Entry {
    std::map<unsigned, std::shared_ptr<ServiceSeries>> by_worker;
    std::map<Transition, uint64_t> transitions;
  };

  std::list<Bounds> x_bounds;  // the latest last; older series have views of the others
  mutable std::mutex x_mutex;
  std::map<SeriesKey, Entry> x_services;
  std::map<unsigned, std::shared_ptr<WorkerSeries>> x_workers;
};

}  // namespace outrigger::metrics
