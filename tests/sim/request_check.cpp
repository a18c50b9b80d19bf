#include "tests/sim/request_check.hpp"

namespace outrigger::sim {

std::string wrong_with(const Head& head, size_t service, const OriginContext& context) {
  const Call* call = context.ledger.find(static_cast<uint32_t>(head.number("x-id")));
  if (call == nullptr) return "a request of nobody: " + head.start;
  const std::string start = call->method + " " + call->path + " HTTP/";
  if (!head.start.starts_with(start)) return head.start + " instead of " + start;
  const ServicePlan& plan = context.plan.services[service];
  for (const char* gone : {"x-hop", "keep-alive", "proxy-connection", "x-secret", "upgrade"}) {
    if (std::string_view(gone) == "upgrade" && call->asks == Asks::kUpgrade) continue;
    const bool is_policy = std::string_view(gone) == "x-secret";
    if (is_policy && service == context.plan.passthrough()) continue;
    if (head.has(gone)) return std::string(gone) + " travelled on";
  }
  if (call->asks == Asks::kUpgrade && head.field("upgrade") != "websocket") {
    return "the Upgrade was lost";
  }
  const bool is_ours = service == call->service;
  if (is_ours && plan.name.starts_with("s") && head.field(kPolicyField) != plan.name) {
    return "the field of the policy is missing";
  }
  const ServicePlan& asked = context.plan.services[call->service];
  if (!is_ours && asked.alternate != service) {
    return "a call to " + asked.name + " came to " + plan.name;
  }
  const auto left_ms =
      static_cast<int64_t>(head.number(call->is_grpc ? "grpc-timeout" : "x-deadline"));
  const bool is_bounded = call->is_grpc || asked.has_deadline_header;
  if (is_ours && is_bounded && call->deadline_ms > 0 &&
      (left_ms < 1 || left_ms > call->deadline_ms)) {
    return "a deadline of " + std::to_string(left_ms) + " ms";
  }
  if (call->is_grpc && head.field("te") != "trailers") return "te: trailers was lost";
  return {};
}

}  // namespace outrigger::sim
