#include "admin/service_facts.hpp"

#include <gtest/gtest.h>

#include "metrics/names.hpp"
#include "proxy/base/clock.hpp"

namespace outrigger::admin {
namespace {

class ServiceFactsTest : public ::testing::Test {
 protected:
  void list(size_t count) {
    std::vector<upstream::ListedAddress> list;
    for (size_t i = 1; i <= count; ++i) {
      list.push_back({*Address::parse("10.0.0." + std::to_string(i) + ":80"), 1, false});
    }
    x_service.set_endpoints(list, x_clock.now_ms());
  }
  upstream::Endpoint& endpoint(size_t number) {
    return *x_service.find_endpoint(*Address::parse("10.0.0." + std::to_string(number) + ":80"));
  }
  double endpoints(const metrics::ServiceFacts& facts, std::string_view state) const {
    for (const metrics::Labelled& one : facts.endpoints) {
      if (one.label == state) return one.value;
    }
    return -1;
  }

  ManualClock x_clock;
  config::Policy x_policy;
  upstream::Service x_service{"orders", x_policy, {}, x_clock.now_ms()};
};

TEST_F(ServiceFactsTest, TellLimitsBudgetAndAge) {
  list(2);
  x_policy.limits.streams = 64;
  x_service.set_policy(x_policy, x_clock.now_ms());
  x_clock.advance_ms(1500);
  const metrics::ServiceFacts facts = facts_of(x_service, x_policy, x_clock);
  EXPECT_EQ(facts.service, "orders");
  EXPECT_EQ(facts.outstanding_limit, 1024);
  EXPECT_EQ(facts.outstanding, 0);
  EXPECT_EQ(facts.streams, 0);
  EXPECT_EQ(facts.streams_limit, 64);
  EXPECT_TRUE(facts.retry_budget_remaining.has_value());
  EXPECT_EQ(facts.discovery_age_s, 1.5);
  EXPECT_EQ(facts.panic, false);
}

TEST_F(ServiceFactsTest, LeaveOutWhatIsOff) {
  x_policy.limits.outstanding.reset();
  x_policy.retry.reset();
  x_service.set_policy(x_policy, x_clock.now_ms());
  const metrics::ServiceFacts facts = facts_of(x_service, x_policy, x_clock);
  EXPECT_FALSE(facts.outstanding_limit.has_value());
  EXPECT_FALSE(facts.streams_limit.has_value());
  EXPECT_FALSE(facts.retry_budget_remaining.has_value());
  EXPECT_FALSE(facts.discovery_age_s.has_value());
}

TEST_F(ServiceFactsTest, CountEndpointsByTheFirstWordThatExcludesThem) {
  list(4);
  endpoint(2).set_operator_state(upstream::OperatorState::kDrain);
  endpoint(3).set_health(upstream::Health::kUnhealthy);
  const metrics::ServiceFacts facts = facts_of(x_service, x_policy, x_clock);
  EXPECT_EQ(endpoints(facts, "eligible"), 2);
  EXPECT_EQ(endpoints(facts, "drain"), 1);
  EXPECT_EQ(endpoints(facts, "unhealthy"), 1);
}

TEST_F(ServiceFactsTest, SayPanicAsTheBalancerDoes) {
  list(2);
  endpoint(1).set_health(upstream::Health::kUnhealthy);
  EXPECT_EQ(facts_of(x_service, x_policy, x_clock).panic, false);  // half is not below 20 %
  endpoint(2).set_health(upstream::Health::kUnhealthy);
  EXPECT_EQ(facts_of(x_service, x_policy, x_clock).panic, true);
  EXPECT_EQ(endpoints(facts_of(x_service, x_policy, x_clock), "eligible"), 0);
}

TEST_F(ServiceFactsTest, TellTheCircuit) {
  x_clock.advance_ms(1000);
  x_service.circuit().force(upstream::CircuitForce::kForcedOpen, x_clock.now_ms());
  x_clock.advance_ms(2000);
  const auto circuit = *facts_of(x_service, x_policy, x_clock).circuit;
  EXPECT_EQ(circuit.state, "forced_open");
  EXPECT_EQ(circuit.open_s, 2);
  EXPECT_EQ(circuit.changed_at_s, static_cast<double>(x_clock.wall_ms() - 2000) / 1000);
}

TEST(CircuitTransitions, AreEventsAndCountersOfServiceAndRoute) {
  upstream::CircuitTransition what{upstream::CircuitState::kClosed, upstream::CircuitState::kOpen,
                                   upstream::CircuitReason::kFailureRate, 5};
  const Event event = event_of("orders/reads", what);
  EXPECT_EQ(event.kind, "circuit");
  EXPECT_EQ(event.service, "orders");
  EXPECT_EQ(event.route, "reads");
  EXPECT_EQ(event.from, "closed");
  EXPECT_EQ(event.to, "open");
  EXPECT_EQ(event.reason, "failure_rate");
  EXPECT_EQ(event_of("orders", what).route, "");
  what.shadow = true;
  EXPECT_EQ(event_of("orders", what).kind, "circuit_shadow");
  EXPECT_EQ(key_of("orders/reads"), (metrics::SeriesKey{"orders", "reads"}));
  EXPECT_EQ(transition_of(what), (metrics::Transition{"closed", "open", "failure_rate"}));
}

TEST(CircuitStates, AreNamedAlikeInMetricsAndCircuits) {
  ASSERT_EQ(metrics::kCircuitStateNames.size(), static_cast<size_t>(upstream::kCircuitStates));
  for (size_t i = 0; i < metrics::kCircuitStateNames.size(); ++i) {
    EXPECT_EQ(metrics::kCircuitStateNames[i],
              upstream::to_string(static_cast<upstream::CircuitState>(i)));
  }
}

}  // namespace
}  // namespace outrigger::admin
