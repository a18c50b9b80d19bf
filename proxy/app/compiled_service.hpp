// The routes of one service, compiled for one worker: filters, terminals and chains. The one place
// where the concrete filters meet the chain. Immutable. Route sets that follow each other share it
// while nothing differs that it is made of; the worker keeps one that was replaced until the last
// call that began on it has ended. Let go of within a turn, it is destroyed at its end. One thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "filters/registry.hpp"
#include "proxy/app/snapshot.hpp"
#include "proxy/chain/router.hpp"
#include "proxy/upstream/forwarder.hpp"
#include "proxy/upstream/service_client.hpp"

namespace outrigger::app {

class Worker;

class CompiledService final : public Reapable {
 public:
  using Kinds = filters::FilterKinds;

  // What it is made of besides the service; the same for all of a snapshot.
  struct Common {
    std::vector<Kinds> kinds;  // the distinct filter lists of the listeners
    std::shared_ptr<filters::AccessLog> access_log;
    config::RequestIdConfig request_id;
    config::TracingConfig tracing;
    std::vector<double> buckets_ms;  // other ones are other counters
    bool count_by_endpoint = false;

    bool operator==(const Common&) const = default;
  };

  static std::shared_ptr<CompiledService> compile(Worker& worker, const Snapshot& snapshot,
                                                  const Common& common,
                                                  const config::ServiceConfig& service);
  // The built-in one for hosts that no service claims.
  static std::shared_ptr<CompiledService> passthrough(Worker& worker, const Snapshot& snapshot,
                                                      const Common& common);

  const chain::ServiceRoutes& routes() const { return x_routes; }
  const chain::Route& otherwise() const { return *x_routes.otherwise; }
  // Of the snapshot that it was compiled of; see Snapshot::versions.
  uint64_t version() const { return x_version; }
  // Calls that run on one of its routes.
  int64_t running() const;
  // How many that are, of a service that is to be compiled.
  static size_t routes_in(const config::ServiceConfig& service);

 private:
  CompiledService(Worker& worker, const Snapshot& snapshot, const Common& common)
      : x_worker(worker), x_snapshot(snapshot), x_common(common) {}

  static std::shared_ptr<CompiledService> made(Worker& worker, const Snapshot& snapshot,
                                               const Common& common);
  void add_routes(const config::ServiceConfig& service);
  void add_passthrough();
  std::unique_ptr<chain::Route> make_route(const config::ServiceConfig& service,
                                           const config::RouteConfig& route);
  std::unique_ptr<chain::Route> make_split(const config::ServiceConfig& service,
                                           const config::RouteConfig& route);
  // What is made of a policy for calls that go to a service; `route` may be null.
  struct Destination {
    const config::ServiceConfig& service;
    const config::Policy& policy;
    const config::RouteConfig* route;
    bool is_called = true;  // else the caller named another one
  };
  std::unique_ptr<chain::Route> make_route(const Destination& to, const std::vector<Kinds>& kinds);
  std::unique_ptr<chain::Route> named_route(const std::string& service, const std::string& name);
  chain::Terminal& make_terminal(const Destination& to, upstream::Service& service,
                                 upstream::CallSettings settings);
  upstream::CallSettings settings_of(const Destination& to, metrics::ServiceSeries& series) const;
  upstream::Circuit& circuit_of(const Destination& to, const std::string& label);
  upstream::PolicyState& own_state(const std::string& label);
  const std::shared_ptr<upstream::Service>& use(const std::string& service);
  const config::ServiceConfig& config_of(const std::string& service) const;
  filters::Context context_of(const config::Policy& policy, std::string_view label,
                              upstream::Service& service, metrics::ServiceSeries& series);
  void keep(std::vector<filters::FilterList> filters);
  metrics::ServiceSeries& series_of(const std::string& service, const std::string& route);

  Worker& x_worker;
  const Snapshot& x_snapshot;  // these two only while it is compiled
  const Common& x_common;
  uint64_t x_version = 0;
  std::shared_ptr<filters::AccessLog> x_access_log;
  std::vector<std::shared_ptr<upstream::Service>> x_services;
  std::vector<std::shared_ptr<upstream::PolicyState>> x_states;  // of routes
  std::vector<std::shared_ptr<metrics::ServiceSeries>> x_series;
  std::vector<std::shared_ptr<upstream::ServiceClient>> x_clients;
  std::vector<std::unique_ptr<chain::Terminal>> x_terminals;
  std::vector<std::unique_ptr<const filters::SplitSettings>> x_splits;
  std::vector<std::unique_ptr<chain::Route>> x_split_routes;  // that splits lead to
  std::vector<filters::FilterList> x_filters;
  chain::ServiceRoutes x_routes;
};

}  // namespace outrigger::app
