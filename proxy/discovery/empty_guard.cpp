#include "proxy/discovery/empty_guard.hpp"

namespace outrigger::discovery {

int64_t EmptyGuard::age_ms() const {
  return x_is_keeping ? x_loop.clock.now_ms() - x_last_given_at_ms : x_source->age_ms();
}

// Over a single source, what it keeps is what that source's successor shall know.
void EmptyGuard::remember(Memory& memory) const {
  Memory below;
  x_source->remember(below);
  if (x_is_keeping && below.size() == 1) below.begin()->second = {list(), x_last_given_at_ms};
  memory.merge(below);
}

void EmptyGuard::on_list(const AddressList& given) {
  const int64_t now_ms = x_loop.clock.now_ms();
  if (!given.empty() || !x_settings.keep_last_ms || list().empty()) {
    x_give_up.cancel();
    x_is_keeping = false;
    x_last_given_at_ms = now_ms;
    return report(given);
  }
  if (!x_is_keeping) x_empty_since_ms = now_ms;
  x_is_keeping = true;
  x_loop.timers.arm(x_give_up, x_empty_since_ms + *x_settings.keep_last_ms);
}

void EmptyGuard::give_up() {
  x_is_keeping = false;
  report({});
}

}  // namespace outrigger::discovery
