// A worker's view of a service's endpoints: its in-flight counts, and who may be picked right now.
// Built from an EndpointSet, keeping the counts of endpoints that stay; looked through again only
// when somebody's eligibility may have changed. Owned by the worker's Balancer; one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "proxy/upstream/endpoint.hpp"

namespace outrigger::upstream {

// One endpoint as one worker sees it. Lives while it is listed or a lease is out.
class WorkerEndpoint {
 public:
  Endpoint& endpoint() const { return *x_entry.endpoint; }
  int64_t in_flight() const { return x_in_flight; }
  // Calls in flight and, for a while, those that failed: a fast failure does not look like a fast
  // server. Halves every kPenaltyHalfLifeMs.
  double load(int64_t now_ms) const;
  double weight() const { return x_weight; }  // with slow start applied

  static constexpr double kPenaltyHalfLifeMs = 1'000;

 private:
  friend class EndpointLease;
  friend class EndpointView;
  friend class Balancer;

  explicit WorkerEndpoint(EndpointEntry entry) : x_entry(std::move(entry)) {}
  void add_penalty(int64_t now_ms);
  void drop_reference();

  EndpointEntry x_entry;
  int64_t x_in_flight = 0;
  int64_t x_references = 1;  // the view's and the leases'
  double x_weight = 1;
  double x_credit = 0;  // smooth weighted round robin
  double x_penalty = 0;
  int64_t x_penalty_at_ms = 0;
};

// One call at one endpoint: counts as in flight until it is destroyed. Stays on its worker; may
// outlive the view.
class EndpointLease {
 public:
  EndpointLease() = default;
  EndpointLease(EndpointLease&& from) noexcept
      : x_slot(std::exchange(from.x_slot, nullptr)), x_token(std::move(from.x_token)) {}
  EndpointLease& operator=(EndpointLease&& from) noexcept;
  ~EndpointLease() { release(); }

  bool holds() const { return x_slot != nullptr; }
  Endpoint* endpoint() const { return x_slot ? &x_slot->endpoint() : nullptr; }
  bool is_probe() const { return x_token.is_probe(); }

  // How the call went, once; unsettled it is given back without a verdict.
  void settle(bool failed, int64_t now_ms);
  void release();

 private:
  friend class Balancer;
  EndpointLease(WorkerEndpoint& slot, EndpointToken token);

  WorkerEndpoint* x_slot = nullptr;
  EndpointToken x_token;
};

class EndpointView {
 public:
  EndpointView() = default;
  ~EndpointView();
  EndpointView(const EndpointView&) = delete;
  EndpointView& operator=(const EndpointView&) = delete;

  // Takes a new list; returns the endpoints that are no longer in it (their idle connections
  // close).
  std::vector<std::shared_ptr<Endpoint>> apply(std::shared_ptr<const EndpointSet> set);

  // Sees to it that usable() and eligible() are right at `now_ms`. One load when nothing happened.
  void refresh(int64_t now_ms, int64_t slow_start_ms) {
    const bool changed = x_group != nullptr && x_epoch != x_group->epoch();
    if (changed || now_ms >= x_look_again_ms) look(now_ms, slow_start_ms);
  }

  std::span<WorkerEndpoint* const> usable() const { return x_usable; }
  std::span<WorkerEndpoint* const> eligible() const { return x_eligible; }
  // Running sums of the weights of eligible(); empty when all weights are equal.
  std::span<const double> eligible_sums() const { return x_eligible_sums; }
  std::span<WorkerEndpoint* const> all() const { return x_slots; }

 private:
  void look(int64_t now_ms, int64_t slow_start_ms);

  std::shared_ptr<const EndpointSet> x_set;
  EndpointGroup* x_group = nullptr;  // kept alive by the endpoints of x_set
  bool x_has_ready = true;
  uint64_t x_epoch = 0;
  int64_t x_look_again_ms = 0;
  std::vector<WorkerEndpoint*> x_slots;  // a reference each
  std::vector<WorkerEndpoint*> x_usable;
  std::vector<WorkerEndpoint*> x_eligible;
  std::vector<double> x_eligible_sums;
};

}  // namespace outrigger::upstream
