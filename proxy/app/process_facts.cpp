#include "proxy/app/process_facts.hpp"

#include <algorithm>
#include <optional>

#include "admin/service_facts.hpp"
#include "proxy/app/snapshot.hpp"
#include "proxy/app/version.hpp"

namespace outrigger::app {
namespace {

double seconds(int64_t ms) { return static_cast<double>(ms) / 1000; }

}  // namespace

std::vector<metrics::ServiceFacts> ProcessFacts::services(metrics::FactsCursor& cursor,
                                                          size_t most) const {
  std::vector<metrics::ServiceFacts> slice;
  if (!cursor.in_routes) {
    const auto& all = x_process.services.services();
    auto next = all.upper_bound(cursor.after);
    for (; next != all.end() && slice.size() < most; ++next) {
      cursor.after = next->first;
      const config::ServiceConfig* config = x_loaded.config.find_service(next->first);
      if (config == nullptr) continue;  // calls that no service claims
      slice.push_back(facts_of(*next->second, *config));
    }
    if (next == all.end()) cursor = {true, ""};
  }
  const auto& routes = x_process.services.routes();
  for (auto next = routes.upper_bound(cursor.after);
       cursor.in_routes && next != routes.end() && slice.size() < most; ++next) {
    const std::string& label = cursor.after = next->first;
    const size_t slash = label.find('/');
    slice.push_back(admin::facts_of(*next->second, label.substr(0, slash), label.substr(slash + 1),
                                    x_loop.clock));
  }
  return slice;
}

metrics::ServiceFacts ProcessFacts::facts_of(upstream::Service& service,
                                             const config::ServiceConfig& config) const {
  metrics::ServiceFacts facts = admin::facts_of(service, config.policy, x_loop.clock);
  // A list in the file never grows old.
  const auto age_ms = x_discovery.age_ms(service.name());
  facts.discovery_age_s = age_ms ? std::optional(seconds(*age_ms)) : std::nullopt;
  facts.endpoints_left_out = x_discovery.left_out(service.name());
  for (const auto& [kind, count] : x_discovery.errors(service.name())) {
    facts.discovery_errors.push_back(
        {std::string(discovery::to_string(kind)), static_cast<double>(count)});
  }
  facts.lists_doubted = x_discovery.doubts(service.name());
  facts.snapshot_in_use = x_discovery.is_from_disk(service.name());
  if (x_loaded.config.metrics && x_loaded.config.metrics->endpoint_label) {
    facts.endpoint_attempts = attempts_of(service);
  }
  return facts;
}

std::vector<metrics::EndpointAttempts> ProcessFacts::attempts_of(
    const upstream::Service& service) const {
  std::vector<metrics::EndpointAttempts> all;
  for (const auto& endpoint : service.known_endpoints(x_loop.clock.now_ms())) {
    metrics::EndpointAttempts one{endpoint->name()};
    uint64_t sum = 0;
    for (size_t i = 0; i < one.counts.size(); ++i) {
      sum += one.counts[i] = endpoint->attempts(static_cast<metrics::AttemptOutcome>(i));
    }
    if (sum > 0) all.push_back(std::move(one));
  }
  return all;
}

// Those that are in use at this moment, also when their files say something else by now.
std::vector<metrics::Labelled> ProcessFacts::certificate_expiry() const {
  std::vector<metrics::Labelled> all;
  const auto add = [&](std::string name, const auto& context) {
    if (context == nullptr || context->expires_unix_s() == 0) return;
    all.push_back({std::move(name), static_cast<double>(context->expires_unix_s())});
  };
  const config::Config& config = x_loaded.config;
  if (config.admin && config.admin->tls) add("admin", x_process.admin_tls.get());
  for (const config::ListenerConfig& listener : config.listeners) {
    if (!listener.tls) continue;
    add("listener/" + listener.name, x_process.listeners.at(listener.name).tls.get());
  }
  for (const auto& [name, service] : x_process.services.services()) {
    add("service/" + name, service->tls().get());
  }
  for (const auto& [name, tls] : x_process.registry_tls) add("registry/" + name, tls.get());
  return all;
}

std::vector<metrics::RegistrationCount> ProcessFacts::registrations() const {
  std::map<std::pair<std::string, registration::State>, int64_t> counts;
  for (const auto& entry : x_registrations.entries()) {
    for (size_t state = 0; state < registration::kStates; ++state) {
      counts.try_emplace({entry.registry, static_cast<registration::State>(state)}, 0);
    }
    ++counts[{entry.registry, entry.state}];
  }
  std::vector<metrics::RegistrationCount> all;
  all.reserve(counts.size());
  for (const auto& [key, count] : counts) {
    all.push_back({key.first, std::string(registration::to_string(key.second)), count});
  }
  return all;
}

// A caller has as many requests open on one connection as it may, and must wait with more.
bool ProcessFacts::has_full_connection() const {
  return std::any_of(x_process.listeners.begin(), x_process.listeners.end(),
                     [](const auto& entry) { return entry.second.full_connections.load() > 0; });
}

metrics::ProcessFacts ProcessFacts::process() const {
  metrics::ProcessFacts facts;
  facts.memory = {{"anonymous", static_cast<double>(x_memory.used_bytes())},
                  {"cache", static_cast<double>(x_process.stale.bytes())},
                  {"retry_bodies", static_cast<double>(x_process.retry_bodies.used())},
                  {"answers", static_cast<double>(x_process.answers.bytes())},
                  {"limit", static_cast<double>(x_memory.limit_bytes())}};
  facts.overload = {{"memory", x_process.out_of_memory.load() ? 1.0 : 0.0},
                    {"streams", has_full_connection() ? 1.0 : 0.0}};
  facts.registrations = registrations();
  facts.overrides = x_changes.counts();
  facts.overrides_file_successful = x_overrides_file.is_good();
  facts.snapshot_failures = x_changes.saves_failed();
  facts.certificate_expiry = certificate_expiry();
  const admin::ConfigState& config = x_reloader.state();
  facts.reload_successful = config.is_good();
  facts.reload_success_at_s = seconds(config.good_at_ms);
  facts.config_hash = config.effective_hash;
  facts.files_failing = x_named.failing();
  facts.file_errors = x_named.errors();
  facts.log_lines_dropped = x_lines_dropped();
  facts.version = kVersion;
  return facts;
}

}  // namespace outrigger::app
