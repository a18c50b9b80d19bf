#include "proxy/upstream/maglev.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "proxy/base/assert.hpp"
#include "proxy/base/hash.hpp"

namespace outrigger::upstream {
namespace {

constexpr uint16_t kFree = 65'535;
constexpr uint32_t kNobody = 0xffffffff;

// Who fills slots, each at its own pace: the heaviest have a turn in every round, the others after
// `period` rounds. Rounds lie in a ring of queues, so that nobody is looked at before their turn.
struct Filler {
  uint32_t member = 0;
  uint32_t slot = 0;  // where its own permutation of the slots stands
  uint32_t skip = 0;
  uint32_t next = kNobody;  // in its queue
  double period = 1;
  double due = 0;
};

struct Queue {
  uint32_t first = kNobody;
  uint32_t last = kNobody;
};

class Rounds {
 public:
  Rounds(std::vector<Filler>& fillers, double longest)
      : x_fillers(fillers),
        x_are_equal(longest == 1),
        x_ring(x_are_equal ? 0 : static_cast<size_t>(std::ceil(longest)) + 2) {
    for (uint32_t i = 0; !x_are_equal && i < fillers.size(); ++i) enqueue(i);
  }

  // Whose turn it is.
  Filler& take() {
    if (x_are_equal) return take_next();
    while (queue(x_round).first == kNobody) ++x_round;
    Queue& now = queue(x_round);
    const uint32_t at = now.first;
    Filler& filler = x_fillers[at];
    now.first = filler.next;
    filler.due += filler.period;
    enqueue(at);
    return filler;
  }

 private:
  Filler& take_next() {
    if (x_next == x_fillers.size()) x_next = 0;
    return x_fillers[x_next++];
  }
  Queue& queue(uint64_t round) { return x_ring[round % x_ring.size()]; }
  void enqueue(uint32_t at) {
    Filler& filler = x_fillers[at];
    Queue& in = queue(static_cast<uint64_t>(filler.due));
    filler.next = kNobody;
    (in.first == kNobody ? in.first : x_fillers[in.last].next) = at;
    in.last = at;
  }

  std::vector<Filler>& x_fillers;
  const bool x_are_equal;  // the weights: each has a turn in every round
  size_t x_next = 0;
  std::vector<Queue> x_ring;
  uint64_t x_round = 0;
};

// By their ids, so that the order of the list does not matter.
std::vector<Filler> fillers_of(std::span<const MaglevTable::Member> members) {
  std::vector<uint32_t> order(members.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, {}, [&](uint32_t at) { return members[at].id; });
  const int most = std::ranges::max(members, {}, &MaglevTable::Member::weight).weight;
  std::vector<Filler> fillers;
  fillers.reserve(members.size());
  for (const uint32_t at : order) {
    Filler& filler = fillers.emplace_back();
    filler.member = at;
    filler.slot = static_cast<uint32_t>(members[at].id % MaglevTable::kSlots);
    filler.skip = static_cast<uint32_t>(mixed(members[at].id) % (MaglevTable::kSlots - 1)) + 1;
    filler.period = static_cast<double>(most) / members[at].weight;
    filler.due = filler.period - 1;
  }
  return fillers;
}

}  // namespace

MaglevTable::MaglevTable(std::span<const Member> members) : x_slots(kSlots, kFree) {
  OUTRIGGER_ASSERT(!members.empty());
  std::vector<Filler> fillers = fillers_of(members.first(std::min(members.size(), kMaxEndpoints)));
  const double longest = std::ranges::max(fillers, {}, &Filler::period).period;
  Rounds rounds(fillers, longest);
  uint16_t* const slots = x_slots.data();
  for (uint32_t filled = 0; filled < kSlots; ++filled) {
    Filler& filler = rounds.take();
    uint32_t slot = filler.slot;
    const uint32_t skip = filler.skip;
    while (slots[slot] != kFree) {
      slot += skip;
      if (slot >= kSlots) slot -= kSlots;
    }
    slots[slot] = static_cast<uint16_t>(filler.member);
    filler.slot = slot;
  }
}

}  // namespace outrigger::upstream
