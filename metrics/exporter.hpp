// The Exporter turns counters and facts into the text that a scraper reads: it sums the workers'
// shards, asks the process for its states, and writes the Prometheus text format or OpenMetrics. It
// holds nothing but references; control thread. The counters are in series.hpp, the names in
// names.hpp.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "metrics/exposition.hpp"
#include "metrics/facts.hpp"
#include "metrics/process_stats.hpp"
#include "metrics/scrape.hpp"
#include "metrics/shards.hpp"

namespace outrigger::metrics {

class Exporter {
 public:
  using ProcessReader = std::function<ProcessStats()>;

  // Both must outlive the exporter.
  Exporter(const Shards& shards, const FactsSource& facts,
           ProcessReader process = read_process_stats)
      : x_shards(shards), x_facts(facts), x_process(std::move(process)) {}

  const Shards& shards() const { return x_shards; }
  std::unique_ptr<Scrape> begin(Exposition form) const {
    return std::make_unique<Scrape>(x_shards, x_facts, x_process(), form);
  }
  // All of it at once, for tests.
  std::string expose(Exposition form) const;

 private:
  const Shards& x_shards;
  const FactsSource& x_facts;
  const ProcessReader x_process;
};

}  // namespace outrigger::metrics
