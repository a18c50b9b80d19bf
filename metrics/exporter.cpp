#include "metrics/exporter.hpp"

namespace outrigger::metrics {

std::string Exporter::expose(Exposition form) const {
  const auto scrape = begin(form);
  while (scrape->collect()) {
  }
  std::string page;
  for (const std::string& piece : scrape->take()) page += piece;
  return page;
}

}  // namespace outrigger::metrics
