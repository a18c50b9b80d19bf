#include "proxy/app/drain.hpp"

#include <algorithm>
#include <utility>

namespace outrigger::app {

Drain::Drain(LoopContext loop, Hooks hooks) : x_loop(loop), x_hooks(std::move(hooks)) {}

void Drain::begin() {
  if (is_draining()) return;
  x_began_ms = x_loop.clock.now_ms();
  look();
}

void Drain::look() {
  const int64_t now_ms = x_loop.clock.now_ms();
  const int64_t ends_ms = x_began_ms + x_config.grace_ms;
  if (now_ms >= ends_ms || is_quiet(now_ms)) return x_hooks.end();
  if (!x_last_phase && now_ms >= ends_ms - kLastPhaseMs) {
    x_last_phase = true;
    x_hooks.begin_last_phase();
  }
  x_loop.timers.arm(x_timer, std::min(now_ms + kLookEachMs, ends_ms));
}

bool Drain::is_quiet(int64_t now_ms) const {
  if (x_hooks.open_connections() > 0) return false;
  const int64_t quiet_since_ms = std::max(x_began_ms, x_hooks.last_accepted_ms());
  return now_ms - quiet_since_ms >= x_config.quiet_ms;
}

}  // namespace outrigger::app
