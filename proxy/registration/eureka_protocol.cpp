#include <algorithm>

#include <nlohmann/json.hpp>

#include "proxy/registration/instance.hpp"

namespace outrigger::registration {
namespace {

using nlohmann::json;

// A lease that was not renewed three times is over.
constexpr int64_t kRenewalsPerLease = 3;

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

std::string path_of(const Instance& instance) {
  return "/apps/" + percent_encoded(upper(instance.config.name));
}

class EurekaProtocol final : public Protocol {
 public:
  explicit EurekaProtocol(const Clock& clock) : x_clock(clock) {}

  client::Request enter(const Instance& instance, const Condition& condition) const override {
    const config::Registration& config = instance.config;
    const std::string ip(instance.address.ip_string());
    const int64_t interval_s = std::max<int64_t>(1, config.health.interval_ms / 1'000);
    json metadata = json::object();
    for (const auto& [key, text] : config.metadata) metadata[key] = text;
    const json body{{"instance",
                     {{"instanceId", instance.id()},
                      {"app", upper(config.name)},
                      {"vipAddress", config.name},
                      {"hostName", ip},
                      {"ipAddr", ip},
                      {"status", condition.is_well ? "UP" : "DOWN"},
                      {"port", {{"$", config.port}, {"@enabled", "true"}}},
                      {"securePort", {{"$", 443}, {"@enabled", "false"}}},
                      {"dataCenterInfo",
                       {{"@class", "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"},
                        {"name", "MyOwn"}}},
                      {"leaseInfo",
                       {{"renewalIntervalInSecs", interval_s},
                        {"durationInSecs", kRenewalsPerLease * interval_s}}},
                      {"lastDirtyTimestamp", std::to_string(x_clock.wall_ms())},
                      {"metadata", metadata}}}};
    return {.method = "POST",
            .target = path_of(instance),
            .fields = {{"content-type", "application/json"}},
            .body = body.dump(-1, ' ', false, json::error_handler_t::replace)};
  }

  client::Request renew(const Instance& instance, const Condition& condition) const override {
    const std::string status = condition.is_well ? "UP" : "DOWN";
    return {
        .method = "PUT",
        .target = path_of(instance) + '/' + percent_encoded(instance.id()) + "?status=" + status};
  }

  client::Request leave(const Instance& instance) const override {
    return {.method = "DELETE", .target = path_of(instance) + '/' + percent_encoded(instance.id())};
  }

  bool enters_again_when_changed() const override { return true; }

  Verdict verdict_of(const client::Answer& answer) const override {
    if (answer.status == 200 || answer.status == 204) return Verdict::kDone;
    return answer.status == 404 ? Verdict::kForgotten : Verdict::kRefused;
  }

 private:
  const Clock& x_clock;
};

}  // namespace

std::unique_ptr<Protocol> eureka_protocol(const Clock& clock) {
  return std::make_unique<EurekaProtocol>(clock);
}

}  // namespace outrigger::registration
