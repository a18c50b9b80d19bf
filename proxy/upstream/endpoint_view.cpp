#include "proxy/upstream/endpoint_view.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace outrigger::upstream {

namespace {

constexpr double kSlowStartLeast = 0.01;  // so that a newcomer is picked at all
constexpr int64_t kSlowStartStepMs = 50;  // how often weights follow the clock
constexpr double kPenaltyForgottenMs = 20'000;

double slow_start_share(const Endpoint& endpoint, int64_t now_ms, int64_t slow_start_ms) {
  const int64_t age_ms = now_ms - endpoint.listed_since_ms();
  if (age_ms >= slow_start_ms) return 1;
  return std::max(kSlowStartLeast,
                  static_cast<double>(age_ms) / static_cast<double>(slow_start_ms));
}

}  // namespace

double WorkerEndpoint::penalty(int64_t now_ms) const {
  const auto age_ms = static_cast<double>(now_ms - x_penalty_at_ms);
  if (x_penalty == 0 || age_ms > kPenaltyForgottenMs) return 0;
  return x_penalty * std::exp2(-age_ms / kPenaltyHalfLifeMs);
}

void WorkerEndpoint::add_penalty(int64_t now_ms) {
  x_penalty = 1 + penalty(now_ms);
  x_penalty_at_ms = now_ms;
}

double WorkerEndpoint::latency_kept(int64_t now_ms) const {
  return std::exp(-static_cast<double>(now_ms - x_latency_at_ms) / kLatencyDecayMs);
}

void WorkerEndpoint::note_latency(int64_t took_ns, bool failed, int64_t now_ms) {
  const auto took = static_cast<double>(std::max<int64_t>(1, took_ns));
  if (took >= x_latency_ns) {
    if (failed && !has_latency()) return;
    x_latency_ns = took;
  } else if (!failed) {
    const double kept = latency_kept(now_ms);
    x_latency_ns = x_latency_ns * kept + took * (1 - kept);
  }
  x_latency_at_ms = now_ms;
}

void WorkerEndpoint::drop_reference() {
  if (--x_references == 0) delete this;
}

EndpointLease::EndpointLease(WorkerEndpoint& slot, EndpointToken token)
    : x_slot(&slot), x_token(std::move(token)) {
  ++slot.x_in_flight;
  ++slot.x_references;
  slot.endpoint().x_outstanding.fetch_add(1, std::memory_order_relaxed);
}

EndpointLease& EndpointLease::operator=(EndpointLease&& from) noexcept {
  if (this != &from) {
    release();
    x_slot = std::exchange(from.x_slot, nullptr);
    x_token = std::move(from.x_token);
  }
  return *this;
}

void EndpointLease::settle(bool failed, int64_t now_ms) {
  if (x_slot != nullptr && failed) x_slot->add_penalty(now_ms);
  x_token.settle(failed, now_ms);
}

// The token goes first: it belongs to the endpoint, which the slot may be the last to hold.
void EndpointLease::release() {
  x_token.give_back();
  WorkerEndpoint* slot = std::exchange(x_slot, nullptr);
  if (slot == nullptr) return;
  --slot->x_in_flight;
  slot->endpoint().x_outstanding.fetch_sub(1, std::memory_order_relaxed);
  slot->drop_reference();
}

EndpointView::~EndpointView() {
  for (const auto& [endpoint, slot] : x_known) slot->drop_reference();
}

// ---- lists

void EndpointView::begin(std::shared_ptr<const EndpointSet> set) {
  for (WorkerEndpoint* slot : x_next_slots) {
    if (slot->x_listed_in != x_lists) x_former.push_back(slot);
  }
  x_next_slots.clear();
  x_next_slots.reserve(set->entries.size());
  x_next = std::move(set);
}

// What has left the list in force is let go before the next one is looked at.
bool EndpointView::advance(size_t& budget) {
  for (; budget > 0 && !x_former.empty(); --budget) {
    WorkerEndpoint* const slot = x_former.back();
    x_former.pop_back();
    if (slot->x_listed_in != x_lists) let_go(slot);
  }
  if (x_next == nullptr || !x_former.empty()) return false;
  const size_t size = x_next->entries.size();
  for (; budget > 0 && x_next_slots.size() < size; --budget) {
    x_next_slots.push_back(slot_of(x_next->entries[x_next_slots.size()]));
  }
  if (x_next_slots.size() < size) return false;
  put_in_force();
  return true;
}

WorkerEndpoint* EndpointView::slot_of(const EndpointEntry& entry) {
  WorkerEndpoint*& slot = x_known[entry.endpoint.get()];
  if (slot == nullptr) slot = new WorkerEndpoint(entry);
  return slot;
}

void EndpointView::let_go(WorkerEndpoint* slot) {
  if (slot->x_listed_in != 0) x_gone.push_back(slot->x_entry.endpoint);
  x_known.erase(&slot->endpoint());
  slot->drop_reference();
}

void EndpointView::put_in_force() {
  ++x_lists;
  for (size_t i = 0; i < x_next_slots.size(); ++i) {
    x_next_slots[i]->x_entry = x_next->entries[i];
    x_next_slots[i]->x_listed_in = x_lists;
  }
  x_former = std::exchange(x_slots, std::exchange(x_next_slots, {}));
  x_set = std::exchange(x_next, nullptr);
  x_usable.reserve(x_slots.size());
  x_eligible.reserve(x_slots.size());
  x_group = x_slots.empty() ? nullptr : &x_slots.front()->endpoint().group();
  x_has_ready = x_set->has_ready();
  find_ours();
}

void EndpointView::set_zone(std::string_view zone) {
  if (x_zone == zone) return;
  x_zone = zone;
  find_ours();
}

void EndpointView::find_ours() {
  x_look_again_ms = std::numeric_limits<int64_t>::min();
  x_usable.clear();
  x_eligible.clear();
  x_nearby.clear();
  size_t ours = 0;
  for (WorkerEndpoint* slot : x_slots) {
    slot->x_is_ours = !x_zone.empty() && x_set->zone_of(slot->x_entry) == x_zone;
    ours += slot->x_is_ours ? 1 : 0;
  }
  x_has_zones = ours > 0 && ours < x_slots.size();
  if (x_has_zones) x_nearby.reserve(ours);
}

// ---- who may be picked

// Never allocates: put_in_force() made room. The epoch is read first, so that what changes
// meanwhile is seen at the next pick.
void EndpointView::look(int64_t now_ms, int64_t slow_start_ms) {
  x_epoch = x_group == nullptr ? 0 : x_group->epoch();
  x_look_again_ms = std::numeric_limits<int64_t>::max();
  x_usable.clear();
  x_eligible.clear();
  x_nearby.clear();
  x_most_begun = 0;
  size_t usable_ours = 0;
  // What a newer list took away is left out; when that is everybody, ours serves until we have it.
  const bool any_listed = std::any_of(x_slots.begin(), x_slots.end(), [](const auto* slot) {
    return slot->endpoint().is_listed();
  });
  for (WorkerEndpoint* slot : x_slots) {
    slot->x_circle = Circle::kNone;
    if (any_listed && !slot->endpoint().is_listed()) continue;
    if (!look_at(*slot, now_ms, slow_start_ms)) continue;
    x_usable.add(slot);
    usable_ours += slot->x_is_ours ? 1 : 0;
    if (slot->x_circle == Circle::kEligible) x_eligible.add(slot);
  }
  x_usable.finish();
  x_eligible.finish();
  if (x_has_zones) prefer_ours(usable_ours);
}

// Sets its weight and circle; whether it is usable.
bool EndpointView::look_at(WorkerEndpoint& slot, int64_t now_ms, int64_t slow_start_ms) {
  if (!is_usable(slot.x_entry, x_has_ready)) return false;
  const Endpoint& endpoint = slot.endpoint();
  const double share = slow_start_share(endpoint, now_ms, slow_start_ms);
  if (share < 1) x_look_again_ms = std::min(x_look_again_ms, now_ms + kSlowStartStepMs);
  slot.x_begun = static_cast<float>(share);
  slot.x_weight = static_cast<double>(std::max(1, slot.x_entry.weight)) * share;
  slot.x_circle = Circle::kUsable;
  if (is_eligible(slot.x_entry, x_has_ready, now_ms)) {
    slot.x_circle = Circle::kEligible;
    x_most_begun = std::max(x_most_begun, slot.x_begun);
    return true;
  }
  const int64_t until_ms = endpoint.circuit().excludes_until_ms();
  if (until_ms > now_ms) x_look_again_ms = std::min(x_look_again_ms, until_ms);
  return true;
}

void EndpointView::prefer_ours(size_t usable_ours) {
  for (WorkerEndpoint* slot : x_eligible.slots) {
    if (slot->x_is_ours) x_nearby.add(slot);
  }
  const size_t nearby = x_nearby.slots.size();
  if (nearby * 100 < usable_ours * kZoneSpillsBelowPercent) x_nearby.clear();
  for (WorkerEndpoint* slot : x_nearby.slots) slot->x_circle = Circle::kNearby;
  x_nearby.finish();
}

void Candidates::reserve(size_t count) {
  slots.reserve(count);
  sums.reserve(count);
}

void Candidates::clear() {
  slots.clear();
  sums.clear();
}

void Candidates::add(WorkerEndpoint* slot) {
  slots.push_back(slot);
  sums.push_back((sums.empty() ? 0 : sums.back()) + slot->weight());
}

void Candidates::finish() {
  const auto is_other = [&](const WorkerEndpoint* slot) {
    return slot->weight() != slots.front()->weight();
  };
  if (std::none_of(slots.begin(), slots.end(), is_other)) sums.clear();
}

}  // namespace outrigger::upstream
