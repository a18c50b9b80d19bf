#include "metrics/families.hpp"

#include <limits>
#include <numeric>

#include <prometheus/metric_family.h>

#include "proxy/base/assert.hpp"

namespace outrigger::metrics {
namespace {

constexpr double kNsPerSecond = 1e9;

prometheus::MetricType type_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return prometheus::MetricType::Counter;
    case MetricKind::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricKind::kHistogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

}  // namespace

void HistogramSum::add(const Histogram& one) {
  for (size_t i = 0; i < x_counts.size(); ++i) x_counts[i] += one.count(i);
  x_sum_ns += one.sum_ns();
}

uint64_t HistogramSum::count() const {
  return std::accumulate(x_counts.begin(), x_counts.end(), uint64_t{0});
}

void HistogramSum::fill(prometheus::ClientMetric& sample) const {
  prometheus::ClientMetric::Histogram& histogram = sample.histogram;
  uint64_t cumulative = 0;
  for (size_t i = 0; i < x_counts.size(); ++i) {
    cumulative += x_counts[i];
    const double bound = i < x_bounds.size() ? static_cast<double>(x_bounds[i]) / kNsPerSecond
                                             : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({cumulative, bound});
  }
  // The count is that of the buckets as they were read: the writer may be between the two.
  histogram.sample_count = cumulative;
  histogram.sample_sum = static_cast<double>(x_sum_ns) / kNsPerSecond;
}

Families::Families() : x_families(kMetrics.size()) {
  for (size_t i = 0; i < kMetrics.size(); ++i) {
    x_families[i].name = kMetrics[i].name;
    x_families[i].help = kMetrics[i].help;
    x_families[i].type = type_of(kMetrics[i].kind);
  }
}

Families::~Families() = default;

prometheus::ClientMetric& Families::sample(size_t metric, LabelValues labels) {
  prometheus::ClientMetric& sample = x_families[metric].metric.emplace_back();
  std::string_view names = kMetrics[metric].labels;
  for (const std::string_view value : labels) {
    OUTRIGGER_ASSERT(!names.empty());
    const size_t comma = names.find(',');
    const std::string_view name = names.substr(0, comma);
    names.remove_prefix(comma == std::string_view::npos ? names.size() : comma + 1);
    if (value.empty() && (name == "route" || name == "grpc_code")) continue;
    sample.label.push_back({std::string(name), std::string(value)});
  }
  OUTRIGGER_ASSERT(names.empty());
  return sample;
}

void Families::add(size_t metric, LabelValues labels, double value) {
  prometheus::ClientMetric& to = sample(metric, labels);
  if (kMetrics[metric].kind == MetricKind::kCounter) {
    to.counter.value = value;
  } else {
    to.gauge.value = value;
  }
}

void Families::add(size_t metric, LabelValues labels, const HistogramSum& histogram) {
  histogram.fill(sample(metric, labels));
}

std::vector<prometheus::MetricFamily> Families::take() { return std::move(x_families); }

}  // namespace outrigger::metrics
