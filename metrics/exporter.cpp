#include "metrics/exporter.hpp"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "metrics/collect.hpp"

namespace outrigger::metrics {
namespace {

// One scrape as prometheus-cpp knows it, without its registry, families or locks.
class Scrape final : public prometheus::Collectable {
 public:
  Scrape(const Shards& shards, const FactsSource& facts, const ProcessStats& process)
      : x_shards(shards), x_facts(facts), x_process(process) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    Families families;
    const Shards::Picture picture = x_shards.picture();
    for (const auto& [key, workers] : picture.services) {
      collect_service(families, key, workers, x_shards.bounds());
    }
    for (const auto& [key, transitions] : picture.transitions) {
      collect_transitions(families, key, transitions);
    }
    collect_workers(families, picture.workers);
    for (const ServiceFacts& facts : x_facts.services()) collect_facts(families, facts);
    collect_facts(families, x_facts.process());
    collect_process(families, x_process);
    return families.take();
  }

 private:
  const Shards& x_shards;
  const FactsSource& x_facts;
  const ProcessStats& x_process;
};

}  // namespace

std::string Exporter::expose(Exposition form) const {
  const ProcessStats process = x_process();
  const auto families = Scrape(x_shards, x_facts, process).Collect();
  if (form == Exposition::kOpenMetrics) return to_open_metrics(families);
  // Named through the base: the text serializer hides the overload that returns a string.
  const prometheus::TextSerializer text;
  return static_cast<const prometheus::Serializer&>(text).Serialize(families);
}

}  // namespace outrigger::metrics
