#include "proxy/upstream/balancer.hpp"

#include <algorithm>
#include <limits>

#include "proxy/base/hash.hpp"

namespace outrigger::upstream {

namespace {

using Slots = std::span<WorkerEndpoint* const>;
using Avoid = std::span<const chain::EndpointId>;
constexpr size_t kNobody = std::numeric_limits<size_t>::max();
constexpr int kDraws = 4;  // before looking through the list

bool avoids(Avoid avoid, const WorkerEndpoint* slot) {
  return std::find(avoid.begin(), avoid.end(), chain::id_of(slot->endpoint())) != avoid.end();
}

// By weight; `sums` are running sums of the weights, empty when they are equal.
size_t draw_any(size_t count, std::span<const double> sums, Random& random) {
  if (sums.empty()) return random.below(static_cast<uint32_t>(count));
  const auto at = std::upper_bound(sums.begin(), sums.end(), random.unit() * sums.back());
  return std::min(static_cast<size_t>(at - sums.begin()), count - 1);
}

// kNobody when all are to be avoided.
size_t draw(Slots slots, std::span<const double> sums, Random& random, Avoid avoid) {
  if (avoid.empty()) return draw_any(slots.size(), sums, random);
  for (int i = 0; i < kDraws; ++i) {
    const size_t at = draw_any(slots.size(), sums, random);
    if (!avoids(avoid, slots[at])) return at;
  }
  const size_t start = draw_any(slots.size(), {}, random);
  for (size_t i = 0; i < slots.size(); ++i) {
    const size_t at = (start + i) % slots.size();
    if (!avoids(avoid, slots[at])) return at;
  }
  return kNobody;
}

size_t draw_another(size_t than, Slots slots, std::span<const double> sums, Random& random) {
  if (sums.empty()) {
    const size_t at = random.below(static_cast<uint32_t>(slots.size() - 1));
    return at < than ? at : at + 1;
  }
  for (int i = 0; i < kDraws; ++i) {
    const size_t at = draw_any(slots.size(), sums, random);
    if (at != than) return at;
  }
  return than;
}

// Two of them, drawn by weight; null where there is none that need not be avoided. The second may
// be the first.
struct Two {
  WorkerEndpoint* a = nullptr;
  WorkerEndpoint* b = nullptr;
};

Two draw_two(const Candidates& from, Random& random, Avoid avoid) {
  const size_t first = draw(from.slots, from.sums, random, avoid);
  if (first == kNobody) return {};
  WorkerEndpoint* a = from.slots[first];
  if (from.slots.size() == 1) return {a, a};
  WorkerEndpoint* b = from.slots[draw_another(first, from.slots, from.sums, random)];
  return {a, avoids(avoid, b) ? a : b};
}

}  // namespace

Pick Balancer::pick(int64_t now_ms, Random& random, Avoid avoid, std::optional<uint64_t> hash) {
  constexpr int kTries = 3;
  const Call call{now_ms, random, avoid, hash};
  for (int i = 1;; ++i) {
    x_view.refresh(now_ms, x_settings.slow_start_ms);
    const Candidates& usable = x_view.usable();
    const Candidates& eligible = x_view.eligible();
    if (usable.slots.empty()) return {};
    const bool panic =
        is_panic(eligible.slots.size(), usable.slots.size(), x_settings.panic_below_share);
    WorkerEndpoint* slot = panic ? nullptr : choose_held_good(call);
    // All eligible ones have failed this very call: what is held against the others is older.
    const bool any = slot == nullptr;
    if (slot == nullptr) slot = choose(usable, call);
    if (slot == nullptr) slot = choose(panic ? usable : eligible, {now_ms, random, {}, hash});
    EndpointCircuit& circuit = slot->endpoint().circuit();
    EndpointToken token = circuit.admit(now_ms);
    // Another worker may have taken its probe, or opened it, since we looked.
    const bool lost = !token.holds() && !any && circuit.excludes(now_ms);
    if (lost && i < kTries) continue;
    return {EndpointLease(*slot, std::move(token)), panic};
  }
}

bool is_panic(size_t eligible, size_t usable, double below_share) {
  if (usable == 0) return false;
  return eligible == 0 || static_cast<double>(eligible) < below_share * static_cast<double>(usable);
}

// Our zone first, while enough of it is eligible.
WorkerEndpoint* Balancer::choose_held_good(const Call& call) {
  if (!x_view.nearby().slots.empty()) {
    if (WorkerEndpoint* slot = choose(x_view.nearby(), call)) return slot;
  }
  return choose(x_view.eligible(), call);
}

WorkerEndpoint* Balancer::choose(const Candidates& from, const Call& call) {
  switch (x_settings.rule) {
    case config::BalanceRule::kRoundRobin:
      return next_in_turn(from, call);
    case config::BalanceRule::kRandom: {
      const size_t at = draw(from.slots, from.sums, call.random, call.avoid);
      return at == kNobody ? nullptr : from.slots[at];
    }
    case config::BalanceRule::kPeakEwma:
      return faster(from, call);
    case config::BalanceRule::kHash:
      return keyed(from, call);
    case config::BalanceRule::kLeastLoaded:
      break;
  }
  return less_loaded(from, call);
}

// Weighted: everybody earns their weight, the richest is picked and pays what all have earned. That
// spreads the picks of a heavy endpoint evenly among the others.
WorkerEndpoint* Balancer::next_in_turn(const Candidates& from, const Call& call) {
  const Slots slots = from.slots;
  if (!from.sums.empty()) {
    WorkerEndpoint* richest = nullptr;
    double earned = 0;
    for (WorkerEndpoint* slot : slots) {
      if (avoids(call.avoid, slot)) continue;
      slot->x_credit += slot->x_weight;
      earned += slot->x_weight;
      if (richest == nullptr || slot->x_credit > richest->x_credit) richest = slot;
    }
    if (richest != nullptr) richest->x_credit -= earned;
    return richest;
  }
  if (!x_turn) x_turn = call.random.below(static_cast<uint32_t>(slots.size()));
  for (size_t i = 0; i < slots.size(); ++i) {
    WorkerEndpoint* slot = slots[*x_turn % slots.size()];
    ++*x_turn;
    if (!avoids(call.avoid, slot)) return slot;
  }
  return nullptr;
}

// Drawn by weight and compared by load per weight: idle endpoints get calls in proportion to their
// weights, busy ones until the loads are.
WorkerEndpoint* Balancer::less_loaded(const Candidates& from, const Call& call) const {
  const auto [a, b] = draw_two(from, call.random, call.avoid);
  if (a == b) return a;
  return a->load(call.now_ms) * b->weight() <= b->load(call.now_ms) * a->weight() ? a : b;
}

// Of two drawn by weight the cheaper one. Where weights differ only one that is cheaper by far
// displaces the first, or the noise of latencies would make all shares equal.
WorkerEndpoint* Balancer::faster(const Candidates& from, const Call& call) {
  constexpr double kByFar = 2;
  auto [a, b] = draw_two(from, call.random, call.avoid);
  if (a == nullptr) return nullptr;
  if (a != b) {
    const double margin = from.sums.empty() ? 1 : kByFar;
    if (cost(*b, call.now_ms) * margin < cost(*a, call.now_ms)) a = b;
  }
  note_typical(*a);
  return a;
}

// Latency times calls in flight, the new one included. One that failed lately is held to be no
// faster than the others, and what was never measured to be like them. Below a quarter of the
// typical latency one counts as that: what was not asked for long would look infinitely fast.
double Balancer::cost(const WorkerEndpoint& slot, int64_t now_ms) const {
  constexpr double kLeastShare = 0.25;
  const double penalty = slot.penalty(now_ms);
  const bool is_trusted = slot.has_latency() && penalty < kLeastShare;
  const double least_ns = is_trusted ? kLeastShare * x_typical_ns : x_typical_ns;
  const double latency_ns = slot.has_latency() ? slot.latency_ns(now_ms) : 0;
  const double calls = static_cast<double>(slot.in_flight()) + penalty;
  return std::max({latency_ns, least_ns, 1.0}) * (calls / slot.weight() + 1);
}

void Balancer::note_typical(const WorkerEndpoint& chosen) {
  constexpr double kShare = 1.0 / 16;
  if (!chosen.has_latency()) return;
  if (x_typical_ns == 0) x_typical_ns = chosen.x_latency_ns;
  x_typical_ns += (chosen.x_latency_ns - x_typical_ns) * kShare;
}

// The first of a chain of slots that belong to a candidate. Each key has a chain of its own, so
// that the keys of one that drops out spread over all the others, and come back with it.
WorkerEndpoint* Balancer::keyed(const Candidates& from, const Call& call) const {
  constexpr int kProbes = 128;
  const MaglevTable* table = x_view.table();
  if (table == nullptr || !call.hash) return less_loaded(from, call);
  uint64_t hash = *call.hash;
  for (int i = 0; i < kProbes; ++i, hash = mixed(hash)) {
    const size_t at = table->at(hash);
    if (at >= x_view.all().size()) continue;
    WorkerEndpoint* slot = x_view.all()[at];
    if (slot->circle() < from.circle || !takes(*slot, hash)) continue;
    if (!avoids(call.avoid, slot)) return slot;
  }
  // They have very little of the whole weight.
  for (size_t i = 0; i < from.slots.size(); ++i) {
    WorkerEndpoint* slot = from.slots[(*call.hash + i) % from.slots.size()];
    if (!avoids(call.avoid, slot)) return slot;
  }
  return nullptr;
}

// While an endpoint starts slowly it takes ever more of its keys, and never gives one back.
bool Balancer::takes(const WorkerEndpoint& slot, uint64_t hash) const {
  if (slot.x_begun >= x_view.most_begun()) return true;
  const double place = static_cast<double>(mixed(hash) >> 11) * 0x1.0p-53;
  return place * x_view.most_begun() < slot.x_begun;
}

}  // namespace outrigger::upstream
