// Bounds one attempt: `attempt` from its start, or from the last request byte where that comes
// later, to the response head. `auto` cuts one only where another would follow, so the last has all
// that is left. Also tells the upstream what is left of the deadline.
#pragma once

#include <optional>
#include <string>

#include "filters/registry.hpp"
#include "proxy/chain/leg.hpp"

namespace outrigger::filters {

struct AttemptTimeoutSlot;

class AttemptTimeout final : public chain::FilterWith<AttemptTimeout, AttemptTimeoutSlot> {
 public:
  static void make(const Context& context, FilterList& filters);
  explicit AttemptTimeout(const Context& context);

  std::string_view name() const override { return "attempt_timeout"; }
  chain::Wants wants() const override { return {.request_end = true}; }
  chain::Step on_request(chain::Leg& leg, void* slot) override;
  chain::Step on_response(chain::Leg& leg, void* slot) override;
  void on_body_end(chain::Leg& leg, void* slot, chain::Way way) override;

 private:
  friend struct AttemptTimeoutSlot;
  bool pass_deadline_on(chain::Leg& leg) const;
  std::optional<int64_t> attempt_ms(const chain::Leg& leg) const;
  bool is_auto() const { return x_timeout.attempt_ms == config::kAutoMs; }

  LoopContext& x_loop;
  const config::Timeout x_timeout;
  const int x_attempts;
  const std::optional<std::string> x_header;
};

}  // namespace outrigger::filters
