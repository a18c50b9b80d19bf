// A Clock is how time comes in: as an argument, never from a static now(). The event loop owns one
// and moves it once per turn; tests move it by hand. Monotonic: it has nothing to do with the date,
// so a jump of the system's clock changes nothing. One thread.
#pragma once

#include <cstdint>

namespace outrigger {

class Clock {
 public:
  virtual ~Clock() = default;

  // Milliseconds since an arbitrary start, as of the beginning of this loop turn.
  int64_t now_ms() const { return x_now_ms; }
  // Nanoseconds right now, for measured durations only.
  virtual int64_t precise_ns() const = 0;
  // Wall-clock milliseconds since 1970 (UTC): for log lines, Date and `until`, never for a timer.
  virtual int64_t wall_ms() const = 0;

 protected:
  int64_t x_now_ms = 0;
};

class ManualClock final : public Clock {
 public:
  explicit ManualClock(int64_t start_ms = 1'000'000) { x_now_ms = start_ms; }

  void advance_ms(int64_t by) { x_now_ms += by; }
  int64_t precise_ns() const override { return x_now_ms * 1'000'000; }
  int64_t wall_ms() const override { return x_wall_offset_ms + x_now_ms; }
  // As when somebody sets the system's clock.
  void jump_wall_ms(int64_t by) { x_wall_offset_ms += by; }

 private:
  int64_t x_wall_offset_ms = 1'700'000'000'000;
};

}  // namespace outrigger
