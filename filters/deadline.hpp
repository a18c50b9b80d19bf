// Bounds the whole call: `request` from the last request byte to the response head, over queueing,
// retries and hedges; the caller's own deadline from the first byte; `idle` and `stream_idle`
// between the bytes of the response; `total` everything. A gRPC call that has no time of its own is
// a stream from the beginning. It also keeps to the bound that a fallback sets on the service it
// calls instead, so it is in every chain that lists it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "filters/registry.hpp"
#include "proxy/chain/leg.hpp"

namespace outrigger::filters {

struct DeadlineSlot;

class Deadline final : public chain::FilterWith<Deadline, DeadlineSlot> {
 public:
  static void make(const Context& context, FilterList& filters);
  explicit Deadline(const Context& context);

  std::string_view name() const override { return "deadline"; }
  chain::Wants wants() const override {
    return {
        .request_chunks = true, .response_chunks = true, .request_end = true, .response_end = true};
  }
  chain::Step on_request(chain::Leg& leg, void* slot) override;
  chain::Step on_response(chain::Leg& leg, void* slot) override;
  void on_chunk(chain::Leg& leg, void* slot, chain::Way way, std::string_view bytes) override;
  void on_body_end(chain::Leg& leg, void* slot, chain::Way way) override;
  void on_reader_stalled(chain::Leg& leg, void* slot) override;
  void on_end(chain::Leg& leg, void* slot, const chain::Outcome& outcome) noexcept override;

 private:
  // The milliseconds that the caller grants; nothing when it says none or something unreadable.
  std::optional<int64_t> callers_ms(const chain::Leg& leg) const;
  std::optional<int64_t> header_ms(const http::RequestHead& request) const;
  void guard_as_stream(DeadlineSlot& slot, bool on) const;
  void bound_head(DeadlineSlot& slot) const;
  void arm(DeadlineSlot& slot) const;
  void note_left(DeadlineSlot& slot) const;

  LoopContext& x_loop;
  const config::Timeout x_timeout;
  const std::optional<std::string> x_header;
};

}  // namespace outrigger::filters
