// Picks the endpoint of an attempt: round robin (smooth weighted), random (weighted), the less
// loaded of two random choices (Mitzenmacher, "The Power of Two Choices", 2001), the same by
// latency (Peak EWMA, as in Finagle and Linkerd), or by a hash of the call (maglev.hpp). Owned by
// the worker, one for each service, kept across configurations; one thread, no allocation in
// pick().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "config/policy.hpp"
#include "proxy/base/random.hpp"
#include "proxy/chain/tried.hpp"
#include "proxy/upstream/endpoint_view.hpp"

namespace outrigger::upstream {

struct Pick {
  EndpointLease lease;  // empty: there is no usable endpoint
  bool panic = false;   // too few were eligible: picked from all usable ones

  Endpoint* endpoint() const { return lease.endpoint(); }
};

struct BalancerSettings {
  config::BalanceRule rule = config::BalanceRule::kLeastLoaded;
  int64_t slow_start_ms = 0;  // 0: off
  double panic_below_share = 0.2;

  static BalancerSettings from(const config::Policy& policy) {
    return {policy.balance.rule, policy.slow_start_ms.value_or(0), policy.panic_below_share};
  }
};

// Whether so few of the usable endpoints are eligible that all usable ones are picked from.
bool is_panic(size_t eligible, size_t usable, double below_share);

class Balancer {
 public:
  explicit Balancer(const BalancerSettings& settings) : x_settings(settings) {}

  void set_settings(const BalancerSettings& settings) { x_settings = settings; }
  void set_zone(std::string_view zone) { x_view.set_zone(zone); }
  bool wants_table() const { return x_settings.rule == config::BalanceRule::kHash; }
  EndpointView& view() { return x_view; }

  // Prefers endpoints outside `avoid` (those that this call has tried), even such as are not
  // eligible, and fails only when none is usable. The lease counts as in flight at once. `hash` is
  // of what the call shares with others; without one, or a table, the least loaded is picked.
  Pick pick(int64_t now_ms, Random& random, std::span<const chain::EndpointId> avoid = {},
            std::optional<uint64_t> hash = std::nullopt);

  const EndpointView& view() const { return x_view; }

 private:
  using Avoid = std::span<const chain::EndpointId>;
  // What a choice depends on.
  struct Call {
    int64_t now_ms;
    Random& random;
    Avoid avoid;
    std::optional<uint64_t> hash;
  };

  WorkerEndpoint* choose_held_good(const Call& call);
  // Null when all are to be avoided.
  WorkerEndpoint* choose(const Candidates& from, const Call& call);
  WorkerEndpoint* next_in_turn(const Candidates& from, const Call& call);
  WorkerEndpoint* less_loaded(const Candidates& from, const Call& call) const;
  WorkerEndpoint* faster(const Candidates& from, const Call& call);
  WorkerEndpoint* keyed(const Candidates& from, const Call& call) const;
  bool takes(const WorkerEndpoint& slot, uint64_t hash) const;
  double cost(const WorkerEndpoint& slot, int64_t now_ms) const;
  void note_typical(const WorkerEndpoint& chosen);

  BalancerSettings x_settings;
  EndpointView x_view;
  std::optional<uint32_t>
      x_turn;               // round robin: starts anywhere, so that sidecars do not march in step
  double x_typical_ns = 0;  // latency of those that were picked lately; 0: none was measured
};

}  // namespace outrigger::upstream
