// Services and their endpoints.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "proxy/ctl/understood.hpp"

namespace outrigger::ctl {
namespace {

using Json = nlohmann::ordered_json;

bool is_in_panic(const Json& service) { return service.at("panic").get<bool>(); }

// How bad it is: what calls to it meet, the worst first.
int rank_of(const Json& service) {
  const std::string circuit = text_at(service.at("circuit"), "state");
  if (service.at("endpoint_counts").at("eligible") == 0) return 0;
  if (circuit == "open" || circuit == "forced_open") return 1;
  if (is_in_panic(service)) return 2;
  if (circuit != "closed") return 3;
  return service.at("discovery").at("last_error").is_null() ? 5 : 4;
}

// "2/3": eligible of those listed.
Cell endpoints_of(const Json& service) {
  const Json& counts = service.at("endpoint_counts");
  const bool none = counts.at("eligible") == 0;
  const bool all = counts.at("eligible") == counts.at("listed");
  std::string text = text_at(counts, "eligible") + "/" + text_at(counts, "listed");
  if (is_in_panic(service)) text += " panic";
  return {text, none ? Tone::kBad : all ? Tone::kPlain : Tone::kWarning};
}

// "3/1024": open of so many.
std::string of_limit(const Json& limits, const char* open, const char* limit) {
  const std::string most = text_at(limits, limit);
  return text_at(limits, open) + (most.empty() ? "" : "/" + most);
}

Cell discovery_of(const Json& service) {
  const Json& discovery = service.at("discovery");
  const std::string error = text_at(discovery, "last_error");
  std::string age = "no answer yet";
  if (discovery.at("answered").get<bool>()) {
    age = short_time(discovery.at("age_ms").get<int64_t>()) + " ago";
  }
  if (error.empty()) return age;
  return {age + ", then: " + error, Tone::kWarning};
}

Cell circuit_of(const Json& service) {
  const std::string state = text_at(service.at("circuit"), "state");
  return {state, tone_of(state)};
}

std::string why(const Json& endpoint, const Look& look) {
  const Json& entry = endpoint.at("override");
  if (entry.is_object()) return why_of(entry, look.now_ms);
  const Json& left = endpoint.at("circuit").at("open_ms_left");
  if (!left.is_null()) return "open for " + short_time(left.get<int64_t>()) + " more";
  return text_at(endpoint, "state") == "eligible" ? "" : text_at(endpoint, "why");
}

std::string endpoints_table(const Json& service, const Look& look) {
  std::vector<std::string> heads{"ADDRESS", "STATE", "OUTSTANDING", "CONNECTIONS", "HEALTH", "WHY"};
  if (look.wide) heads.insert(heads.end(), {"WEIGHT", "ZONE", "PROTOCOL", "LISTED", "OPENED"});
  Table table(heads);
  for (const Json& endpoint : service.at("endpoints")) {
    const std::string state = text_at(endpoint, "state");
    const Json& connections = endpoint.at("connections");
    const auto open =
        connections.at("http1").get<int64_t>() + connections.at("http2").get<int64_t>();
    std::vector<Cell> row{
        text_at(endpoint, "address"),     {state, state == "eligible" ? Tone::kGood : Tone::kBad},
        text_at(endpoint, "outstanding"), std::to_string(open),
        text_at(endpoint, "health"),      why(endpoint, look)};
    if (look.wide) {
      row.emplace_back(text_at(endpoint, "weight"));
      row.emplace_back(text_at(endpoint, "zone"));
      row.emplace_back(text_at(endpoint, "protocol"));
      row.emplace_back(short_time(endpoint.at("listed_ms_ago").get<int64_t>()));
      row.emplace_back(text_at(endpoint.at("circuit"), "times_opened"));
    }
    table.add(std::move(row));
  }
  return table.empty() ? "no endpoint is listed\n" : table.text(look.colour);
}

std::vector<Cell> row_of(const Json& service, const Look& look) {
  const Json& limits = service.at("limits");
  std::vector<Cell> row{text_at(service, "name"),
                        circuit_of(service),
                        endpoints_of(service),
                        of_limit(limits, "outstanding", "outstanding_limit"),
                        of_limit(limits, "queued", "queue_limit"),
                        discovery_of(service)};
  if (look.wide) {
    row.emplace_back(text_at(service, "protocol"));
    row.emplace_back(service.at("tls").is_null() ? "" : "on");
    row.emplace_back(of_limit(limits, "streams", "streams_limit"));
    row.emplace_back(text_at(service, "retry_budget_remaining"));
    row.emplace_back(std::to_string(service.at("routes").size()));
  }
  return row;
}

Table table_of_services(const Look& look) {
  std::vector<std::string> heads{"SERVICE",     "CIRCUIT", "ENDPOINTS",
                                 "OUTSTANDING", "QUEUED",  "DISCOVERY"};
  if (look.wide)
    heads.insert(heads.end(), {"PROTOCOL", "TLS", "STREAMS", "RETRIES LEFT", "ROUTES"});
  return Table(heads);
}

}  // namespace

Text services_view(std::string_view body, const Look& look) {
  return understood<Json>(body, [&](const Json& answer) {
    std::vector<const Json*> services;
    services.reserve(answer.at("services").size());
    for (const Json& service : answer.at("services")) services.push_back(&service);
    std::stable_sort(services.begin(), services.end(),
                     [](const Json* a, const Json* b) { return rank_of(*a) < rank_of(*b); });
    Table table = table_of_services(look);
    for (const Json* service : services) table.add(row_of(*service, look));
    return table.empty() ? std::string("there is no service\n") : table.text(look.colour);
  });
}

Text service_view(std::string_view body, const Look& look) {
  return understood<Json>(body, [&](const Json& service) {
    Table table = table_of_services(look);
    table.add(row_of(service, look));
    return table.text(look.colour) + "\n" + endpoints_table(service, look);
  });
}

Text endpoints_view(std::string_view body, const Look& look) {
  return understood<Json>(body,
                          [&](const Json& service) { return endpoints_table(service, look); });
}

}  // namespace outrigger::ctl
