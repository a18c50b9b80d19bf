#include "proxy/chain/driver.hpp"

namespace outrigger::chain {

void Driver::ready(Leg& leg) {
  if (!static_cast<ListNode<ReadyTag>&>(leg).is_linked()) x_ready.push_back(leg);
}

void Driver::run() {
  if (x_running) return;
  x_running = true;
  while (!x_ready.empty()) x_ready.pop_front().step();
  x_running = false;
}

}  // namespace outrigger::chain
