// The look-up table of Maglev hashing: Eisenbud et al., "Maglev: A Fast and Reliable Software
// Network Load Balancer", NSDI 2016, section 3.4. Every endpoint has slots in proportion to its
// weight, and hardly any slot changes hands when an endpoint comes or goes, whatever the order of
// the list. Made on the control thread with each list, immutable, shared by all workers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace outrigger::upstream {

class MaglevTable {
 public:
  // A prime. Always the same one, for a table of another size is another table: two bytes a slot,
  // 128 KiB. Slots of equal endpoints differ by one at most, so 655 endpoints are within 1 % of
  // their shares and 10,000, with six or seven slots each, within 9 %.
  static constexpr uint32_t kSlots = 65'537;
  static constexpr size_t kMaxEndpoints = 65'535;  // further ones have no slot

  struct Member {
    uint64_t id = 0;  // a hash of what it is called
    int weight = 1;   // >= 1
  };

  // Requires: members is not empty. About 10 M instructions, 2 ms, for 10,000 members.
  explicit MaglevTable(std::span<const Member> members);

  // An index into the members.
  uint16_t at(uint64_t hash) const { return x_slots[hash % kSlots]; }

 private:
  std::vector<uint16_t> x_slots;
};

}  // namespace outrigger::upstream
