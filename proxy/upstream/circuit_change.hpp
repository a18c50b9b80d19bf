// One change of a circuit: holds its mutex, and announces the transitions made under it after the
// mutex was released. Lives on the stack of the thread that makes the change; only the circuit's
// own sources include this.
#pragma once

#include <array>
#include <mutex>

#include "proxy/upstream/circuit.hpp"

namespace outrigger::upstream {

class Circuit::Change {
 public:
  explicit Change(Circuit& circuit) : x_circuit(circuit), x_lock(circuit.x_mutex) {}
  ~Change() {
    x_lock.unlock();
    if (x_circuit.x_events == nullptr) return;
    for (size_t i = 0; i < x_count; ++i) x_circuit.x_events->on_transition(x_circuit, x_made[i]);
  }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;

  void note(const CircuitTransition& transition) {
    if (x_count < x_made.size()) x_made[x_count++] = transition;
  }

 private:
  Circuit& x_circuit;
  std::unique_lock<std::mutex> x_lock;
  std::array<CircuitTransition, 4> x_made;
  size_t x_count = 0;
};

}  // namespace outrigger::upstream
