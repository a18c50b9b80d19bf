// Keeps good answers of the service for the day when there are none: the store that `fallback:
// stale` answers from. It sits right outside the fallback, and keeps nothing that stood in for an
// answer. Only where `stale` is listed and `cache` is set.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "filters/registry.hpp"
#include "filters/stale_store.hpp"
#include "proxy/chain/leg.hpp"

namespace outrigger::filters {

struct CacheSlot;

// What the answers of a route are kept by; nothing: its policy has no `cache`.
std::optional<StoreRules> store_rules(const Context& context);
// Then the key does not say all of what was asked for.
bool has_body(const chain::Leg& leg);

class Cache final : public chain::FilterWith<Cache, CacheSlot> {
 public:
  static void make(const Context& context, FilterList& filters);
  Cache(const Context& context, StoreRules rules);

  std::string_view name() const override { return "cache"; }
  chain::Wants wants() const override { return {.response_chunks = true, .response_end = true}; }
  chain::Step on_response(chain::Leg& leg, void* slot) override;
  void on_chunk(chain::Leg& leg, void* slot, chain::Way way, std::string_view bytes) override;
  void on_body_end(chain::Leg& leg, void* slot, chain::Way way) override;

 private:
  std::optional<metrics::CacheSkip> why_not(const chain::Leg& leg) const;
  void skip(metrics::CacheSkip why) const;

  const Clock& x_clock;
  const std::string x_label;
  const StoreRules x_rules;
  metrics::ServiceSeries& x_series;
  StaleStore& x_store;
};

}  // namespace outrigger::filters
