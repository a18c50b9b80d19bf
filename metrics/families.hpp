// Metric families as prometheus-cpp has them, filled by place in the list of names. For the .cpp
// files of this folder only; one scrape, one thread.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/names.hpp"
#include "metrics/series.hpp"

namespace prometheus {
struct ClientMetric;
struct MetricFamily;
}  // namespace prometheus

namespace outrigger::metrics {

using LabelValues = std::initializer_list<std::string_view>;

// Histograms of the same bounds, summed.
class HistogramSum {
 public:
  explicit HistogramSum(const Bounds& bounds) : x_bounds(bounds), x_counts(bounds.size() + 1) {}

  void add(const Histogram& one);
  uint64_t count() const;
  void fill(prometheus::ClientMetric& sample) const;

 private:
  std::span<const int64_t> x_bounds;
  std::vector<uint64_t> x_counts;
  uint64_t x_sum_ns = 0;
};

class Families {
 public:
  Families();
  ~Families();

  // One sample. Requires: as many values as the metric has labels. An empty `route` is left out.
  void add(size_t metric, LabelValues labels, double value);
  void add(size_t metric, LabelValues labels, const HistogramSum& histogram);

  // All of them, in the order of the list, also those without a sample. Once.
  std::vector<prometheus::MetricFamily> take();

 private:
  prometheus::ClientMetric& sample(size_t metric, LabelValues labels);

  std::vector<prometheus::MetricFamily> x_families;
};

// OpenMetrics 1.0.0 text (https://prometheus.io/docs/specs/om/open_metrics_spec/), without the EOF
// that ends a page.
std::string to_open_metrics(const std::vector<prometheus::MetricFamily>& families);

}  // namespace outrigger::metrics
