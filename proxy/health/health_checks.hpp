// HealthChecks ask each endpoint of the services that say `health_check` whether it is there, also
// while no call goes to it, each time over a connection of its own. What they find is the health of
// the Endpoint, which stands beside the registry's word and the endpoint circuit. Owned by the
// control plane; its thread.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "config/model.hpp"
#include "proxy/client/client.hpp"
#include "proxy/upstream/service.hpp"

namespace outrigger::health {

class Places;
class ServiceChecks;

struct HealthChange {
  std::string service;
  std::string endpoint;
  upstream::Health from = upstream::Health::kUnknown;
  upstream::Health to = upstream::Health::kUnknown;
  std::string why;  // a sentence for people
};

class HealthEvents {
 public:
  virtual void on_health(const HealthChange& change) = 0;

 protected:
  ~HealthEvents() = default;
};

class HealthChecks {
 public:
  // Checks under way; others wait.
  static constexpr size_t kMostAtOnce = 256;

  // Both outlive it.
  HealthChecks(client::Transport& transport, HealthEvents& events);
  ~HealthChecks();
  HealthChecks(const HealthChecks&) = delete;
  HealthChecks& operator=(const HealthChecks&) = delete;

  // Another configuration, whose services are in `services`. What stays keeps its counts.
  void apply(const config::Config& config, const upstream::Services& services);
  // That service has another list.
  void on_endpoints(const std::string& service);

 private:
  client::Transport& x_transport;
  HealthEvents& x_events;
  const std::unique_ptr<Places> x_places;
  std::map<std::string, std::unique_ptr<ServiceChecks>, std::less<>> x_services;
};

}  // namespace outrigger::health
