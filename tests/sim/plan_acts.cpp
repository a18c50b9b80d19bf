// What operators of a World ask for.
#include <array>

#include "tests/sim/plan.hpp"

namespace outrigger::sim {
namespace {

std::string quoted(const std::string& text) { return "\"" + text + "\""; }
std::string ms(int64_t value) { return quoted(std::to_string(value) + "ms"); }

}  // namespace

Act Plan::draw_act(Random& random) {
  // An opaque service is the last one; a few settings of others mean nothing to it.
  const size_t most = opaque.value_or(passthrough());
  const size_t index = random.below(static_cast<uint32_t>(most));
  const uint32_t roll = random.below(10);
  Act act;
  act.service = services[index].name;
  if (roll == 0) {
    if (random.chance(0.5)) act.service.clear();
    return act;
  }
  if (roll < 3 && !gentle) {
    constexpr std::array kForces{"", "forced_open", "forced_closed"};
    act.keys.push_back({kStateKey, kForces[random.below(kForces.size())]});
  } else {
    act = draw_patch(index, random);
  }
  if (random.chance(0.7)) act.ttl_ms = between(random, 1, random.chance(0.5) ? 500 : 8'000);
  return act;
}

// One to three keys, each once.
Act Plan::draw_patch(size_t service, Random& random) {
  constexpr std::array kBalances{R"("least_loaded")", R"("round_robin")", R"("random")",
                                 R"("peak_ewma")", R"({"hash": "source"})"};
  Bounds& bounds = services[service].bounds;
  Act act;
  act.service = services[service].name;
  bounds.is_patched = true;
  const auto add = [&](const char* key, const std::string& value) {
    act.keys.push_back({key, random.chance(0.2) ? "" : value});
  };
  const uint32_t first = random.below(5);
  const uint32_t count = between(random, 1, 3);
  for (uint32_t i = 0; i < count; ++i) {
    switch ((first + i) % 5) {
      case 0: {
        const auto attempts = static_cast<int>(between(random, 1, 5));
        bounds.attempts_most = std::max(bounds.attempts_most, attempts);
        add("retry.attempts", std::to_string(attempts));
        break;
      }
      case 1: {
        const uint32_t percent = between(random, 0, 50);
        bounds.budget_most = std::max(bounds.budget_most, percent / 100.0);
        add("retry.budget", quoted(std::to_string(percent) + "%"));
        break;
      }
      case 2: {
        const uint32_t queue = between(random, 0, 10);
        bounds.queue_most = std::max<int64_t>(bounds.queue_most, queue);
        add("limits.queue", std::to_string(queue));
        break;
      }
      case 3:
        add("balance", kBalances[random.below(kBalances.size())]);
        break;
      default: {
        const int64_t connect_ms = gentle ? gentle_connect_ms() : between(random, 20, 1'000);
        bounds.connect_least_ms = std::min(bounds.connect_least_ms, connect_ms);
        bounds.connect_most_ms = std::max(bounds.connect_most_ms, connect_ms);
        add("timeout.connect", ms(connect_ms));
        break;
      }
    }
  }
  act.is_wrong = random.chance(0.15);
  if (act.is_wrong) act.keys.push_back({"retry.unsent", quoted("many")});
  return act;
}

}  // namespace outrigger::sim
