// Signals turns SIGTERM, SIGINT, SIGHUP and SIGUSR1 into events of one loop. Owned by the control
// thread; one in a process. Destroying it gives the signals back their default meaning.
#pragma once

#include <array>

#include "proxy/io/loop.hpp"

namespace outrigger::io {

class SignalEvents {
 public:
  virtual void on_signal(int number) = 0;

 protected:
  ~SignalEvents() = default;
};

class Signals {
 public:
  Signals(Loop& loop, SignalEvents& events);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  Loop& x_loop;
  SignalEvents& x_events;
  std::array<UvHandle<uv_signal_t>, 4> x_handles;
};

}  // namespace outrigger::io
