#include "metrics/live.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace outrigger::metrics {
namespace {

constexpr double kNsPerMs = 1e6;

bool is_failure(size_t outcome) {
  const auto one = static_cast<RequestOutcome>(outcome);
  return one != RequestOutcome::kSuccess && one != RequestOutcome::kClientError &&
         one != RequestOutcome::kCancelled;
}

// Evenly spread within a bucket; what is beyond the last bound counts as the bound.
double quantile_ms(const std::vector<uint64_t>& buckets, const Bounds& bounds, uint64_t total,
                   double share) {
  const double wanted = share * static_cast<double>(total);
  double below = 0;
  for (size_t i = 0; i < bounds.size(); ++i) {
    const auto here = static_cast<double>(buckets[i]);
    if (here > 0 && below + here >= wanted) {
      const auto low = static_cast<double>(i == 0 ? 0 : bounds[i - 1]);
      const auto high = static_cast<double>(bounds[i]);
      return (low + (high - low) * (wanted - below) / here) / kNsPerMs;
    }
    below += here;
  }
  return bounds.empty() ? 0 : static_cast<double>(bounds.back()) / kNsPerMs;
}

}  // namespace

Live::Live(const Shards& shards) : x_shards(shards) { since_last(); }

Live::Counted Live::count(const Shards::Slice& workers, size_t buckets) {
  Counted counted;
  counted.buckets.resize(buckets);
  for (const auto& series : workers) {
    for (size_t outcome = 0; outcome < kRequestOutcomes; ++outcome) {
      const Histogram& histogram = series->request_duration[outcome];
      for (size_t i = 0; i < buckets && i <= histogram.bounds().size(); ++i) {
        counted.buckets[i] += histogram.count(i);
        if (is_failure(outcome)) counted.failed += histogram.count(i);
      }
    }
  }
  return counted;
}

std::vector<LiveService> Live::since_last() {
  std::vector<LiveService> all;
  std::map<SeriesKey, Counted> now;
  const Bounds& bounds = x_shards.bounds();
  for (const auto& [key, workers] : x_shards.picture().services) {
    Counted counted = count(workers, bounds.size() + 1);
    const Counted& last = x_last[key];
    std::vector<uint64_t> fresh = counted.buckets;
    // Other bounds, or a service that was gone: it began at 0 again.
    const bool goes_on = last.buckets.size() == fresh.size() && last.failed <= counted.failed;
    for (size_t i = 0; goes_on && i < fresh.size(); ++i) {
      fresh[i] -= std::min(fresh[i], last.buckets[i]);
    }
    LiveService service{key, std::accumulate(fresh.begin(), fresh.end(), uint64_t{0}),
                        counted.failed - (goes_on ? last.failed : 0), 0, 0};
    now.emplace(key, std::move(counted));
    if (service.calls == 0) continue;
    service.p50_ms = quantile_ms(fresh, bounds, service.calls, 0.5);
    service.p99_ms = quantile_ms(fresh, bounds, service.calls, 0.99);
    all.push_back(std::move(service));
  }
  x_last = std::move(now);
  return all;
}

}  // namespace outrigger::metrics
