// GET, PATCH and forced states of circuits.
#include <nlohmann/json.hpp>

#include "admin/resources.hpp"
#include "admin/settings.hpp"
#include "config/text.hpp"
#include "proxy/base/json_line.hpp"
#include "proxy/http/text.hpp"

namespace outrigger::admin {
namespace {

using Json = nlohmann::ordered_json;
using config::Target;

Json parsed(const std::string& text) {
  return text.empty() ? Json() : Json::parse(text, nullptr, false);
}

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json counts_json(const upstream::Counts& counts) {
  return {{"total", counts.total},
          {"failed", counts.failed},
          {"slow", counts.slow},
          {"failed_share", counts.failed_share()},
          {"slow_share", counts.slow_share()}};
}

Json circuit_json(const Parts& parts, const Target& target, const upstream::Circuit& circuit) {
  const int64_t now_ms = parts.loop.clock.now_ms();
  const upstream::CircuitSnapshot state = circuit.snapshot(now_ms);
  const int64_t since_ms = now_ms - state.changed_at_ms;
  Json json;
  json["service"] = target.service;
  if (!target.route.empty()) json["route"] = target.route;
  json["settings"] = parsed(setting_json(parts.control.loaded().config, target, "circuit"));
  json["overridden"] = parsed(overridden_json(parts.control.loaded(), target, "circuit"));
  json["state"] = upstream::to_string(state.state);
  json["machine"] = upstream::to_string(state.machine);
  json["force"] = upstream::to_string(state.force);
  json["reason"] = upstream::to_string(state.reason);
  json["changed_at"] = iso_time(parts.loop.clock.wall_ms() - since_ms);
  json["changed_ms_ago"] = since_ms;
  json["counts"] = counts_json(state.counts);
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

// Of what an operator sets: never of counts, or no If-Match would ever hold.
uint64_t fingerprint(const Parts& parts, const Target& target, const upstream::Circuit& circuit,
                     uint64_t hash = 0xcbf29ce484222325) {
  const auto mix = [&](std::string_view text) {  // FNV-1a
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    hash = (hash ^ 0xff) * 0x100000001b3;
  };
  mix(target.service);
  mix(target.route);
  mix(setting_json(parts.control.loaded().config, target, "circuit"));
  mix(overridden_json(parts.control.loaded(), target, "circuit"));
  mix(upstream::to_string(circuit.snapshot(parts.loop.clock.now_ms()).force));
  return hash;
}

std::string etag(uint64_t hash) {
  std::string text = "\"0000000000000000\"";
  for (size_t i = 16; i > 0; --i, hash >>= 4) text[i] = "0123456789abcdef"[hash & 15];
  return text;
}

// RFC 9110 section 13.1.1: strong comparison, so a weak tag never matches.
bool if_match_holds(std::string_view if_match, std::string_view current) {
  if (http::trim(if_match) == "*") return true;
  bool found = false;
  http::for_each_element(if_match, [&](std::string_view tag) { found = found || tag == current; });
  return found;
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
    found.refusal = problem(404, find_policy(config, found.target) == nullptr
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
  answer.fields.emplace_back("ETag", etag(fingerprint(parts, found.target, *found.circuit)));
  return answer;
}

std::optional<Answer> refuse_stale(const Parts& parts, const Request& request, const Found& found) {
  const std::string_view if_match = request.field("if-match");
  if (if_match.empty()) return std::nullopt;
  const std::string current = etag(fingerprint(parts, found.target, *found.circuit));
  if (if_match_holds(if_match, current)) return std::nullopt;
  Answer answer = problem(412, "the circuit was changed since; read it again");
  answer.fields.emplace_back("ETag", current);
  return answer;
}

Answer bad_settings(const std::vector<config::Problem>& problems) {
  return problem(422, "the settings were not accepted", problems);
}

Answer dry_run(const Parts& parts, const Request& request, const Found& found) {
  const config::Loaded next =
      config::apply_override(parts.control.loaded(), found.target, "circuit", request.body);
  if (!next.ok()) return bad_settings(next.problems);
  const config::Policy& policy = *find_policy(next.config, found.target);
  Json body;
  body["dry_run"] = true;
  body["settings"] = parsed(setting_json(next.config, found.target, "circuit"));
  upstream::CircuitDecision decision;
  if (policy.circuit) {
    decision = found.circuit->dry_run(*policy.circuit, parts.loop.clock.now_ms());
  }
  body["would_open"] = decision.opens;
  body["reason"] = upstream::to_string(decision.reason);
  body["counts"] = counts_json(decision.counts);
  body["run"] = {{"failures", decision.run}, {"lasted_ms", decision.run_ms}};
  return json(dumped(body));
}

}  // namespace

Answer get_circuits(const Parts& parts, const Request&) {
  Json list = Json::array();
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](const Target& target) {
    const upstream::Circuit* circuit = find_circuit(parts.control.services(), target);
    if (circuit == nullptr) return;
    list.push_back(circuit_json(parts, target, *circuit));
    hash = fingerprint(parts, target, *circuit, hash);
  };
  for (const config::ServiceConfig& service : parts.control.loaded().config.services) {
    add({service.name, ""});
    for (const config::RouteConfig& route : service.routes) {
      if (!route.name.empty() && route.owns("circuit")) add({service.name, route.name});
    }
  }
  Answer answer = json(dumped(Json{{"circuits", std::move(list)}}));
  answer.fields.emplace_back("ETag", etag(hash));
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
  if (auto refusal = refuse_stale(parts, request, found)) return *refusal;
  const std::string_view dry = request.parameter("dry_run");
  if (dry == "true") return dry_run(parts, request, found);
  if (!dry.empty() && dry != "false") return problem(400, "dry_run is true or false");
  const Changed changed = parts.changes.patch_circuit(found.target, request.body, *write);
  if (!changed.problems.empty()) return bad_settings(changed.problems);
  Answer answer = circuit_answer(parts, found);
  answer.change = changed.number;
  return answer;
}

Answer put_circuit_state(const Parts& parts, const Request& request) {
  const Found found = find(parts, request);
  if (found.circuit == nullptr) return found.refusal;
  const auto write = read_write(request);
  if (!write) return write.error();
  std::vector<config::Problem> problems;
  const config::Node body = config::parse_json(request.body, problems);
  if (!problems.empty()) return problem(400, problems[0].what);
  const config::Node* state = body.find("state");
  const auto force = state != nullptr && state->is_scalar() && body.entries.size() == 1
                         ? upstream::circuit_force_from(state->text)
                         : std::nullopt;
  if (!force) {
    return problem(422,
                   "expected {\"state\": \"forced_open\" | \"forced_closed\" | \"shadow\" | "
                   "\"auto\"}");
  }
  if (auto refusal = refuse_stale(parts, request, found)) return *refusal;
  parts.changes.force(found.target, *force, *write);
  return circuit_answer(parts, found);
}

}  // namespace outrigger::admin
