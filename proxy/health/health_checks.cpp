#include "proxy/health/health_checks.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "proxy/base/assert.hpp"
#include "proxy/health/endpoint_check.hpp"

namespace outrigger::health {
namespace {

// What calls are like that reach the endpoints of a service, as far as its configuration says.
struct Manner {
  std::string authority;
  bool tls = false;
  config::Protocol protocol = config::Protocol::kAuto;

  bool operator==(const Manner&) const = default;
};

// The Host: the one that is sent always, else the first that the service answers to.
std::string authority_of(const config::ServiceConfig& service) {
  if (service.policy.authority.kind == config::Authority::Kind::kName) {
    return service.policy.authority.name;
  }
  const auto is_exact = [](const std::string& host) { return !host.starts_with('*'); };
  const auto found = std::ranges::find_if(service.hosts, is_exact);
  return found == service.hosts.end() ? service.name : *found;
}

Manner manner_of(const config::ServiceConfig& service) {
  const config::Policy& policy = service.policy;
  Manner manner{authority_of(service), policy.tls.has_value(), policy.protocol};
  if (config::is_opaque(policy.protocol)) manner.protocol = config::Protocol::kHttp1;
  if (policy.health_check->grpc) manner.protocol = config::Protocol::kHttp2;
  return manner;
}

bool asks_the_same(const config::HealthCheck& a, const config::HealthCheck& b) {
  return a.http == b.http && a.grpc == b.grpc && a.tcp == b.tcp;
}

}  // namespace

// The checks of one service.
class ServiceChecks {
 public:
  ServiceChecks(client::Transport& transport, Places& places, HealthEvents& events,
                std::shared_ptr<upstream::Service> service, const config::ServiceConfig& config)
      : x_service(std::move(service)),
        x_manner(manner_of(config)),
        x_client(std::make_unique<client::Client>(
            transport, Url{.tls = x_manner.tls, .authority = x_manner.authority, .base = {}},
            &x_service->tls(), x_manner.protocol)),
        x_context{x_service->name(),
                  transport.loop(),
                  transport.upstream().network,
                  *x_client,
                  places,
                  events,
                  *config.policy.health_check} {
    update();
  }
  ~ServiceChecks() {
    x_checks.clear();
    x_context.loop.reaper.doom(std::move(x_client));
  }
  ServiceChecks(const ServiceChecks&) = delete;
  ServiceChecks& operator=(const ServiceChecks&) = delete;

  bool still_suits(const config::ServiceConfig& config, const upstream::Service& service) const {
    return x_service.get() == &service && x_manner == manner_of(config) &&
           asks_the_same(x_context.settings, *config.policy.health_check);
  }
  void set_settings(const config::HealthCheck& settings) { x_context.settings = settings; }

  // As the list is now.
  void update() {
    const auto set = x_service->endpoints();
    if (set == nullptr) return;
    ++x_lists;
    for (const upstream::EndpointEntry& entry : set->entries) {
      auto& check = x_checks[entry.endpoint.get()];
      if (check == nullptr) check = std::make_unique<EndpointCheck>(x_context, entry.endpoint);
      check->listed_in = x_lists;
    }
    std::erase_if(x_checks, [&](const auto& item) { return item.second->listed_in != x_lists; });
  }

 private:
  const std::shared_ptr<upstream::Service> x_service;
  const Manner x_manner;
  std::unique_ptr<client::Client> x_client;
  CheckContext x_context;
  uint64_t x_lists = 0;
  std::unordered_map<const upstream::Endpoint*, std::unique_ptr<EndpointCheck>> x_checks;
};

HealthChecks::HealthChecks(client::Transport& transport, HealthEvents& events)
    : x_transport(transport), x_events(events), x_places(std::make_unique<Places>(kMostAtOnce)) {}

HealthChecks::~HealthChecks() = default;

void HealthChecks::apply(const config::Config& config, const upstream::Services& services) {
  const auto is_checked = [&](const std::string& name) {
    const config::ServiceConfig* const service = config.find_service(name);
    return service != nullptr && service->policy.health_check.has_value();
  };
  std::erase_if(x_services, [&](const auto& item) { return !is_checked(item.first); });
  for (const config::ServiceConfig& each : config.services) {
    if (!each.policy.health_check) continue;
    const auto service = services.find(each.name);
    OUTRIGGER_ASSERT(service != nullptr);
    std::unique_ptr<ServiceChecks>& checks = x_services[each.name];
    if (checks != nullptr && checks->still_suits(each, *service)) {
      checks->set_settings(*each.policy.health_check);
    } else {
      checks.reset();
      checks = std::make_unique<ServiceChecks>(x_transport, *x_places, x_events, service, each);
    }
  }
}

void HealthChecks::on_endpoints(const std::string& service) {
  const auto found = x_services.find(service);
  if (found != x_services.end()) found->second->update();
}

}  // namespace outrigger::health
