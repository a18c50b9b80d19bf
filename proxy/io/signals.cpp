#include "proxy/io/signals.hpp"

#include <csignal>

namespace outrigger::io {

Signals::Signals(Loop& loop, SignalEvents& events) : x_loop(loop), x_events(events) {
  constexpr std::array kNumbers = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
  for (size_t i = 0; i < kNumbers.size(); ++i) {
    const auto init = [&](uv_signal_t* handle) { return uv_signal_init(loop.uv(), handle); };
    OUTRIGGER_ASSERT(x_handles[i].open(this, init) == 0);
    const auto heard = [](uv_signal_t* handle, int number) {
      auto* const self = static_cast<Signals*>(handle->data);
      if (self == nullptr) return;
      const Loop::Turn turn(self->x_loop);
      self->x_events.on_signal(number);
    };
    OUTRIGGER_ASSERT(uv_signal_start(x_handles[i].get(), heard, kNumbers[i]) == 0);
  }
}

}  // namespace outrigger::io
