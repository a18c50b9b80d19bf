// Who watches: one message a second, as Server-Sent Events, with what each service that was called
// did in that time, and the events. It holds counts and a cursor, no queue: one that reads too
// slowly gets fewer messages, each over a longer time. Owned by its leg; control thread.
#pragma once

#include <cstdint>
#include <string>

#include "admin/resources.hpp"
#include "metrics/live.hpp"
#include "proxy/chain/call_leg.hpp"
#include "proxy/chain/terminal.hpp"

namespace outrigger::admin {

class LiveStream final : public chain::Call, private EventSubscriber {
 public:
  static constexpr int64_t kEachMs = 1'000;

  LiveStream(const Parts& parts, chain::CallLeg leg);

  // False when there are too many subscribers; then nothing was delivered.
  bool begin();

  void on_flow() override {}
  void on_request_body() override {}
  void on_congestion(bool congested) override { x_congested = congested; }
  void cancel() noexcept override;

 private:
  void on_event() override {}
  void on_time();
  std::string message();

  const Parts& x_parts;
  const chain::CallLeg x_leg;
  metrics::Live x_live;
  uint64_t x_last_id;
  int64_t x_since_ms;
  std::string x_batch;
  bool x_congested = false;
  Timer x_timer;
};

}  // namespace outrigger::admin
