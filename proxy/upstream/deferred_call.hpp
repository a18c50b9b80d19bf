// A call that waits for what its attempt needs (a list, a name, what the endpoint speaks); then it
// is the attempt's. The base of those that wait: it passes on what the leg says. Lives in the arena
// of its exchange; one thread.
#pragma once

#include <utility>

#include "proxy/chain/terminal.hpp"

namespace outrigger::upstream {

class DeferredCall : public chain::Call {
 public:
  void on_flow() final { x_attempt->on_flow(); }
  void on_request_body() final {
    if (x_attempt != nullptr) x_attempt->on_request_body();
  }
  void on_congestion(bool congested) final { x_attempt->on_congestion(congested); }
  int64_t kernel_bytes() const final {
    return x_attempt != nullptr ? x_attempt->kernel_bytes() : 0;
  }
  void cancel() noexcept final {
    stop_waiting();
    x_attempt.reset();
  }

 protected:
  void go_on_as(chain::CallPtr attempt) { x_attempt = std::move(attempt); }
  // Leaves whatever it waits in. Idempotent.
  virtual void stop_waiting() noexcept = 0;

 private:
  chain::CallPtr x_attempt;
};

}  // namespace outrigger::upstream
