// One subscriber of the events, as Server-Sent Events (WHATWG HTML, section 9.2). It holds a cursor
// into the ring of kept events and one batch of text, never a queue: a subscriber that reads too
// slowly is told how many events it missed. Owned by its leg; control thread.
#pragma once

#include <cstdint>
#include <string>

#include "admin/events.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/chain/call_leg.hpp"
#include "proxy/chain/terminal.hpp"

namespace outrigger::admin {

// The head of a stream of them.
void deliver_event_stream(chain::CallLeg leg);

class EventStream final : public chain::Call, private EventSubscriber {
 public:
  static constexpr size_t kBatchBytesMax = 64 * 1024;
  static constexpr int64_t kHeartbeatMs = 15'000;

  EventStream(const LoopContext& loop, Events& events, chain::CallLeg leg, uint64_t after_id)
      : x_loop(loop),
        x_events(events),
        x_leg(leg),
        x_last_id(after_id),
        x_timer(Timer::of<&EventStream::send>(*this)) {}

  // False when there are too many subscribers; then nothing was delivered.
  bool begin();

  void on_flow() override { send_soon(); }
  void on_request_body() override {}
  void on_congestion(bool congested) override;
  void cancel() noexcept override;

 private:
  void on_event() override { send_soon(); }
  // In a callback of its own: the batch must live until the one that pushed it has ended.
  void send_soon() { x_loop.timers.arm(x_timer, x_loop.clock.now_ms()); }
  void send();

  const LoopContext x_loop;
  Events& x_events;
  const chain::CallLeg x_leg;
  uint64_t x_last_id;
  std::string x_batch;
  bool x_congested = false;
  Timer x_timer;
};

}  // namespace outrigger::admin
