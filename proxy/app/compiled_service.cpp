#include "proxy/app/compiled_service.hpp"

#include <algorithm>

#include "proxy/app/authority_of.hpp"
#include "proxy/app/worker.hpp"
#include "proxy/base/assert.hpp"

namespace outrigger::app {

std::shared_ptr<CompiledService> CompiledService::made(Worker& worker, const Snapshot& snapshot,
                                                       const Common& common) {
  Reaper& reaper = worker.x_runtime.loop.reaper;
  return {new CompiledService(worker, snapshot, common),
          [&reaper](CompiledService* service) { reaper.doom(service); }};
}

std::shared_ptr<CompiledService> CompiledService::compile(Worker& worker, const Snapshot& snapshot,
                                                          const Common& common,
                                                          const config::ServiceConfig& service) {
  auto compiled = made(worker, snapshot, common);
  compiled->add_routes(service);
  return compiled;
}

std::shared_ptr<CompiledService> CompiledService::passthrough(Worker& worker,
                                                              const Snapshot& snapshot,
                                                              const Common& common) {
  auto compiled = made(worker, snapshot, common);
  compiled->add_passthrough();
  return compiled;
}

int64_t CompiledService::running() const {
  int64_t total = x_routes.otherwise->running;
  for (const auto& [match, route] : x_routes.routes) total += route->running;
  for (const auto& route : x_split_routes) total += route->running;
  return total;
}

size_t CompiledService::routes_in(const config::ServiceConfig& service) {
  size_t total = 1;
  for (const config::RouteConfig& route : service.routes) total += 1 + route.to.size();
  return total;
}

void CompiledService::add_routes(const config::ServiceConfig& service) {
  x_version = x_snapshot.versions.find(service.name)->second;
  x_access_log = x_common.access_log;
  x_routes.hosts = service.hosts;
  x_routes.protocol = service.policy.protocol;
  for (const std::string& range : service.addresses) {
    x_routes.addresses.push_back(*AddressRange::parse(range));
  }
  for (const config::RouteConfig& route : service.routes) {
    x_routes.routes.emplace_back(chain::match_of(route.match), make_route(service, route));
  }
  x_routes.otherwise = make_route({service, service.policy, nullptr}, x_common.kinds);
}

std::unique_ptr<chain::Route> CompiledService::make_route(const config::ServiceConfig& service,
                                                          const config::RouteConfig& route) {
  if (route.is_split()) return make_split(service, route);
  if (route.to.empty()) return make_route({service, route.policy, &route}, x_common.kinds);
  const config::RouteTarget& target = route.to[0];
  const config::ServiceConfig& other = config_of(target.service);
  return make_route({other, target.policy, &route, &other == &service}, x_common.kinds);
}

std::unique_ptr<chain::Route> CompiledService::make_split(const config::ServiceConfig& service,
                                                          const config::RouteConfig& route) {
  auto made = named_route(service.name, route.name);
  made->proxy = service.policy.proxy;
  auto split = std::make_unique<filters::SplitSettings>();
  split->sticky = route.sticky;
  split->when_open = route.when_open;
  const std::vector<Kinds> kinds = filters::below_split(x_common.kinds);
  for (const config::RouteTarget& target : route.to) {
    const config::ServiceConfig& other = config_of(target.service);
    const Destination to{other, target.policy, &route, &other == &service};
    const auto& leads_to = x_split_routes.emplace_back(make_route(to, kinds));
    split->choice.add(target.service, static_cast<uint32_t>(target.weight));
    split->targets.push_back({leads_to.get(), &circuit_of(to, leads_to->label)});
  }
  const filters::Context context =
      context_of(service.policy, made->label, *use(service.name), *made->series);
  keep(filters::compile_split(x_common.kinds, context, *split, *made));
  x_splits.push_back(std::move(split));
  return made;
}

std::unique_ptr<chain::Route> CompiledService::make_route(const Destination& to,
                                                          const std::vector<Kinds>& kinds) {
  auto made = named_route(to.service.name, to.route != nullptr ? to.route->name : "");
  made->proxy = to.policy.proxy;
  upstream::Service& service = *use(to.service.name);
  chain::Terminal& terminal = make_terminal(to, service, settings_of(to, *made->series));
  filters::Context context = context_of(to.policy, made->label, service, *made->series);
  context.circuit = &circuit_of(to, made->label);
  if (to.route != nullptr && to.route->owns("limits")) {
    context.route_limit = &own_state(made->label).limit;
  }
  keep(filters::compile_chains(kinds, context, terminal, *made));
  return made;
}

std::unique_ptr<chain::Route> CompiledService::named_route(const std::string& service,
                                                           const std::string& name) {
  auto made = std::make_unique<chain::Route>();
  made->service = service;
  made->name = name;
  made->label = name.empty() ? service : service + "/" + name;
  made->series = &series_of(service, name);
  return made;
}

upstream::CallSettings CompiledService::settings_of(const Destination& to,
                                                    metrics::ServiceSeries& series) const {
  upstream::CallSettings settings = upstream::call_settings(to.policy, series);
  settings.count_by_endpoint = x_common.count_by_endpoint;
  settings.authority = authority_of(to.policy, to.route, to.is_called);
  if (to.route != nullptr && to.route->rewrite && to.route->rewrite->path_prefix) {
    const config::PathPrefix& prefix = *to.route->rewrite->path_prefix;
    settings.path.emplace(prefix.from, prefix.to);
  }
  return settings;
}

chain::Terminal& CompiledService::make_terminal(const Destination& to, upstream::Service& service,
                                                upstream::CallSettings settings) {
  if (to.service.endpoints.kind == config::EndpointSource::Kind::kOriginal) {
    x_terminals.push_back(std::make_unique<upstream::PassthroughTerminal>(
        *x_worker.x_passthrough, std::move(settings),
        upstream::PassthroughTerminal::Unredirected::kNobody));
    return *x_terminals.back();
  }
  const auto is_of_service = [&](const auto& client) { return &client->service() == &service; };
  auto client = std::find_if(x_clients.begin(), x_clients.end(), is_of_service);
  if (client == x_clients.end()) {
    client = x_clients.insert(client, x_worker.client_of(use(to.service.name), to.service.policy));
  }
  x_terminals.push_back(std::make_unique<upstream::Forwarder>(**client, std::move(settings)));
  return *x_terminals.back();
}

// The route's own, or that of the service.
upstream::Circuit& CompiledService::circuit_of(const Destination& to, const std::string& label) {
  const bool own = to.route != nullptr && to.route->owns("circuit");
  return own ? own_state(label).circuit : use(to.service.name)->circuit();
}

upstream::PolicyState& CompiledService::own_state(const std::string& label) {
  return *x_states.emplace_back(x_snapshot.routes.find(label)->second);
}

const std::shared_ptr<upstream::Service>& CompiledService::use(const std::string& service) {
  const auto is_named = [&](const auto& used) { return used->name() == service; };
  const auto found = std::find_if(x_services.begin(), x_services.end(), is_named);
  if (found != x_services.end()) return *found;
  return x_services.emplace_back(x_snapshot.services.find(service)->second);
}

const config::ServiceConfig& CompiledService::config_of(const std::string& service) const {
  const config::ServiceConfig* const found = x_snapshot.config.find_service(service);
  OUTRIGGER_ASSERT(found != nullptr);  // the configuration was checked
  return *found;
}

// No circuit, fallback or retry but of what never left: what worked before must go on.
void CompiledService::add_passthrough() {
  const config::Policy& policy = x_snapshot.config.passthrough;
  x_access_log = x_common.access_log;
  x_services.push_back(x_snapshot.passthrough);
  x_routes.otherwise = std::make_unique<chain::Route>();
  chain::Route& route = *x_routes.otherwise;
  route.service = route.label = kPassthrough;
  metrics::ServiceSeries& series = series_of(std::string(kPassthrough), "");
  route.series = &series;
  upstream::CallSettings settings = upstream::call_settings(policy, series);
  settings.proxy = true;  // where a redirected connection was going, there may be one
  x_terminals.push_back(std::make_unique<upstream::PassthroughTerminal>(
      *x_worker.x_passthrough, std::move(settings),
      upstream::PassthroughTerminal::Unredirected::kByName));
  const filters::Context context = context_of(policy, route.label, *x_services[0], series);
  keep(filters::compile_chains(x_common.kinds, context, *x_terminals.back(), route));
}

filters::Context CompiledService::context_of(const config::Policy& policy, std::string_view label,
                                             upstream::Service& service,
                                             metrics::ServiceSeries& series) {
  return {.config = x_snapshot.config,
          .policy = policy,
          .runtime = x_worker.x_runtime,
          .worker = x_worker.x_index,
          .label = label,
          .service = service,
          .circuit = &service.circuit(),
          .route_limit = nullptr,
          .series = series,
          .stale = x_worker.x_process.stale,
          .access_log = x_access_log.get(),
          .inner_chain = [&worker = x_worker](std::string_view name) {
            return worker.inner_chain(name);
          }};
}

void CompiledService::keep(std::vector<filters::FilterList> filters) {
  for (auto& list : filters) x_filters.push_back(std::move(list));
}

metrics::ServiceSeries& CompiledService::series_of(const std::string& service,
                                                   const std::string& route) {
  x_series.push_back(x_worker.x_process.shards.service(x_worker.x_index, {service, route}));
  return *x_series.back();
}

}  // namespace outrigger::app
