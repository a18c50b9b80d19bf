// One scrape, made in slices so that nothing else on the thread waits for thousands of services.
// What it reads goes on counting meanwhile: each series is read once. Made by the Exporter, dies
// before it; control thread.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "metrics/facts.hpp"
#include "metrics/page.hpp"
#include "metrics/process_stats.hpp"
#include "metrics/shards.hpp"

namespace outrigger::metrics {

class Families;

class Scrape {
 public:
  // Services and routes; a few milliseconds.
  static constexpr size_t kSlice = 32;

  Scrape(const Shards& shards, const FactsSource& facts, const ProcessStats& process,
         Exposition form);

  // Collects one slice. Returns whether there is more.
  bool collect();
  // The page, in pieces. Requires: all is collected. Once.
  std::vector<std::string> take() { return x_page.take(); }

 private:
  // Each returns whether there is more of it.
  bool collect_series(Families& slice);
  bool collect_facts(Families& slice);
  bool collect_transitions(Families& slice);
  void collect_process(Families& slice);

  const FactsSource& x_facts;
  const Bounds& x_bounds;
  const ProcessStats x_process;
  Shards::Picture x_picture;
  Page x_page;
  std::set<SeriesKey> x_called;
  FactsCursor x_cursor;
};

}  // namespace outrigger::metrics
