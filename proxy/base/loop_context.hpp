// What everything that lives on one event loop is given: its time, timers, chance and graveyard.
// The real loop (io::Loop) and the tests' virtual one both provide it. One thread each.
#pragma once

#include "proxy/base/clock.hpp"
#include "proxy/base/random.hpp"
#include "proxy/base/reaper.hpp"
#include "proxy/base/timer_wheel.hpp"

namespace outrigger {

struct LoopContext {
  Clock& clock;
  TimerWheel& timers;
  Random& random;
  Reaper& reaper;
};

}  // namespace outrigger
