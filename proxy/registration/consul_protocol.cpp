#include <algorithm>

#include <nlohmann/json.hpp>

#include "proxy/registration/instance.hpp"

namespace outrigger::registration {
namespace {

using nlohmann::json;

// A check that missed two reports is critical.
constexpr int64_t kReportsPerTtl = 3;
// Consul forgets what was critical for so long; it takes no less than a minute.
constexpr int64_t kForgottenAfterMs = 600'000;

bool is_asked_by_registry(const Instance& instance) {
  return instance.config.health.by == config::RegistrationHealth::By::kRegistry;
}

std::string in_ms(int64_t ms) { return std::to_string(ms) + "ms"; }

json check_of(const Instance& instance, const Condition& condition) {
  const config::RegistrationHealth& health = instance.config.health;
  json check{{"DeregisterCriticalServiceAfter", in_ms(kForgottenAfterMs)},
             {"Status", condition.is_well ? "passing" : "critical"}};
  if (is_asked_by_registry(instance)) {
    check["HTTP"] = "http://" + instance.address.to_string() + *health.http;
    check["Interval"] = in_ms(health.interval_ms);
    check["Timeout"] = in_ms(std::min<int64_t>(health.interval_ms, 5'000));
  } else {
    check["TTL"] = in_ms(kReportsPerTtl * health.interval_ms);
  }
  return check;
}

client::Request put(std::string target, const json& body) {
  return {.method = "PUT",
          .target = std::move(target),
          .fields = {{"content-type", "application/json"}},
          .body = body.dump(-1, ' ', false, json::error_handler_t::replace)};
}

class ConsulProtocol final : public Protocol {
 public:
  client::Request enter(const Instance& instance, const Condition& condition) const override {
    return put("/v1/agent/service/register", {{"ID", instance.id()},
                                              {"Name", instance.config.name},
                                              {"Address", instance.address.ip_string()},
                                              {"Port", instance.config.port},
                                              {"Tags", instance.config.tags},
                                              {"Meta", instance.config.metadata},
                                              {"Check", check_of(instance, condition)}});
  }

  // Where Consul asks the neighbour itself, it is only looked whether it still knows it.
  client::Request renew(const Instance& instance, const Condition& condition) const override {
    if (is_asked_by_registry(instance)) {
      return {.method = "GET", .target = "/v1/agent/service/" + percent_encoded(instance.id())};
    }
    return put("/v1/agent/check/update/service:" + percent_encoded(instance.id()),
               {{"Status", condition.is_well ? "passing" : "critical"}, {"Output", condition.why}});
  }

  client::Request leave(const Instance& instance) const override {
    return {.method = "PUT",
            .target = "/v1/agent/service/deregister/" + percent_encoded(instance.id())};
  }

  bool enters_again_when_changed() const override { return false; }

  // Agents before 1.15 answer 500 with a sentence where others answer 404.
  Verdict verdict_of(const client::Answer& answer) const override {
    if (answer.status == 200) return Verdict::kDone;
    const bool is_unknown =
        answer.status == 404 ||
        (answer.status == 500 && answer.body.find("nknown ") != std::string::npos);
    return is_unknown ? Verdict::kForgotten : Verdict::kRefused;
  }
};

}  // namespace

std::unique_ptr<Protocol> consul_protocol() { return std::make_unique<ConsulProtocol>(); }

}  // namespace outrigger::registration
