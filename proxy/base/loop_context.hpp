// What everything that lives on one event loop is given: its time, timers, chance, graveyard, and
// the way home to it from other threads. The real loop (io::Loop) and the tests' virtual one both
// provide it. One thread each, but for the inbox.
#pragma once

#include "proxy/base/clock.hpp"
#include "proxy/base/inbox.hpp"
#include "proxy/base/random.hpp"
#include "proxy/base/reaper.hpp"
#include "proxy/base/timer_wheel.hpp"

namespace outrigger {

struct LoopContext {
  Clock& clock;
  TimerWheel& timers;
  Random& random;
  Reaper& reaper;
  Inbox& inbox;
};

}  // namespace outrigger
