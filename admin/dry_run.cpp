#include "admin/dry_run.hpp"

#include <nlohmann/json.hpp>

#include "admin/json_value.hpp"

namespace outrigger::admin {
namespace {

using Json = nlohmann::ordered_json;

const upstream::OutstandingLimit* find_limit(const upstream::Services& services,
                                             const config::Target& target) {
  if (!target.route.empty()) {
    const auto route = services.find_route(target.service + "/" + target.route);
    if (route != nullptr) return &route->limit;
  }
  const auto service = services.find(target.service);
  return service == nullptr ? nullptr : &service->limit();
}

Json limited(int64_t now, const std::optional<int64_t>& limit) {
  return {{"now", now},
          {"limit", limit ? Json(*limit) : Json()},
          {"would_refuse", limit && now >= *limit}};
}

Json to_json(const upstream::Counts& counts) {
  return {{"total", counts.total},
          {"failed", counts.failed},
          {"slow", counts.slow},
          {"failed_share", counts.failed_share()},
          {"slow_share", counts.slow_share()}};
}

}  // namespace

std::string counts_json(const upstream::Counts& counts) { return dumped(to_json(counts)); }

std::string would_open(const Parts& parts, const config::Target& target,
                       const config::Policy& next) {
  const upstream::Circuit* circuit = find_circuit(parts.control.services(), target);
  // A route that has none of its own yet begins with an empty window.
  upstream::CircuitDecision decision;
  if (circuit != nullptr && next.circuit) {
    decision = circuit->dry_run(*next.circuit, parts.loop.clock.now_ms());
  }
  return dumped(Json{{"would_open", decision.opens},
                     {"reason", upstream::to_string(decision.reason)},
                     {"counts", to_json(decision.counts)},
                     {"run", {{"failures", decision.run}, {"lasted_ms", decision.run_ms}}}});
}

std::string would_limit(const Parts& parts, const config::Target& target,
                        const config::Policy& next) {
  const upstream::OutstandingLimit* limit = find_limit(parts.control.services(), target);
  const int64_t outstanding = limit == nullptr ? 0 : limit->outstanding();
  const int64_t streams = limit == nullptr ? 0 : limit->streams().open();
  return dumped(Json{{"outstanding", limited(outstanding, next.limits.outstanding)},
                     {"streams", limited(streams, next.limits.streams)}});
}

Result<bool, Answer> is_dry_run(const Request& request) {
  const std::string_view dry = request.parameter("dry_run");
  if (dry.empty() || dry == "false") return false;
  if (dry != "true") return failure(problem(400, "dry_run is true or false"));
  return true;
}

}  // namespace outrigger::admin
