#include <algorithm>
#include <map>
#include <tuple>

#include "metrics/collect.hpp"

namespace outrigger::metrics {
namespace {

constexpr std::array<std::string_view, kFallbackKinds> kFallbackNames = {"stale", "service",
                                                                         "respond", "omit"};
constexpr std::array<std::string_view, kCacheSkips> kCacheSkipNames = {
    "method", "status", "forbidden", "too_large", "vary", "budget", "credentials", "body"};

std::string code_label(int status) {
  if (status == RequestTable::kOtherStatus) return "other";
  return status == 0 ? "none" : std::to_string(status);
}

std::string_view retry_reason(size_t index) {
  return index == kTokens ? "status" : to_string(static_cast<Token>(1U << index));
}

// What one service or route has in all workers.
class ServiceCollector {
 public:
  ServiceCollector(Families& families, const SeriesKey& key, const Shards::Slice& workers,
                   const Bounds& bounds)
      : x_families(families), x_key(key), x_workers(workers), x_bounds(bounds) {}

  // Attempts count before the call that makes them has ended.
  bool was_called() const {
    const auto counted = [](const auto& counters) {
      return std::any_of(counters.begin(), counters.end(),
                         [](const Counter& one) { return one.value() > 0; });
    };
    return std::any_of(x_workers.begin(), x_workers.end(), [&](const auto& worker) {
      bool any = counted(worker->attempts) || counted(worker->tcp_connections);
      worker->requests.for_each([&](int, RequestOutcome, uint64_t, int) { any = true; });
      for (size_t i = 0; i <= x_bounds.size(); ++i) {
        any = any || worker->attempt_duration.count(i) > 0;
      }
      return any;
    });
  }

  void requests() {
    std::map<std::tuple<int, int, RequestOutcome>, uint64_t> sums;
    for (const auto& worker : x_workers) {
      worker->requests.for_each(
          [&](int status, RequestOutcome outcome, uint64_t count, int grpc_status) {
            sums[{status, grpc_status, outcome}] += count;
          });
    }
    for (const auto& [what, count] : sums) {
      const auto& [status, grpc_status, outcome] = what;
      x_families.add(index_of_metric("requests_total"),
                     {x_key.service, x_key.route, code_label(status),
                      grpc_status < 0 ? std::string() : std::to_string(grpc_status),
                      kRequestOutcomeNames[static_cast<size_t>(outcome)]},
                     static_cast<double>(count));
    }
  }

  void request_durations() {
    for (size_t i = 0; i < kRequestOutcomes; ++i) {
      const HistogramSum sum =
          sum_of([&](const ServiceSeries& series) -> auto& { return series.request_duration[i]; });
      // Seventeen lines for each outcome: only those that occur.
      if (sum.count() == 0 && i != 0) continue;
      x_families.add(index_of_metric("request_duration_seconds"),
                     {x_key.service, x_key.route, kRequestOutcomeNames[i]}, sum);
    }
  }

  void histogram(size_t metric, Histogram ServiceSeries::*which) {
    const HistogramSum sum =
        sum_of([&](const ServiceSeries& series) -> auto& { return series.*which; });
    x_families.add(metric, {x_key.service, x_key.route}, sum);
  }

  // One counter of an array for each value of the third label.
  template <size_t N, class Name>
  void counters(size_t metric, std::array<Counter, N> ServiceSeries::*which, Name name,
                bool with_zeros) {
    for (size_t i = 0; i < N; ++i) {
      uint64_t sum = 0;
      for (const auto& worker : x_workers) sum += ((*worker).*which)[i].value();
      if (sum == 0 && !with_zeros) continue;
      x_families.add(metric, {x_key.service, x_key.route, name(i)}, static_cast<double>(sum));
    }
  }

  uint64_t sum(Counter ServiceSeries::*which) const {
    uint64_t sum = 0;
    for (const auto& worker : x_workers) sum += ((*worker).*which).value();
    return sum;
  }

 private:
  template <class Select>
  HistogramSum sum_of(Select select) const {
    HistogramSum sum(x_bounds);
    for (const auto& worker : x_workers) sum.add(select(*worker));
    return sum;
  }

  Families& x_families;
  const SeriesKey& x_key;
  const Shards::Slice& x_workers;
  const Bounds& x_bounds;
};

}  // namespace

bool collect_service(Families& families, const SeriesKey& key, const Shards::Slice& workers,
                     const Bounds& bounds) {
  ServiceCollector collector(families, key, workers, bounds);
  if (!collector.was_called()) return false;
  collector.requests();
  collector.request_durations();
  collector.counters(
      index_of_metric("replies_total"), &ServiceSeries::replies,
      [](size_t i) { return i == 0 ? "none" : row_of(static_cast<Cause>(i)).name; }, false);
  if (key.service.empty()) return true;  // what no service answered has no upstream side
  collector.counters(
      index_of_metric("tcp_connections_total"), &ServiceSeries::tcp_connections,
      [](size_t i) { return kRequestOutcomeNames[i]; }, false);
  collector.histogram(index_of_metric("stream_duration_seconds"), &ServiceSeries::stream_duration);
  collector.histogram(index_of_metric("attempt_duration_seconds"),
                      &ServiceSeries::attempt_duration);
  collector.histogram(index_of_metric("connect_duration_seconds"),
                      &ServiceSeries::connect_duration);
  collector.histogram(index_of_metric("queue_wait_seconds"), &ServiceSeries::queue_wait);
  collector.counters(
      index_of_metric("attempts_total"), &ServiceSeries::attempts,
      [](size_t i) { return kAttemptOutcomeNames[i]; }, true);
  collector.counters(index_of_metric("retries_total"), &ServiceSeries::retries, retry_reason,
                     false);
  collector.counters(
      index_of_metric("fallbacks_total"), &ServiceSeries::fallbacks,
      [](size_t i) { return kFallbackNames[i]; }, true);
  collector.counters(
      index_of_metric("cache_skipped_total"), &ServiceSeries::cache_skipped,
      [](size_t i) { return kCacheSkipNames[i]; }, false);
  const auto count = [&](size_t metric, LabelValues labels, Counter ServiceSeries::*which) {
    families.add(metric, labels, static_cast<double>(collector.sum(which)));
  };
  count(index_of_metric("would_refuse_total"), {key.service, key.route, "endpoint_circuit"},
        &ServiceSeries::would_refuse_endpoint_circuit);
  count(index_of_metric("panic_picks_total"), {key.service, key.route},
        &ServiceSeries::panic_picks);
  return true;
}

void collect_transitions(Families& families, const SeriesKey& key,
                         const std::map<Transition, uint64_t>& transitions) {
  for (const auto& [what, count] : transitions) {
    families.add(index_of_metric("circuit_transitions_total"),
                 {key.service, key.route, what.from, what.to, what.reason},
                 static_cast<double>(count));
  }
}

}  // namespace outrigger::metrics
