#include "proxy/app/compiled_service.hpp"

#include "proxy/app/worker.hpp"

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
  return total;
}

void CompiledService::add_routes(const config::ServiceConfig& service) {
  x_version = x_snapshot.versions.find(service.name)->second;
  x_access_log = x_common.access_log;
  x_service = x_snapshot.services.find(service.name)->second;
  x_routes.hosts = service.hosts;
  x_routes.protocol = service.policy.protocol;
  for (const std::string& range : service.addresses) {
    x_routes.addresses.push_back(*AddressRange::parse(range));
  }
  for (const config::RouteConfig& route : service.routes) {
    x_routes.routes.emplace_back(chain::match_of(route.match), make_route(service, &route));
  }
  x_routes.otherwise = make_route(service, nullptr);
}

std::unique_ptr<chain::Route> CompiledService::make_route(const config::ServiceConfig& service,
                                                          const config::RouteConfig* route) {
  const config::Policy& policy = route != nullptr ? route->policy : service.policy;
  auto made = std::make_unique<chain::Route>();
  made->service = service.name;
  if (route != nullptr) made->name = route->name;
  made->label = made->name.empty() ? service.name : service.name + "/" + made->name;
  metrics::ServiceSeries& series = series_of(made->service, made->name);
  made->series = &series;
  made->proxy = policy.proxy;

  upstream::CallSettings settings = upstream::call_settings(policy, series);
  settings.count_by_endpoint = x_common.count_by_endpoint;
  if (service.endpoints.kind == config::EndpointSource::Kind::kOriginal) {
    x_terminals.push_back(std::make_unique<upstream::PassthroughTerminal>(
        *x_worker.x_passthrough, std::move(settings),
        upstream::PassthroughTerminal::Unredirected::kNobody));
  } else {
    if (x_client == nullptr) x_client = x_worker.client_of(x_service, service.policy);
    x_terminals.push_back(std::make_unique<upstream::Forwarder>(*x_client, std::move(settings)));
  }

  filters::Context context = context_of(policy, made->label, *x_service, series);
  if (route != nullptr && (route->owns("circuit") || route->owns("limits"))) {
    const auto& state = x_states.emplace_back(x_snapshot.routes.find(made->label)->second);
    if (route->owns("circuit")) context.circuit = &state->circuit;
    if (route->owns("limits")) context.route_limit = &state->limit;
  }
  compile(*made, context, *x_terminals.back());
  return made;
}

// No circuit, fallback or retry but of what never left: what worked before must go on.
void CompiledService::add_passthrough() {
  const config::Policy& policy = x_snapshot.config.passthrough;
  x_access_log = x_common.access_log;
  x_service = x_snapshot.passthrough;
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
  compile(route, context_of(policy, route.label, *x_service, series), *x_terminals.back());
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

void CompiledService::compile(chain::Route& route, const filters::Context& context,
                              chain::Terminal& terminal) {
  for (auto& list : filters::compile_chains(x_common.kinds, context, terminal, route)) {
    x_filters.push_back(std::move(list));
  }
}

metrics::ServiceSeries& CompiledService::series_of(const std::string& service,
                                                   const std::string& route) {
  x_series.push_back(x_worker.x_process.shards.service(x_worker.x_index, {service, route}));
  return *x_series.back();
}

}  // namespace outrigger::app
