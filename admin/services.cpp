// GET of services: endpoints, circuit, limits in use, age of the list.
#include <nlohmann/json.hpp>

#include "admin/json_value.hpp"
#include "admin/resources.hpp"
#include "admin/service_facts.hpp"
#include "config/text.hpp"
#include "proxy/base/json_line.hpp"
#include "proxy/upstream/balancer.hpp"

namespace outrigger::admin {
namespace {

using Json = nlohmann::ordered_json;

// An endpoint that has no connection may have been found to speak something before.
Json protocol_json(upstream::Agreed agreed) {
  if (agreed == upstream::Agreed::kNothing) return {};
  return agreed == upstream::Agreed::kHttp2 ? "http2" : "http1";
}

// Who took it out, why and until when; null: nobody did.
Json override_json(const Parts& parts, const std::string& service, const std::string& address) {
  OverrideEntry like;
  like.kind = OverrideEntry::Kind::kEndpoint;
  like.target.service = service;
  like.endpoint = address;
  const OverrideEntry* entry = parts.changes.overrides().top(like);
  return entry == nullptr ? Json() : parsed<Json>(to_json(*entry));
}

Json endpoint_json(const Parts& parts, const std::string& service, const upstream::EndpointSet& set,
                   const upstream::EndpointEntry& entry, bool has_ready) {
  const int64_t now_ms = parts.loop.clock.now_ms();
  const upstream::Endpoint& endpoint = *entry.endpoint;
  const upstream::EndpointCircuit& circuit = endpoint.circuit();
  Json json;
  json["address"] = endpoint.name();
  json["state"] = state_of(entry, has_ready, now_ms);
  json["why"] = why_of(entry, has_ready, now_ms);
  json["weight"] = entry.weight;
  const std::string& zone = set.zone_of(entry);
  json["zone"] = zone.empty() ? Json() : Json(zone);
  json["terminating"] = entry.terminating;
  json["operator"] = upstream::to_string(endpoint.operator_state());
  json["override"] = override_json(parts, service, endpoint.name());
  json["health"] = upstream::to_string(endpoint.health());
  json["health_said"] = endpoint.health_why().empty() ? Json() : Json(endpoint.health_why());
  json["outstanding"] = endpoint.outstanding();
  json["listed_ms_ago"] = now_ms - endpoint.listed_since_ms();
  const upstream::EndpointConnections& connections = *endpoint.connections();
  json["protocol"] = protocol_json(connections.agreed.load(std::memory_order_relaxed));
  json["connections"] = {{"http1", connections.http1.load(std::memory_order_relaxed)},
                         {"http2", connections.http2.load(std::memory_order_relaxed)}};
  Json& shown = json["circuit"];
  shown["state"] = upstream::to_string(circuit.state());
  shown["run"] = circuit.run();
  shown["times_opened"] = circuit.times_opened();
  const bool open = circuit.state() == upstream::EndpointCircuitState::kOpen;
  shown["open_ms_left"] =
      open ? Json(std::max<int64_t>(0, circuit.excludes_until_ms() - now_ms)) : Json();
  return json;
}

// How calls to the service are made, and until when with which certificate of ours.
Json tls_json(const config::ClientTls& tls, const io::TlsClientContextPtr& context) {
  Json json;
  json["ca_file"] = tls.ca_file ? Json(*tls.ca_file) : Json("system");
  json["server_name"] = tls.server_name ? Json(*tls.server_name) : Json("authority");
  json["spiffe"] = tls.verify.spiffe ? Json(*tls.verify.spiffe) : Json();
  json["cert_file"] = tls.cert_file ? Json(*tls.cert_file) : Json();
  const int64_t expires_s = context != nullptr ? context->expires_unix_s() : 0;
  json["certificate_expires"] = expires_s > 0 ? Json(iso_time(expires_s * 1000)) : Json();
  return json;
}

Json limits_json(const upstream::OutstandingLimit& limit) {
  const bool limited = limit.limit() != upstream::OutstandingLimit::kNoLimit;
  return {{"outstanding", limit.outstanding()},
          {"outstanding_limit", limited ? Json(limit.limit()) : Json()},
          {"queued", limit.queued()},
          {"queue_limit", limit.queue_limit()},
          {"streams", limit.streams().open()},
          {"streams_limit", limit.streams().is_on() ? Json(limit.streams().limit()) : Json()}};
}

Json discovery_json(const upstream::DiscoveryFacts& facts, int64_t now_ms) {
  Json json;
  json["answered"] = facts.answered;
  json["age_ms"] = facts.answered ? Json(now_ms - facts.answered_at_ms) : Json();
  json["errors"] = facts.errors;
  json["last_error"] = facts.last_error.empty() ? Json() : Json(facts.last_error);
  json["from_disk"] = facts.from_disk;
  return json;
}

// Who gets which part of the calls of the routes that lead elsewhere.
Json splits_json(const Parts& parts, const config::ServiceConfig& config) {
  Json list = Json::array();
  for (const config::RouteConfig& route : config.routes) {
    if (route.to.empty()) continue;
    Json json;
    json["route"] = route.name.empty() ? Json() : Json(route.name);
    json["when_open"] = route.when_open == config::WhenOpen::kRefuse ? "refuse" : "others";
    json["to"] = Json::array();
    for (const config::RouteTarget& target : route.to) {
      const config::Target own{target.service, route.owns("circuit") ? route.name : ""};
      const upstream::Circuit* circuit = find_circuit(parts.control.services(), own);
      json["to"].push_back(
          {{"service", target.service},
           {"weight", target.weight},
           {"circuit", circuit == nullptr ? Json() : Json(upstream::to_string(circuit->state()))}});
    }
    list.push_back(std::move(json));
  }
  return list;
}

// As EndpointView decides it.
bool spills(const EndpointCounts& ours) {
  constexpr size_t kBelowPercent = upstream::EndpointView::kZoneSpillsBelowPercent;
  return ours.eligible == 0 || ours.eligible * 100 < ours.usable * kBelowPercent;
}

// Of ours, where we have said which it is and endpoints of it are listed: whether its calls go to
// all zones.
Json zone_json(const std::optional<std::string>& ours, const upstream::EndpointSet* set,
               int64_t now_ms) {
  if (!ours) return {};
  const EndpointCounts counts = count_endpoints(set, now_ms, *ours);
  if (counts.listed == 0) return {};
  return {{"name", *ours},
          {"listed", counts.listed},
          {"usable", counts.usable},
          {"eligible", counts.eligible},
          {"spills", spills(counts)}};
}

Json service_json(const Parts& parts, upstream::Service& service,
                  const config::ServiceConfig& config, bool with_endpoints) {
  const int64_t now_ms = parts.loop.clock.now_ms();
  const auto set = service.endpoints();
  const EndpointCounts counts = count_endpoints(set.get(), now_ms);
  Json json;
  json["name"] = config.name;
  json["hosts"] = config.hosts_auto ? Json("auto") : Json(config.hosts);
  json["protocol"] = config::to_string(config.policy.protocol);
  json["tls"] = config.policy.tls ? tls_json(*config.policy.tls, service.tls().get()) : Json();
  json["circuit"] = {{"state", upstream::to_string(service.circuit().state())}};
  json["limits"] = limits_json(service.limit());
  json["retry_budget_remaining"] = service.retry_budget().remaining(now_ms);
  json["discovery"] = discovery_json(service.discovery(), now_ms);
  json["endpoint_counts"] = {
      {"listed", counts.listed}, {"usable", counts.usable}, {"eligible", counts.eligible}};
  json["zone"] = zone_json(parts.control.loaded().config.zone, set.get(), now_ms);
  json["panic"] =
      upstream::is_panic(counts.eligible, counts.usable, config.policy.panic_below_share);
  json["routes"] = Json::array();
  for (const config::RouteConfig& route : config.routes) {
    if (!route.name.empty()) json["routes"].push_back(route.name);
  }
  json["splits"] = splits_json(parts, config);
  if (!with_endpoints) return json;
  json["endpoints"] = Json::array();
  if (set == nullptr) return json;
  const bool has_ready = set->has_ready();
  for (const upstream::EndpointEntry& entry : set->entries) {
    json["endpoints"].push_back(endpoint_json(parts, config.name, *set, entry, has_ready));
  }
  return json;
}

bool is_in_trouble(const Json& service) {
  return service["circuit"]["state"] != "closed" || service["panic"] == true ||
         service["endpoint_counts"]["eligible"] == 0 ||
         !service["discovery"]["last_error"].is_null();
}

}  // namespace

Answer unknown_service(const config::Config& config, std::string_view name) {
  std::vector<std::string_view> names;
  for (const config::ServiceConfig& service : config.services) names.push_back(service.name);
  std::string detail = "there is no service \"" + std::string(name) + "\"";
  const std::string_view meant = config::nearest(name, names);
  if (!meant.empty()) detail += "; was \"" + std::string(meant) + "\" meant?";
  return problem(404, detail);
}

std::string troubled_json(const Parts& parts) {
  Json list = Json::array();
  for (const config::ServiceConfig& config : parts.control.loaded().config.services) {
    const auto service = parts.control.services().find(config.name);
    if (service == nullptr) continue;
    Json json = service_json(parts, *service, config, false);
    if (is_in_trouble(json)) list.push_back(std::move(json));
  }
  return dumped(list);
}

Answer get_services(const Parts& parts, const Request&) {
  Json list = Json::array();
  for (const config::ServiceConfig& config : parts.control.loaded().config.services) {
    const auto service = parts.control.services().find(config.name);
    if (service == nullptr) continue;
    list.push_back(service_json(parts, *service, config, false));
  }
  return json(dumped(Json{{"services", std::move(list)}}));
}

Answer get_service(const Parts& parts, const Request& request) {
  const config::Config& config = parts.control.loaded().config;
  const config::ServiceConfig* found = config.find_service(request.part("service"));
  if (found == nullptr) return unknown_service(config, request.part("service"));
  const auto service = parts.control.services().find(found->name);
  if (service == nullptr) return problem(503, "the service is not running yet");
  return json(dumped(service_json(parts, *service, *found, true)));
}

}  // namespace outrigger::admin
