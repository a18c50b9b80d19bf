// The text of one scrape. prometheus-cpp writes the families of each slice; here the pieces of a
// metric are put together, for both forms want its samples in one place and its HELP and TYPE once.
// For the .cpp files of this folder only; one thread.
#pragma once

#include <string>
#include <vector>

#include "metrics/exposition.hpp"
#include "metrics/names.hpp"

namespace prometheus {
struct MetricFamily;
}  // namespace prometheus

namespace outrigger::metrics {

class Page {
 public:
  explicit Page(Exposition form) : x_form(form), x_pieces(kMetrics.size()) {}

  // The families of one slice, as Families gives them: by place in the list of names.
  void append(std::vector<prometheus::MetricFamily> families);

  // The page in pieces, in the order of the list. Once.
  std::vector<std::string> take();

 private:
  const Exposition x_form;
  std::vector<std::vector<std::string>> x_pieces;  // of each metric, one for each slice
};

}  // namespace outrigger::metrics
