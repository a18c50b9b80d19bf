#include "metrics/shards.hpp"

#include <utility>

namespace outrigger::metrics {
namespace {

Bounds nanoseconds(const std::vector<double>& bounds_ms) {
  constexpr double kNsPerMs = 1e6;
  Bounds bounds;
  for (const double ms : bounds_ms) {
    if (bounds.size() < Histogram::kBoundsMax)
      bounds.push_back(static_cast<int64_t>(ms * kNsPerMs));
  }
  return bounds;
}

}  // namespace

Shards::Shards(const std::vector<double>& bounds_ms) : x_bounds{nanoseconds(bounds_ms)} {}

std::shared_ptr<ServiceSeries> Shards::service(unsigned worker, const SeriesKey& key) {
  const std::lock_guard lock(x_mutex);
  auto& series = x_services[key].by_worker[worker];
  if (series == nullptr) series = std::make_shared<ServiceSeries>(bounds());
  return series;
}

std::shared_ptr<WorkerSeries> Shards::worker(unsigned worker) {
  const std::lock_guard lock(x_mutex);
  auto& series = x_workers[worker];
  if (series == nullptr) series = std::make_shared<WorkerSeries>();
  return series;
}

void Shards::keep_only(const std::set<SeriesKey>& keys) {
  const std::lock_guard lock(x_mutex);
  std::erase_if(x_services, [&](const auto& entry) { return !keys.contains(entry.first); });
}

void Shards::set_bounds(const std::vector<double>& bounds_ms) {
  const std::lock_guard lock(x_mutex);
  Bounds next = nanoseconds(bounds_ms);
  if (next == bounds()) return;
  x_bounds.push_back(std::move(next));
  for (auto& [key, entry] : x_services) entry.by_worker.clear();
}

void Shards::count_transition(const SeriesKey& key, const Transition& what) {
  const std::lock_guard lock(x_mutex);
  const auto found = x_services.find(key);
  if (found != x_services.end()) ++found->second.transitions[what];
}

Shards::Picture Shards::picture() const {
  const std::lock_guard lock(x_mutex);
  Picture picture;
  for (const auto& [key, entry] : x_services) {
    Slice& slice = picture.services[key];
    for (const auto& [worker, series] : entry.by_worker) slice.push_back(series);
    if (!entry.transitions.empty()) picture.transitions[key] = entry.transitions;
  }
  for (const auto& [worker, series] : x_workers) picture.workers.push_back(series);
  return picture;
}

}  // namespace outrigger::metrics
