#include "proxy/app/process_facts.hpp"

#include <array>
#include <cstdio>
#include <map>

#include "proxy/app/snapshot.hpp"
#include "proxy/app/version.hpp"

namespace outrigger::app {
namespace {

double seconds(int64_t ms) { return static_cast<double>(ms) / 1000; }

void add_limit(const upstream::OutstandingLimit& limit, metrics::ServiceFacts& facts) {
  facts.outstanding = limit.outstanding();
  facts.queued = limit.queued();
  facts.would_refuse_outstanding = limit.would_refuse();
  if (limit.limit() != upstream::OutstandingLimit::kNoLimit) {
    facts.outstanding_limit = limit.limit();
  }
}

}  // namespace

std::vector<metrics::ServiceFacts> ProcessFacts::services() const {
  const int64_t now_ms = x_loop.clock.now_ms();
  std::vector<metrics::ServiceFacts> all;
  for (const auto& [name, service] : x_process.services.services()) {
    if (name == kPassthrough) continue;
    metrics::ServiceFacts facts;
    facts.service = name;
    facts.circuit = circuit_facts(service->circuit());
    add_limit(service->limit(), facts);
    facts.retry_budget_remaining = service->retry_budget().remaining(now_ms);
    add_endpoints(*service, facts);
    if (const auto age_ms = x_discovery.age_ms(name)) facts.discovery_age_s = seconds(*age_ms);
    all.push_back(std::move(facts));
  }
  for (const auto& [label, state] : x_process.services.routes()) {
    metrics::ServiceFacts facts;
    const size_t slash = label.find('/');
    facts.service = label.substr(0, slash);
    facts.route = label.substr(slash + 1);
    facts.circuit = circuit_facts(state->circuit);
    add_limit(state->limit, facts);
    all.push_back(std::move(facts));
  }
  return all;
}

metrics::CircuitFacts ProcessFacts::circuit_facts(const upstream::Circuit& circuit) const {
  const int64_t now_ms = x_loop.clock.now_ms();
  const int64_t changed_ago_ms = now_ms - circuit.changed_at_ms();
  return {.state = upstream::to_string(circuit.state()),
          .open_s = seconds(circuit.open_ms_total(now_ms)),
          .changed_at_s = seconds(x_loop.clock.wall_ms() - changed_ago_ms),
          .would_refuse = circuit.would_refuse()};
}

void ProcessFacts::add_endpoints(const upstream::Service& service,
                                 metrics::ServiceFacts& facts) const {
  const auto set = service.endpoints();
  if (set == nullptr) return;
  const int64_t now_ms = x_loop.clock.now_ms();
  const bool has_ready = set->has_ready();
  std::map<std::string_view, int> counts;
  double usable = 0;
  double eligible = 0;
  for (const upstream::EndpointEntry& entry : set->entries) {
    ++counts[upstream::to_string(upstream::exclusion_of(entry, has_ready, now_ms))];
    usable += upstream::is_usable(entry, has_ready) ? 1 : 0;
    eligible += upstream::is_eligible(entry, has_ready, now_ms) ? 1 : 0;
  }
  for (const auto& [state, count] : counts) {
    facts.endpoints.push_back({std::string(state), static_cast<double>(count)});
  }
  const config::ServiceConfig* config = x_loaded.config.find_service(service.name());
  if (config != nullptr) facts.panic = eligible < config->policy.panic_below_share * usable;
}

metrics::ProcessFacts ProcessFacts::process() const {
  metrics::ProcessFacts facts;
  facts.memory = {{"anonymous", static_cast<double>(x_memory.used_bytes())},
                  {"cache", static_cast<double>(x_process.stale.bytes())},
                  {"retry_bodies", static_cast<double>(x_process.retry_bodies.used())}};
  if (const auto limit = x_memory.limit_bytes()) {
    facts.memory.push_back({"limit", static_cast<double>(*limit)});
  }
  facts.overload = {{"memory", x_process.out_of_memory.load() ? 1.0 : 0.0}};
  for (size_t kind = 0; kind < discovery::kSourceKinds; ++kind) {
    const auto source = static_cast<discovery::SourceKind>(kind);
    facts.discovery_errors.push_back({std::string(discovery::to_string(source)),
                                      static_cast<double>(x_discovery.errors(source))});
  }
  facts.overrides = x_changes.counts();
  facts.reload_success_at_s = seconds(x_loaded_at_ms);
  std::array<char, 20> hash;
  std::snprintf(hash.data(), hash.size(), "%016llx",
                static_cast<unsigned long long>(config::fingerprint(x_loaded.config)));
  facts.config_hash = hash.data();
  if (x_process.access_log != nullptr) facts.log_lines_dropped = x_process.access_log->dropped();
  facts.version = kVersion;
  return facts;
}

}  // namespace outrigger::app
