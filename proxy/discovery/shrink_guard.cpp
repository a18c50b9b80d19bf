#include "proxy/discovery/shrink_guard.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace outrigger::discovery {

void ShrinkGuard::on_list(const AddressList& given) {
  const size_t lost = lost_in(given);
  const bool is_doubtful = lost > kLostAnyway && 2 * lost > list().size();
  if (is_doubtful && !x_doubted) {
    x_doubted = given;
    x_loop.timers.arm(x_confirmed, x_loop.clock.now_ms() + kConfirmMs);
    return report_doubt(lost, list().size());
  }
  x_confirmed.cancel();
  x_doubted.reset();
  report(given);
}

// What is doubted is not known.
void ShrinkGuard::remember(Memory& memory) const {
  Memory below;
  x_source->remember(below);
  if (x_doubted && below.size() == 1) below.begin()->second.list = list();
  memory.merge(below);
}

size_t ShrinkGuard::lost_in(const AddressList& given) const {
  std::unordered_set<Address> there;
  for (const upstream::ListedAddress& listed : given) there.insert(listed.address);
  return static_cast<size_t>(std::ranges::count_if(
      list(), [&](const auto& listed) { return !there.contains(listed.address); }));
}

void ShrinkGuard::give_in() { report(*std::exchange(x_doubted, std::nullopt)); }

}  // namespace outrigger::discovery
