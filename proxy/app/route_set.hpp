// The routes of one snapshot, compiled for one worker: filters, terminals and chains, and the
// router that finds them. The one place where the concrete filters meet the chain. Immutable; lives
// until the worker has taken another one and the last call that began on it has ended. One thread.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "filters/registry.hpp"
#include "proxy/app/snapshot.hpp"
#include "proxy/chain/router.hpp"
#include "proxy/upstream/forwarder.hpp"
#include "proxy/upstream/service_client.hpp"

namespace outrigger::app {

class Worker;

class RouteSet final : public Reapable {
 public:
  using Kinds = std::vector<config::FilterKind>;

  // `more`: filter lists of listeners that the snapshot no longer has.
  RouteSet(Worker& worker, SnapshotPtr snapshot, std::vector<Kinds> more);

  const Snapshot& snapshot() const { return *x_snapshot; }
  const chain::RouteTable& table() const { return x_table; }
  const chain::Route& passthrough() const { return *x_passthrough; }
  // Which of a route's chains a listener with this filter list takes.
  // Requires: it is one of the snapshot's or of `more`.
  size_t chain_index(const Kinds& filters) const;
  // Calls that run on one of its routes.
  int64_t running() const;

 private:
  void add_service(const config::ServiceConfig& service);
  void add_passthrough();
  std::unique_ptr<chain::Route> make_route(const config::ServiceConfig& service,
                                           const config::RouteConfig* route);
  filters::Context context_of(const config::Policy& policy, std::string_view label,
                              upstream::Service& service, metrics::ServiceSeries& series);
  void compile(chain::Route& route, const filters::Context& context, chain::Terminal& terminal);
  std::unique_ptr<chain::Chain> chain_of(const Kinds& kinds, const filters::Context& context,
                                         chain::Terminal& terminal);
  metrics::ServiceSeries& series_of(const std::string& service, const std::string& route);

  Worker& x_worker;
  const SnapshotPtr x_snapshot;
  const std::shared_ptr<filters::AccessLog> x_access_log;
  std::vector<Kinds> x_kinds;  // the distinct filter lists of the listeners
  std::vector<std::shared_ptr<metrics::ServiceSeries>> x_series;
  std::vector<std::shared_ptr<upstream::ServiceClient>> x_clients;
  std::vector<std::unique_ptr<chain::Terminal>> x_terminals;
  std::vector<filters::FilterList> x_filters;
  std::unique_ptr<chain::Route> x_passthrough;
  chain::RouteTable x_table;
};

}  // namespace outrigger::app
