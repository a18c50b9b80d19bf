#include "metrics/names.hpp"

#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/unit/metrics/process_fixture.hpp"

namespace outrigger::metrics {
namespace {

std::string_view word_of(MetricKind kind) {
  if (kind == MetricKind::kCounter) return "counter";
  return kind == MetricKind::kGauge ? "gauge" : "histogram";
}

// docs/metrics.md as the list says it should be.
std::string page() {
  std::string page =
      "# Metrics\n\n"
      "Served by `GET /metrics` in the Prometheus text format, or as OpenMetrics to who asks for "
      "it.\n"
      "`service` is the target, empty for a call that found none; a named route adds `route`. No "
      "label\n"
      "ever holds a path, a host or\n"
      "anything else that a caller chooses; statuses beyond the first 48 pairs of code and "
      "outcome\n"
      "count under `code=\"other\"`. This page is checked against `metrics/names.hpp` by a "
      "test.\n\n"
      "| name | type | labels | says |\n|---|---|---|---|\n";
  for (const Metric& metric : kMetrics) {
    page.append("| `")
        .append(metric.name)
        .append("` | ")
        .append(word_of(metric.kind))
        .append(" | ");
    if (!metric.labels.empty()) page.append("`").append(metric.labels).append("`");
    page.append(" | ").append(metric.help).append(" |\n");
  }
  return page;
}

TEST(MetricNames, AreDistinctAndFollowTheConventions) {
  std::set<std::string_view> seen;
  for (const Metric& metric : kMetrics) {
    EXPECT_TRUE(seen.insert(metric.name).second) << metric.name;
    EXPECT_TRUE(metric.name.starts_with("outrigger_") || metric.name.starts_with("process_"));
    EXPECT_EQ(metric.name.ends_with("_total"), metric.kind == MetricKind::kCounter) << metric.name;
    EXPECT_TRUE(metric.kind != MetricKind::kHistogram || metric.name.ends_with("_seconds"));
    EXPECT_TRUE(metric.help.ends_with(".")) << metric.name;
    EXPECT_EQ(metric.labels.find("path"), std::string_view::npos);
  }
}

TEST(MetricNames, AreThoseOfTheDocumentation) {
  const char* const update = std::getenv("OUTRIGGER_UPDATE_DOCS");
  if (update != nullptr) std::ofstream("docs/metrics.md") << page();
  std::ifstream file("docs/metrics.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), page()) << "run this test with OUTRIGGER_UPDATE_DOCS=1";
}

TEST(MetricNames, AreAllExported) {
  testing::Process process;
  process.count_everything();
  const std::string text = process.text();
  for (const Metric& metric : kMetrics) {
    EXPECT_NE(text.find("# TYPE " + std::string(metric.name) + " "), std::string::npos)
        << metric.name;
  }
}

}  // namespace
}  // namespace outrigger::metrics
