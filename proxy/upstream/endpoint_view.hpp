// A worker's view of a service's endpoints: its in-flight counts and latencies, and who may be
// picked right now. Built from an EndpointSet, keeping the counts of endpoints that stay; looked
// through again only when somebody's eligibility may have changed. Owned by the worker's Balancer;
// one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proxy/upstream/endpoint.hpp"

namespace outrigger::upstream {

// From the widest circle of endpoints to the narrowest. A call that has tried those of one goes on
// to the next wider one.
enum class Circle : uint8_t {
  kNone,
  kUsable,
  kEligible,
  kNearby,  // of our zone; nobody where there is no preference
};

// One endpoint as one worker sees it. Lives while it is listed or a lease is out.
class WorkerEndpoint {
 public:
  Endpoint& endpoint() const { return *x_entry.endpoint; }
  int64_t in_flight() const { return x_in_flight; }
  // Calls in flight and, for a while, those that failed: a fast failure does not look like a fast
  // server. Halves every kPenaltyHalfLifeMs.
  double load(int64_t now_ms) const { return static_cast<double>(x_in_flight) + penalty(now_ms); }
  double penalty(int64_t now_ms) const;
  double weight() const { return x_weight; }  // with slow start applied
  Circle circle() const { return x_circle; }  // the narrowest that it is in

  // -- latency, only of a service that balances by it
  // An answer took so long. A failure that was quicker than the endpoint's answers tells nothing.
  void note_latency(int64_t took_ns, bool failed, int64_t now_ms);
  bool has_latency() const { return x_latency_ns > 0; }
  // A moving average that follows each slower answer at once, and quicker ones and the mere time
  // with kLatencyDecayMs: "Peak EWMA" of Finagle. Requires: has_latency().
  double latency_ns(int64_t now_ms) const { return x_latency_ns * latency_kept(now_ms); }

  static constexpr double kPenaltyHalfLifeMs = 1'000;
  static constexpr double kLatencyDecayMs = 10'000;

 private:
  friend class EndpointLease;
  friend class EndpointView;
  friend class Balancer;

  explicit WorkerEndpoint(EndpointEntry entry) : x_entry(std::move(entry)) {}
  void add_penalty(int64_t now_ms);
  double latency_kept(int64_t now_ms) const;  // after the time since it was noted
  void drop_reference();

  EndpointEntry x_entry;
  uint64_t x_listed_in = 0;  // number of the latest list in force that has it; 0: none had
  int64_t x_in_flight = 0;
  int64_t x_references = 1;  // the view's and the leases'
  double x_weight = 1;
  double x_credit = 0;  // smooth weighted round robin
  double x_penalty = 0;
  int64_t x_penalty_at_ms = 0;
  double x_latency_ns = 0;  // 0: nothing was measured yet
  int64_t x_latency_at_ms = 0;
  float x_begun = 1;  // of its weight, by slow start
  Circle x_circle = Circle::kNone;
  bool x_is_ours = false;  // in our zone
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
  // How long that took, where the service balances by it.
  void note_latency(int64_t took_ns, bool failed, int64_t now_ms) {
    if (x_slot != nullptr) x_slot->note_latency(took_ns, failed, now_ms);
  }
  void release();

 private:
  friend class Balancer;
  EndpointLease(WorkerEndpoint& slot, EndpointToken token);

  WorkerEndpoint* x_slot = nullptr;
  EndpointToken x_token;
};

// Whom a call may go to.
struct Candidates {
  std::vector<WorkerEndpoint*> slots;
  std::vector<double> sums;       // running sums of their weights; empty when all are equal
  Circle circle = Circle::kNone;  // that they make up

  void reserve(size_t count);
  void clear();
  void add(WorkerEndpoint* slot);
  void finish();
};

class EndpointView {
 public:
  // Fewer eligible ones among the usable ones of our zone than that: calls go to all zones.
  static constexpr size_t kZoneSpillsBelowPercent = 70;

  EndpointView() = default;
  ~EndpointView();
  EndpointView(const EndpointView&) = delete;
  EndpointView& operator=(const EndpointView&) = delete;

  // Begins to take a list. What is in force stays so until all of the new one can be; one that was
  // being taken is forgotten.
  void begin(std::shared_ptr<const EndpointSet> set);
  // Goes on as far as `budget` goes, which pays for each endpoint; true: the list is in force from
  // now on.
  bool advance(size_t& budget);
  // There is more to do: a list to be taken, or what the one before had to be let go.
  bool is_busy() const { return x_next != nullptr || !x_former.empty(); }
  // Endpoints that are no longer in the list (their idle connections close).
  std::vector<std::shared_ptr<Endpoint>> take_gone() { return std::exchange(x_gone, {}); }

  // Which zone is ours; empty: none.
  void set_zone(std::string_view zone);

  // Sees to it that the candidates are right at `now_ms`. One load when nothing happened.
  void refresh(int64_t now_ms, int64_t slow_start_ms) {
    const bool changed = x_group != nullptr && x_epoch != x_group->epoch();
    if (changed || now_ms >= x_look_again_ms) look(now_ms, slow_start_ms);
  }

  const Candidates& usable() const { return x_usable; }
  const Candidates& eligible() const { return x_eligible; }
  // Those of our zone; nobody while calls go to all zones alike.
  const Candidates& nearby() const { return x_nearby; }
  std::span<WorkerEndpoint* const> all() const { return x_slots; }
  // Indices of all(); null unless the service balances by a hash.
  const MaglevTable* table() const { return x_set == nullptr ? nullptr : x_set->table.get(); }
  // The largest share of its weight that slow start gives an eligible endpoint.
  float most_begun() const { return x_most_begun; }

 private:
  WorkerEndpoint* slot_of(const EndpointEntry& entry);
  void let_go(WorkerEndpoint* slot);
  void put_in_force();
  void look(int64_t now_ms, int64_t slow_start_ms);
  bool look_at(WorkerEndpoint& slot, int64_t now_ms, int64_t slow_start_ms);
  void find_ours();
  void prefer_ours(size_t usable_ours);

  std::shared_ptr<const EndpointSet> x_set;
  std::string x_zone;
  bool x_has_zones = false;          // endpoints of ours and others
  EndpointGroup* x_group = nullptr;  // kept alive by the endpoints of x_set
  bool x_has_ready = true;
  uint64_t x_epoch = 0;
  int64_t x_look_again_ms = 0;
  std::vector<WorkerEndpoint*> x_slots;
  // A reference each: those, and others below.
  std::unordered_map<const Endpoint*, WorkerEndpoint*> x_known;
  uint64_t x_lists = 0;                       // that came into force
  std::shared_ptr<const EndpointSet> x_next;  // being taken; null: none
  std::vector<WorkerEndpoint*> x_next_slots;
  // Of the list before, and of such as never came into force: looked through for what has left.
  std::vector<WorkerEndpoint*> x_former;
  std::vector<std::shared_ptr<Endpoint>> x_gone;
  Candidates x_usable{{}, {}, Circle::kUsable};
  Candidates x_eligible{{}, {}, Circle::kEligible};
  Candidates x_nearby{{}, {}, Circle::kNearby};
  float x_most_begun = 1;
};

}  // namespace outrigger::upstream
