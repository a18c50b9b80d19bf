// GET, PATCH and forced states of circuits.
#include <nlohmann/json.hpp>

#include "admin/dry_run.hpp"
#include "admin/etag.hpp"
#include "admin/json_value.hpp"
#include "admin/resources.hpp"
#include "admin/settings.hpp"
#include "proxy/base/json_line.hpp"

namespace outrigger::admin {
namespace {

using Json = nlohmann::ordered_json;

using config::Target;

// Who forced it, why and until when; null: nobody did.
Json override_json(const Parts& parts, const Target& target) {
  OverrideEntry like;
  like.kind = OverrideEntry::Kind::kCircuit;
  like.target = target;
  const OverrideEntry* entry = parts.changes.overrides().top(like);
  return entry == nullptr ? Json() : parsed<Json>(to_json(*entry));
}

Json circuit_json(const Parts& parts, const Target& target, const upstream::Circuit& circuit) {
  const int64_t now_ms = parts.loop.clock.now_ms();
  const upstream::CircuitSnapshot state = circuit.snapshot(now_ms);
  const int64_t since_ms = now_ms - state.changed_at_ms;
  Json json;
  json["service"] = target.service;
  if (!target.route.empty()) json["route"] = target.route;
  json["settings"] = parsed<Json>(setting_json(parts.control.loaded().config, target, "circuit"));
  json["overridden"] = parsed<Json>(overridden_json(parts.control.loaded(), target, "circuit"));
  json["state"] = upstream::to_string(state.state);
  json["machine"] = upstream::to_string(state.machine);
  json["force"] = upstream::to_string(state.force);
  json["override"] = override_json(parts, target);
  json["reason"] = upstream::to_string(state.reason);
  json["changed_at"] = iso_time(parts.loop.clock.wall_ms() - since_ms);
  json["changed_ms_ago"] = since_ms;
  json["counts"] = parsed<Json>(counts_json(state.counts));
  json["run"] = {{"failures", state.run}, {"lasted_ms", state.run_ms}};
  json["next_probe_ms"] = state.next_probe_ms ? Json(*state.next_probe_ms) : Json();
  json["openings"] = state.openings;
  json["probes"] = {{"in_flight", state.probes_in_flight}, {"good", state.probes_good}};
  json["ramp"] =
      state.ramp_step ? Json{{"step", *state.ramp_step}, {"share", state.ramp_share}} : Json();
  json["open_ms_total"] = state.open_ms_total;
  json["refused"] = state.refused;
  json["would_refuse"] = state.would_refuse;
  return json;
}

struct Found {
  Target target;
  upstream::Circuit* circuit = nullptr;
  Answer refusal;  // when there is no circuit
};

Found find(const Parts& parts, const Request& request) {
  const config::Config& config = parts.control.loaded().config;
  Found found;
  found.target = {std::string(request.part("service")), std::string(request.part("route"))};
  if (config.find_service(found.target.service) == nullptr) {
    found.refusal = unknown_service(config, found.target.service);
  } else if (!has_circuit(config, found.target)) {
    found.refusal = problem(404, policy_of(config, found.target) == nullptr
                                     ? "the service has no route of that name"
                                     : "the route has no circuit of its own; its calls are judged "
                                       "by that of the service");
  } else {
    found.circuit = find_circuit(parts.control.services(), found.target);
    if (found.circuit == nullptr) found.refusal = problem(503, "the service is not running yet");
  }
  return found;
}

Answer circuit_answer(const Parts& parts, const Found& found) {
  Answer answer = json(dumped(circuit_json(parts, found.target, *found.circuit)));
  answer.fields.emplace_back("ETag", etag_of(parts, {found.target}));
  return answer;
}

Answer bad_settings(const std::vector<config::Problem>& problems) {
  return problem(422, "the settings were not accepted", problems);
}

Answer dry_run(const Parts& parts, const Request& request, const Found& found) {
  const config::Loaded next = parts.changes.preview(found.target, "circuit", request.body);
  if (!next.ok()) return bad_settings(next.problems);
  Json body;
  body["dry_run"] = true;
  body["settings"] = parsed<Json>(setting_json(next.config, found.target, "circuit"));
  body.update(parsed<Json>(would_open(parts, found.target, *policy_of(next.config, found.target))));
  return json(dumped(body));
}

}  // namespace

Answer get_circuits(const Parts& parts, const Request&) {
  Json list = Json::array();
  std::vector<Target> targets;
  const auto add = [&](const Target& target) {
    const upstream::Circuit* circuit = find_circuit(parts.control.services(), target);
    if (circuit == nullptr) return;
    list.push_back(circuit_json(parts, target, *circuit));
    targets.push_back(target);
  };
  for (const config::ServiceConfig& service : parts.control.loaded().config.services) {
    add({service.name, ""});
    for (const config::RouteConfig& route : service.routes) {
      if (route.name.empty() || !route.owns("circuit")) continue;
      config::for_each_target(service.name, route, [&](const std::string& target, const auto&) {
        add({target, route.name});
      });
    }
  }
  Answer answer = json(dumped(Json{{"circuits", std::move(list)}}));
  answer.fields.emplace_back("ETag", etag_of(parts, targets));
  return answer;
}

Answer get_circuit(const Parts& parts, const Request& request) {
  const Found found = find(parts, request);
  return found.circuit == nullptr ? found.refusal : circuit_answer(parts, found);
}

Answer patch_circuit(const Parts& parts, const Request& request) {
  const Found found = find(parts, request);
  if (found.circuit == nullptr) return found.refusal;
  const auto write = read_write(request);
  if (!write) return write.error();
  std::vector<config::Problem> problems;
  config::parse_json(request.body, problems);
  if (!problems.empty()) return problem(400, problems[0].what);
  if (auto refusal = refuse_stale(parts, request, found.target)) return *refusal;
  const auto dry = is_dry_run(request);
  if (!dry) return dry.error();
  if (*dry) return dry_run(parts, request, found);
  const Changed changed = parts.changes.patch(found.target, "circuit", request.body, *write);
  if (!changed.problems.empty()) return bad_settings(changed.problems);
  Answer answer = circuit_answer(parts, found);
  answer.awaited = changed.awaited;
  return answer;
}

Answer put_circuit_state(const Parts& parts, const Request& request) {
  const Found found = find(parts, request);
  if (found.circuit == nullptr) return found.refusal;
  const auto write = read_write(request);
  if (!write) return write.error();
  const auto word = read_word(request, "state");
  if (!word) return word.error();
  const auto force = upstream::circuit_force_from(*word);
  if (!force) {
    return problem(422,
                   "expected {\"state\": \"forced_open\" | \"forced_closed\" | \"shadow\" | "
                   "\"auto\"}");
  }
  if (auto refusal = refuse_stale(parts, request, found.target)) return *refusal;
  const Changed changed = parts.changes.force(found.target, *force, *write);
  if (!changed.problems.empty()) return bad_settings(changed.problems);
  Answer answer = circuit_answer(parts, found);
  answer.awaited = changed.awaited;
  return answer;
}

}  // namespace outrigger::admin
