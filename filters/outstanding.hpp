// The limits on outstanding calls and open streams of a service, exact over all workers. A call
// that does not fit is refused at once or waits in the queue, at most `queue_wait` and never past
// its deadline. At the response head of a stream the call becomes one; a stream that does not fit
// is refused there, but a tunnel before it is asked for. What is silent for long becomes a stream
// as well, where one fits: others need not wait for it. Also bounds the request body.
#pragma once

#include <optional>
#include <string>

#include "filters/registry.hpp"
#include "proxy/chain/leg.hpp"
#include "proxy/upstream/limits.hpp"

namespace outrigger::filters {

struct OutstandingSlot;

class Outstanding final : public chain::FilterWith<Outstanding, OutstandingSlot> {
 public:
  static void make(const Context& context, FilterList& filters);
  Outstanding(const Context& context, upstream::OutstandingLimit& limit);

  std::string_view name() const override { return "outstanding"; }
  chain::Wants wants() const override { return {.request_chunks = x_body_bytes.has_value()}; }
  chain::Step on_request(chain::Leg& leg, void* slot) override;
  chain::Step on_response(chain::Leg& leg, void* slot) override;
  void on_chunk(chain::Leg& leg, void* slot, chain::Way way, std::string_view bytes) override;
  void on_reader_stalled(chain::Leg& leg, void* slot) override;
  void on_end(chain::Leg& leg, void* slot, const chain::Outcome& outcome) noexcept override;

 private:
  friend struct OutstandingSlot;
  chain::Step wait(chain::Leg& leg, OutstandingSlot& slot);
  void watch(OutstandingSlot& slot) const;
  bool take_stream(OutstandingSlot& slot) const;

  LoopContext& x_loop;
  upstream::PermitQueue& x_queue;
  upstream::StreamLimit& x_streams;
  metrics::ServiceSeries& x_series;
  const int64_t x_queue_wait_ms;
  const int64_t x_silent_ms;  // of a caller within its request
  const std::optional<int64_t> x_body_bytes;
  // What to raise, for who was refused: it was full, nothing came free in time, too many streams.
  std::string x_full_keys;
  std::string x_waited_keys;
  std::string x_streams_keys;
};

}  // namespace outrigger::filters
