// The parts of one scrape, each into the families. For the .cpp files of this folder only; control
// thread.
#pragma once

#include "metrics/facts.hpp"
#include "metrics/families.hpp"
#include "metrics/process_stats.hpp"
#include "metrics/shards.hpp"

namespace outrigger::metrics {

// What is known of a service or route beside its facts: states that it was never in and counters
// that never counted are left out.
struct Past {
  bool was_called;
  bool circuit_has_changed;
};

// Returns whether it was ever called. Adds nothing when it was not: thousands of idle services must
// not make a page of megabytes.
bool collect_service(Families& families, const SeriesKey& key, const Shards::Slice& workers,
                     const Bounds& bounds);
void collect_transitions(Families& families, const SeriesKey& key,
                         const std::map<Transition, uint64_t>& transitions);
void collect_workers(Families& families,
                     const std::vector<std::shared_ptr<const WorkerSeries>>& workers);
void collect_facts(Families& families, const ServiceFacts& facts, const Past& past);
void collect_facts(Families& families, const ProcessFacts& facts);
void collect_process(Families& families, const ProcessStats& stats);

}  // namespace outrigger::metrics
