#include "metrics/page.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "metrics/families.hpp"

namespace outrigger::metrics {
namespace {

std::string text_of(Exposition form, const std::vector<prometheus::MetricFamily>& families) {
  if (form == Exposition::kOpenMetrics) return to_open_metrics(families);
  // Named through the base: the text serializer hides the overload that returns a string.
  const prometheus::TextSerializer text;
  return static_cast<const prometheus::Serializer&>(text).Serialize(families);
}

// HELP and TYPE, the lines before the samples.
size_t heading_size(std::string_view family) {
  size_t size = 0;
  while (size < family.size() && family[size] == '#') size = family.find('\n', size) + 1;
  return size;
}

}  // namespace

void Page::append(std::vector<prometheus::MetricFamily> families) {
  std::vector<prometheus::MetricFamily> one(1);
  for (size_t i = 0; i < families.size(); ++i) {
    if (families[i].metric.empty()) continue;
    one.front() = std::move(families[i]);
    std::string piece = text_of(x_form, one);
    if (!x_pieces[i].empty()) piece.erase(0, heading_size(piece));
    x_pieces[i].push_back(std::move(piece));
  }
}

std::vector<std::string> Page::take() {
  std::vector<std::string> pieces;
  for (auto& of_metric : x_pieces) std::ranges::move(of_metric, std::back_inserter(pieces));
  if (x_form == Exposition::kOpenMetrics) pieces.emplace_back("# EOF\n");
  return pieces;
}

}  // namespace outrigger::metrics
