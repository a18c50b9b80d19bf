// Bounds one attempt: `attempt` from its start, or from the last request byte where that comes
// later, to the response head. Also tells the upstream what is left of the deadline.
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
  bool pass_deadline_on(chain::Leg& leg) const;

  LoopContext& x_loop;
  const std::optional<int64_t> x_attempt_ms;
  const std::optional<std::string> x_header;
};

}  // namespace outrigger::filters
