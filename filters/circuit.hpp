// The circuit of the service in front of each attempt: takes a token on the way down and settles it
// once: at a failing head, error or grpc-status, at the end, or a second (or `slow_call`) after a
// good head. A gRPC call that nothing bounds gives it back where no head comes.
#pragma once

#include <optional>

#include "filters/registry.hpp"
#include "proxy/chain/leg.hpp"
#include "proxy/upstream/circuit.hpp"

namespace outrigger::filters {

struct CircuitSlot;

class Circuit final : public chain::FilterWith<Circuit, CircuitSlot> {
 public:
  static void make(const Context& context, FilterList& filters);
  explicit Circuit(const Context& context);

  std::string_view name() const override { return "circuit"; }
  chain::Wants wants() const override { return {.response_end = true, .grpc_only = true}; }
  chain::Step on_request(chain::Leg& leg, void* slot) override;
  chain::Step on_response(chain::Leg& leg, void* slot) override;
  void on_body_end(chain::Leg& leg, void* slot, chain::Way way) override;
  void on_end(chain::Leg& leg, void* slot, const chain::Outcome& outcome) noexcept override;

 private:
  friend struct CircuitSlot;
  bool is_too_short(const CircuitSlot& slot) const;
  void settle_bad_answer(CircuitSlot& slot) const;
  void settle_error(CircuitSlot& slot, const Error& error) const;
  void arm(CircuitSlot& slot, int64_t ms) const;
  bool is_slow(int64_t took_ms) const { return x_slow_ms && took_ms > *x_slow_ms; }

  chain::Runtime& x_runtime;
  upstream::Circuit& x_circuit;
  const config::Matcher x_failures;
  const std::optional<int64_t> x_slow_ms;
  const int64_t x_settle_after_ms;
};

}  // namespace outrigger::filters
