// Runs a real loop until a condition holds, without sleeping. The guard ends a test that would
// hang.
#pragma once

#include "proxy/io/loop.hpp"

namespace outrigger::testing {

// Returns whether `done()` became true in time.
template <class Done>
bool run_until(io::Loop& loop, Done done, int64_t limit_ms = 10'000) {
  bool late = false;
  Timer guard([](void* flag) { *static_cast<bool*>(flag) = true; }, &late);
  const LoopContext context = loop.context();
  loop.poll();
  context.timers.arm(guard, context.clock.now_ms() + limit_ms);
  while (!done() && !late) loop.run_once();
  return done();
}

}  // namespace outrigger::testing
