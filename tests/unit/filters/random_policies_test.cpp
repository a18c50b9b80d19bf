// Seeded policies over the default chain, a terminal whose calls do anything, callers who leave at
// any time. Whatever happens: everything comes back, attempts stay within their bounds, and what
// may not be repeated is not.
#include <map>

#include <gtest/gtest.h>

#include "tests/support/policy_world.hpp"

namespace outrigger {
namespace {

using config::Policy;
using testing::CallRequest;
using testing::PolicyCall;
using testing::PolicyWorld;
using testing::Script;

constexpr uint64_t kSeeds = 400;

class RandomRun {
 public:
  explicit RandomRun(uint64_t seed)
      : x_random(seed * 7'919), x_policy(policy(true)), x_world(x_policy, seed) {
    x_other = &x_world.add_service("other", policy(false));
  }

  void run() {
    for (int step = 0; step < 60; ++step) {
      // One script for each call, so that the attempts of a call are known by its target.
      x_world.script(scripts());
      x_other->terminal.set_scripts(scripts());
      x_calls.push_back(&x_world.call(request()));
      if (x_random.chance(0.5))
        act(*x_calls[x_random.below(static_cast<uint32_t>(x_calls.size()))]);
      if (x_random.chance(0.6)) x_world.pass_ms(x_random.below(120));
      expect_bounds();
    }
    for (PolicyCall* call : x_calls) call->finish();
    x_world.pass_ms(5'000);
    for (size_t i = 0; i < x_calls.size(); ++i) {
      EXPECT_FALSE(x_calls[i]->sink.owns()) << "call " << i << " never ends";
    }
    EXPECT_EQ(x_world.limit().outstanding(), 0);
    EXPECT_EQ(x_world.limit().queued(), 0);
    expect_attempts();
  }

 private:
  bool chance(double share) { return x_random.chance(share); }
  int64_t upto(uint32_t most) { return x_random.below(most + 1); }

  Policy policy(bool with_fallback) {
    Policy policy;
    policy.timeout.request_ms = 50 + upto(200);
    if (chance(0.3)) policy.timeout.attempt_ms = 10 + upto(100);
    policy.timeout.idle_ms = 20 + upto(50);
    policy.timeout.total_ms = 1'000;
    if (chance(0.5)) policy.deadline_header = "x-deadline-ms";
    policy.retry->attempts = 1 + static_cast<int>(upto(3));
    policy.retry->unsent = static_cast<int>(upto(2));
    policy.retry->backoff = {upto(20), upto(40)};
    policy.retry->body_max_bytes = chance(0.5) ? 8 : 64 * 1024;
    if (chance(0.1)) policy.retry.reset();
    policy.limits.outstanding = 1 + upto(5);
    policy.limits.queue = upto(3);
    policy.limits.queue_wait_ms = upto(60);
    if (chance(0.2)) policy.limits.body_bytes = 10;
    if (chance(0.1)) policy.limits.mode = config::Mode::kShadow;
    policy.circuit->consecutive_failures = config::ConsecutiveFailures{4, 0};
    policy.circuit->open_for_ms = 50;
    policy.circuit->open_max_ms = 100;
    if (chance(0.1)) policy.circuit.reset();
    if (with_fallback) add_fallbacks(policy);
    return policy;
  }

  void add_fallbacks(Policy& policy) {
    if (chance(0.4)) add(policy, config::FallbackStale{});
    if (chance(0.5)) add(policy, config::FallbackService{"other", chance(0.5) ? upto(80) : 0});
    if (chance(0.3)) add(policy, config::FallbackRespond{203, {}, "instead", {}});
  }
  template <class Action>
  void add(Policy& policy, Action action) {
    config::Fallback entry;
    entry.action = std::move(action);
    if (chance(0.5)) entry.methods.kind = config::Methods::Kind::kAny;
    policy.fallback.push_back(std::move(entry));
  }

  CallRequest request() {
    static const char* const kMethods[] = {"GET", "PUT", "POST", "PATCH", "HEAD"};
    CallRequest request;
    request.method = kMethods[x_random.below(5)];
    request.target = "/" + std::to_string(x_calls.size());
    if (chance(0.3)) request.fields.emplace_back("x-deadline-ms", std::to_string(upto(150)));
    if (chance(0.5)) request.body = std::string(x_random.below(20), 'b');
    if (request.body) request.complete = chance(0.5);
    return request;
  }

  std::vector<Script> scripts() {
    std::vector<Script> list(1 + x_random.below(4));
    for (Script& script : list) script = any_script();
    return list;
  }
  Script any_script() {
    static constexpr Cause kCauses[] = {Cause::kReset, Cause::kConnectRefused, Cause::kTimeout,
                                        Cause::kResponseIncomplete, Cause::kOverload};
    static constexpr Sent kSents[] = {Sent::kMaybe, Sent::kNever, Sent::kNeverFree,
                                      Sent::kReusedDied};
    static constexpr int kStatuses[] = {200, 200, 200, 404, 429, 500, 503, 204};
    Script script;
    const uint32_t kind = x_random.below(10);
    script.answer = kind < 6   ? Script::Answer::kHead
                    : kind < 9 ? Script::Answer::kError
                               : Script::Answer::kHang;
    if (chance(0.6)) script.after_ms = upto(100);
    script.status = kStatuses[x_random.below(8)];
    script.body.assign(x_random.below(4), "piece");
    script.gap_ms = chance(0.5) ? upto(40) : 0;
    script.error.cause = kCauses[x_random.below(5)];
    script.error.sent =
        script.answer == Script::Answer::kError ? kSents[x_random.below(4)] : Sent::kMaybe;
    script.error.ours = script.error.cause == Cause::kOverload;
    if (chance(0.2)) script.break_after = x_random.below(3);
    if (chance(0.1)) script.interims = {103};
    if (chance(0.1)) script.fields.emplace_back("Retry-After", std::to_string(upto(2)));
    if (chance(0.1)) script.fields.emplace_back("Content-Type", "text/event-stream");
    script.runs_driver = script.after_ms > 0 && chance(0.5);
    script.reads_body = chance(0.8);
    return script;
  }

  void act(PolicyCall& call) {
    if (!call.sink.owns()) return;
    if (chance(0.4)) return call.leave();
    if (chance(0.5) && !call.sink.exchange().request_complete()) call.send("more");
    call.finish();
  }

  void expect_bounds() {
    if (x_policy.limits.mode == config::Mode::kEnforce) {
      EXPECT_LE(x_world.limit().outstanding(), *x_policy.limits.outstanding);
    }
    EXPECT_LE(x_world.limit().queued(), x_policy.limits.queue);
  }

  // By the numbers in the targets.
  void expect_attempts() {
    const size_t most =
        x_policy.retry ? static_cast<size_t>(x_policy.retry->attempts + x_policy.retry->unsent + 1)
                       : 1;
    std::map<std::string, size_t> attempts;
    std::map<std::string, bool> may_have_arrived;
    for (size_t i = 0; i < x_world.upstream().calls(); ++i) {
      const testing::CallRecord& record = x_world.upstream().call(i);
      EXPECT_LE(++attempts[record.target], most) << record.target;
      const bool repeatable = http::is_idempotent(http::method_from(record.method));
      EXPECT_FALSE(may_have_arrived[record.target] && !repeatable)
          << record.method << " " << record.target << " arrives twice";
      may_have_arrived[record.target] |=
          record.sent == Sent::kMaybe || record.sent == Sent::kReusedDied;
    }
  }

  Random x_random;
  const Policy x_policy;
  PolicyWorld x_world;
  PolicyWorld::Backend* x_other = nullptr;
  std::vector<PolicyCall*> x_calls;
};

TEST(RandomPolicies, EverythingComesBackAndNothingIsSentTwiceThatMayNotBe) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomRun(seed).run();
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace outrigger
