#include "proxy/discovery/shrink_guard.hpp"

#include <utility>

namespace outrigger::discovery {

void ShrinkGuard::on_list(const AddressList& given) {
  const size_t lost = count_lost(list(), given);
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

void ShrinkGuard::give_in() { report(*std::exchange(x_doubted, std::nullopt)); }

}  // namespace outrigger::discovery
