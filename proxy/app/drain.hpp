// The orderly end after SIGTERM. The neighbour may still be calling out, so we serve on exactly as
// before and end when none of its connections is open and none came for `quiet`, or at `grace`; in
// the last two seconds of that listeners close and new calls are refused. Control thread.
#pragma once

#include <cstdint>
#include <functional>

#include "config/model.hpp"
#include "proxy/app/part.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/base/timer_wheel.hpp"

namespace outrigger::app {

class Drain final : public Part {
 public:
  static constexpr int64_t kLastPhaseMs = 2000;
  static constexpr int64_t kLookEachMs = 50;

  struct Hooks {
    std::function<int()> open_connections;      // of the neighbour, over all workers
    std::function<int64_t()> last_accepted_ms;  // loop time; 0: none ever came
    std::function<void()> begin_last_phase;
    std::function<void()> end;
  };

  Drain(LoopContext loop, Hooks hooks);

  // Holds for a drain that has begun too.
  void commit(Snapshot& next) noexcept override { x_config = next.config.drain; }

  // A second time does nothing.
  void begin();
  bool is_draining() const { return x_began_ms >= 0; }

 private:
  void look();
  bool is_quiet(int64_t now_ms) const;

  const LoopContext x_loop;
  config::DrainConfig x_config;
  const Hooks x_hooks;
  Timer x_timer = Timer::of<&Drain::look>(*this);
  int64_t x_began_ms = -1;
  bool x_last_phase = false;
};

}  // namespace outrigger::app
