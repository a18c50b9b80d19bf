#include "proxy/upstream/balancer.hpp"

#include <algorithm>
#include <limits>

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

// Drawn by weight and compared by load per weight: idle endpoints get calls in proportion to their
// weights, busy ones until the loads are.
WorkerEndpoint* less_loaded(Slots slots, std::span<const double> sums, int64_t now_ms,
                            Random& random, Avoid avoid) {
  const size_t first = draw(slots, sums, random, avoid);
  if (first == kNobody) return nullptr;
  WorkerEndpoint* a = slots[first];
  if (slots.size() == 1) return a;
  WorkerEndpoint* b = slots[draw_another(first, slots, sums, random)];
  if (avoids(avoid, b)) return a;
  return a->load(now_ms) * b->weight() <= b->load(now_ms) * a->weight() ? a : b;
}

}  // namespace

Pick Balancer::pick(int64_t now_ms, Random& random, Avoid avoid) {
  constexpr int kTries = 3;
  for (int i = 1;; ++i) {
    x_view.refresh(now_ms, x_settings.slow_start_ms);
    if (x_view.usable().empty()) return {};
    const bool panic =
        is_panic(x_view.eligible().size(), x_view.usable().size(), x_settings.panic_below_share);
    WorkerEndpoint* slot = choose(panic, now_ms, random, avoid);
    // All eligible ones have failed this very call: what is held against the others is older.
    const bool any = panic || slot == nullptr;
    if (slot == nullptr && !panic) slot = choose(true, now_ms, random, avoid);
    if (slot == nullptr) slot = choose(panic, now_ms, random, {});
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

WorkerEndpoint* Balancer::choose(bool panic, int64_t now_ms, Random& random, Avoid avoid) {
  const Slots slots = panic ? x_view.usable() : x_view.eligible();
  const std::span<const double> sums = panic ? std::span<const double>() : x_view.eligible_sums();
  switch (x_settings.rule) {
    case config::BalanceRule::kRoundRobin:
      return next_in_turn(slots, panic || !sums.empty(), random, avoid);
    case config::BalanceRule::kRandom: {
      const size_t at = draw(slots, sums, random, avoid);
      return at == kNobody ? nullptr : slots[at];
    }
    case config::BalanceRule::kLeastLoaded:
    case config::BalanceRule::kPeakEwma:
    case config::BalanceRule::kHash:
      return less_loaded(slots, sums, now_ms, random, avoid);
  }
  return nullptr;
}

// Weighted: everybody earns their weight, the richest is picked and pays what all have earned. That
// spreads the picks of a heavy endpoint evenly among the others.
WorkerEndpoint* Balancer::next_in_turn(Slots slots, bool weighted, Random& random, Avoid avoid) {
  if (weighted) {
    WorkerEndpoint* richest = nullptr;
    double earned = 0;
    for (WorkerEndpoint* slot : slots) {
      if (avoids(avoid, slot)) continue;
      slot->x_credit += slot->x_weight;
      earned += slot->x_weight;
      if (richest == nullptr || slot->x_credit > richest->x_credit) richest = slot;
    }
    if (richest != nullptr) richest->x_credit -= earned;
    return richest;
  }
  if (!x_turn) x_turn = random.below(static_cast<uint32_t>(slots.size()));
  for (size_t i = 0; i < slots.size(); ++i) {
    WorkerEndpoint* slot = slots[*x_turn % slots.size()];
    ++*x_turn;
    if (!avoids(avoid, slot)) return slot;
  }
  return nullptr;
}

}  // namespace outrigger::upstream
