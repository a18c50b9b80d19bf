#include "metrics/scrape.hpp"

#include <prometheus/metric_family.h>

#include "metrics/collect.hpp"

namespace outrigger::metrics {
namespace {

// Forgets each entry as it is read. Returns whether there are more.
template <class Map, class Read>
bool read_slice(Map& left, Read read) {
  for (size_t i = 0; i < Scrape::kSlice && !left.empty(); ++i) {
    const auto next = left.begin();
    read(next->first, next->second);
    left.erase(next);
  }
  return !left.empty();
}

}  // namespace

Scrape::Scrape(const Shards& shards, const FactsSource& facts, const ProcessStats& process,
               Exposition form)
    : x_facts(facts),
      x_bounds(shards.bounds()),
      x_process(process),
      x_picture(shards.picture()),
      x_page(form) {}

bool Scrape::collect() {
  Families slice;
  const bool is_more = collect_series(slice) || collect_facts(slice) || collect_transitions(slice);
  if (!is_more) collect_process(slice);
  x_page.append(slice.take());
  return is_more;
}

bool Scrape::collect_series(Families& slice) {
  return read_slice(x_picture.services, [&](const SeriesKey& key, const Shards::Slice& workers) {
    if (collect_service(slice, key, workers, x_bounds)) x_called.insert(key);
  });
}

bool Scrape::collect_facts(Families& slice) {
  const std::vector<ServiceFacts> next = x_facts.services(x_cursor, kSlice);
  for (const ServiceFacts& facts : next) {
    const SeriesKey key{facts.service, facts.route};
    const bool has_changed = x_picture.transitions.contains(key);
    metrics::collect_facts(slice, facts, {x_called.contains(key), has_changed});
  }
  return !next.empty();
}

// After the facts, which ask what has changed.
bool Scrape::collect_transitions(Families& slice) {
  return read_slice(x_picture.transitions, [&](const SeriesKey& key, const auto& transitions) {
    metrics::collect_transitions(slice, key, transitions);
  });
}

void Scrape::collect_process(Families& slice) {
  collect_workers(slice, x_picture.workers);
  metrics::collect_facts(slice, x_facts.process());
  metrics::collect_process(slice, x_process);
}

}  // namespace outrigger::metrics
