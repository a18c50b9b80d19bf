#include "metrics/exposition.hpp"

#include <gtest/gtest.h>

namespace outrigger::metrics {
namespace {

constexpr auto kText = Exposition::kText;
constexpr auto kOpenMetrics = Exposition::kOpenMetrics;

TEST(Exposition, GivesTextToWhoNamesNothingBetter) {
  EXPECT_EQ(negotiate(""), kText);
  EXPECT_EQ(negotiate("*/*"), kText);
  EXPECT_EQ(negotiate("text/html, application/xhtml+xml, */*;q=0.8"), kText);
  EXPECT_EQ(negotiate("application/json"), kText);
}

TEST(Exposition, GivesOpenMetricsToPrometheus) {
  EXPECT_EQ(negotiate("application/openmetrics-text;version=1.0.0,"
                      "application/openmetrics-text;version=0.0.1;q=0.75,"
                      "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
            kOpenMetrics);
  EXPECT_EQ(negotiate("Application/OpenMetrics-Text"), kOpenMetrics);
}

TEST(Exposition, WeighsQualities) {
  EXPECT_EQ(negotiate("application/openmetrics-text;q=0.4, text/plain;q=0.5"), kText);
  EXPECT_EQ(negotiate("application/openmetrics-text;q=0.5, text/plain;q=0.45"), kOpenMetrics);
  EXPECT_EQ(negotiate("application/openmetrics-text;q=0"), kText);
  EXPECT_EQ(negotiate("application/openmetrics-text;q=0.000, text/*;q=0.001"), kText);
  EXPECT_EQ(negotiate("application/openmetrics-text; version=1.0.0 ; q=1, text/*"), kOpenMetrics);
}

TEST(Exposition, DistrustsBadQualitiesAndUnknownVersions) {
  EXPECT_EQ(negotiate("application/openmetrics-text;q=x"), kText);
  EXPECT_EQ(negotiate("application/openmetrics-text;q=0.1234"), kText);
  EXPECT_EQ(negotiate("application/openmetrics-text;version=9.0.0"), kText);
}

TEST(Exposition, NamesTheVersionInTheContentType) {
  EXPECT_EQ(content_type(kText), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(content_type(kOpenMetrics),
            "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

}  // namespace
}  // namespace outrigger::metrics
