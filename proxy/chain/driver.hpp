// The Driver moves legs. Filters, calls and timers mark a leg ready; run() works the list off until
// it is empty, once after each callback of the loop, and is never re-entered. One for each loop.
#pragma once

#include "proxy/chain/leg.hpp"

namespace outrigger::chain {

class Driver {
 public:
  void ready(Leg& leg);
  void run();
  bool is_idle() const { return x_ready.empty() && !x_running; }

 private:
  List<Leg, ReadyTag> x_ready;
  bool x_running = false;
};

}  // namespace outrigger::chain
