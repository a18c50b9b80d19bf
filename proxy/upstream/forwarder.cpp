#include "proxy/upstream/forwarder.hpp"

#include <algorithm>

#include "proxy/chain/exchange.hpp"
#include "proxy/upstream/deferred_call.hpp"
#include "proxy/upstream/hash_key.hpp"

namespace outrigger::upstream {

// A call that waits for the first list of its service, at most as long as for a connection; then it
// is the attempt's.
class FirstListCall final : public DeferredCall, public ListWaiter {
 public:
  FirstListCall(Forwarder& forwarder, chain::CallLeg leg, int64_t connect_by_ms)
      : x_forwarder(forwarder), x_leg(leg), x_connect_by_ms(connect_by_ms) {
    ServiceClient& client = forwarder.x_client;
    client.wait_for_list(*this);
    client.upstream().runtime.loop.timers.arm(x_timer, connect_by_ms);
  }

  // Also when none came in time: the attempt says why.
  void on_first_list() override {
    stop_waiting();
    go_on_as(x_forwarder.start_attempt(x_leg, x_connect_by_ms));
  }
  void reap() override { this->~FirstListCall(); }

 private:
  void stop_waiting() noexcept override {
    x_timer.cancel();
    ListNode<>::unlink();
  }

  Forwarder& x_forwarder;
  const chain::CallLeg x_leg;
  const int64_t x_connect_by_ms;
  Timer x_timer = Timer::of<&FirstListCall::on_first_list>(*this);
};

chain::CallPtr Forwarder::start(chain::CallLeg leg) {
  const int64_t connect_by_ms = x_client.upstream().now_ms() + x_settings.connect_timeout_ms;
  if (x_client.has_list()) return start_attempt(leg, connect_by_ms);
  Reaper& reaper = x_client.upstream().runtime.loop.reaper;
  auto* waiting = leg.exchange().arena().make<FirstListCall>(*this, leg, connect_by_ms);
  return chain::CallPtr(waiting, {&reaper});
}

chain::CallPtr Forwarder::start_attempt(chain::CallLeg leg, int64_t connect_by_ms) {
  std::optional<uint64_t> hash;
  if (x_settings.hash_key) hash = hash_of(leg, *x_settings.hash_key);
  Pick pick = x_client.pick(leg.tried().ids(), hash);
  Endpoint* const endpoint = pick.endpoint();
  Error error;
  error.ours = true;
  if (endpoint == nullptr) {
    error.cause = Cause::kNoEndpoint;
    leg.deliver_error(error);
    return nullptr;
  }
  if (pick.panic) x_settings.series->panic_picks.add();
  leg.tried().add(chain::id_of(*endpoint));
  if (x_client.upstream().own_listeners->contains(endpoint->address())) {
    error.cause = Cause::kLoop;
    error.detail = endpoint->name();
    leg.deliver_error(error);
    return nullptr;
  }
  return upstream::start_attempt(leg, x_settings, x_client.pools_of(*endpoint),
                                 std::move(pick.lease), endpoint->name(), connect_by_ms);
}

namespace {

// The bytes bound the fields of an answer: 32 for each, as RFC 9113 section 6.5.2 counts them, keep
// what is made of them small.
http::HeadLimits answer_limits(int64_t header_bytes) {
  constexpr int64_t kFieldBytes = 32;
  constexpr int64_t kFieldsMax = 16'384;
  http::HeadLimits limits;
  limits.head_bytes = static_cast<uint32_t>(header_bytes);
  limits.fields = static_cast<uint32_t>(
      std::clamp<int64_t>(header_bytes / kFieldBytes, limits.fields, kFieldsMax));
  return limits;
}

}  // namespace

CallSettings call_settings(const config::Policy& policy, metrics::ServiceSeries& series) {
  CallSettings settings;
  settings.connect_timeout_ms = policy.timeout.connect_ms;
  settings.head_limits = answer_limits(policy.limits.header_bytes);
  settings.protocol = policy.protocol;
  settings.authority = policy.authority;
  settings.proxy = policy.proxy;
  settings.endpoint_failures =
      policy.circuit ? policy.circuit->failures : config::default_circuit_failures();
  const config::Retry retry = policy.retry.value_or(config::Retry{});
  if (policy.retry) settings.repeatable = retry.methods;
  settings.repeatable_grpc = retry.grpc;
  settings.hold_head_ms = retry.hold_head_ms;
  settings.series = &series;
  settings.notes_latency = policy.balance.rule == config::BalanceRule::kPeakEwma;
  if (policy.balance.rule == config::BalanceRule::kHash) settings.hash_key = policy.balance.key;
  return settings;
}

}  // namespace outrigger::upstream
