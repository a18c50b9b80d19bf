// Sends a call again. What provably never left goes elsewhere up to `unsent` times (kNoticesMax
// after GOAWAY), whatever its method; a request that died with a reused connection is replayed
// once, for free, if it may be repeated; anything else that `on` lists is tried up to `attempts`
// times, within the budget of the service. Never after response bytes went to the caller, and never
// for our own refusals.
#pragma once

#include <cstdint>
#include <optional>

#include "filters/registry.hpp"
#include "proxy/chain/leg.hpp"
#include "proxy/upstream/retry_budget.hpp"

namespace outrigger::filters {

struct RetrySlot;

class Retry final : public chain::FilterWith<Retry, RetrySlot> {
 public:
  // Places for what an upstream never looked at because it was about to end the connection.
  static constexpr int kNoticesMax = 6;

  static void make(const Context& context, FilterList& filters);
  explicit Retry(const Context& context);

  std::string_view name() const override { return "retry"; }
  chain::Wants wants() const override { return {.splits_leg = true}; }
  chain::Step on_request(chain::Leg& leg, void* slot) override;
  chain::Step on_response(chain::Leg& leg, void* slot) override;
  void on_leg(chain::Leg& mine, void* slot, chain::Leg& below) override;
  bool may_open(const chain::Leg& leg, const void* slot) const override;
  bool may_try_again(const chain::Leg& leg, const void* slot) const override;
  bool sends_elsewhere(const chain::Leg& leg, const void* slot, const Error& error) const override;

 private:
  friend struct RetrySlot;
  struct Again {
    int64_t wait_ms = 0;
    bool replay = false;    // what nobody saw, for its connection was dead
    bool admitted = false;  // and what the circuit has not judged for another reason
  };

  void open(RetrySlot& slot, const Again& again) const;
  std::optional<Again> decide(RetrySlot& slot, const chain::Leg& below) const;
  bool may_resend(RetrySlot& slot, const Error& error) const;
  int unsent_most(const Error& error) const;
  std::optional<int64_t> may_retry(const RetrySlot& slot, const chain::Leg& below) const;
  static int64_t retry_after_ms(const chain::Leg& below);
  void go_again(RetrySlot& slot, const Again& again) const;
  void take(RetrySlot& slot, const chain::Leg& below) const;
  int64_t backoff_ms(int attempts_made) const;

  chain::Runtime& x_runtime;
  const config::Retry x_policy;
  upstream::RetryBudget& x_budget;
  upstream::Circuit& x_circuit;
  metrics::ServiceSeries& x_series;
};

}  // namespace outrigger::filters
