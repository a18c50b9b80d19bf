#include "proxy/app/route_set.hpp"

#include <algorithm>

#include "proxy/app/worker.hpp"
#include "proxy/base/assert.hpp"

namespace outrigger::app {

RouteSet::RouteSet(Worker& worker, SnapshotPtr snapshot, std::vector<Kinds> more)
    : x_worker(worker), x_snapshot(std::move(snapshot)), x_access_log(worker.x_access_log) {
  const auto add = [this](const Kinds& kinds) {
    const bool known = std::find(x_kinds.begin(), x_kinds.end(), kinds) != x_kinds.end();
    if (!known) x_kinds.push_back(kinds);
  };
  for (const config::ListenerConfig& listener : x_snapshot->config.listeners) add(listener.filters);
  for (const Kinds& kinds : more) add(kinds);
  for (const config::ServiceConfig& service : x_snapshot->config.services) add_service(service);
  add_passthrough();
}

size_t RouteSet::chain_index(const Kinds& filters) const {
  const auto found = std::find(x_kinds.begin(), x_kinds.end(), filters);
  OUTRIGGER_ASSERT(found != x_kinds.end());
  return static_cast<size_t>(found - x_kinds.begin());
}

int64_t RouteSet::running() const {
  int64_t total = x_passthrough->running;
  x_table.for_each([&](const chain::Route& route) { total += route.running; });
  return total;
}

void RouteSet::add_service(const config::ServiceConfig& service) {
  chain::ServiceRoutes routes;
  routes.hosts = service.hosts;
  routes.protocol = service.policy.protocol;
  for (const std::string& range : service.addresses) {
    routes.addresses.push_back(*AddressRange::parse(range));
  }
  for (const config::RouteConfig& route : service.routes) {
    routes.routes.emplace_back(chain::match_of(route.match), make_route(service, &route));
  }
  routes.otherwise = make_route(service, nullptr);
  x_table.add(service.name, std::move(routes));
}

std::unique_ptr<chain::Route> RouteSet::make_route(const config::ServiceConfig& service,
                                                   const config::RouteConfig* route) {
  const config::Policy& policy = route != nullptr ? route->policy : service.policy;
  auto made = std::make_unique<chain::Route>();
  made->service = service.name;
  if (route != nullptr) made->name = route->name;
  made->label = made->name.empty() ? service.name : service.name + "/" + made->name;
  metrics::ServiceSeries& series = series_of(made->service, made->name);
  made->series = &series;
  made->proxy = policy.proxy;

  const auto& of = x_snapshot->services.find(service.name)->second;
  upstream::CallSettings settings = upstream::call_settings(policy, series);
  if (service.endpoints.kind == config::EndpointSource::Kind::kOriginal) {
    x_terminals.push_back(std::make_unique<upstream::PassthroughTerminal>(
        *x_worker.x_passthrough, std::move(settings),
        upstream::PassthroughTerminal::Unredirected::kNobody));
  } else {
    const auto client = x_worker.client_of(of, service.policy);
    x_clients.push_back(client);
    x_terminals.push_back(std::make_unique<upstream::Forwarder>(*client, std::move(settings)));
  }

  filters::Context context = context_of(policy, made->label, *of, series);
  if (route != nullptr && route->owns("circuit")) {
    context.circuit = &x_snapshot->routes.find(made->label)->second->circuit;
  }
  if (route != nullptr && route->owns("limits")) {
    context.route_limit = &x_snapshot->routes.find(made->label)->second->limit;
  }
  compile(*made, context, *x_terminals.back());
  return made;
}

// No circuit, fallback or retry but of what never left: what worked before must go on.
void RouteSet::add_passthrough() {
  const config::Policy& policy = x_snapshot->config.passthrough;
  x_passthrough = std::make_unique<chain::Route>();
  x_passthrough->service = x_passthrough->label = kPassthrough;
  metrics::ServiceSeries& series = series_of(std::string(kPassthrough), "");
  x_passthrough->series = &series;
  upstream::CallSettings settings = upstream::call_settings(policy, series);
  settings.proxy = true;  // where a redirected connection was going, there may be one
  x_terminals.push_back(std::make_unique<upstream::PassthroughTerminal>(
      *x_worker.x_passthrough, std::move(settings),
      upstream::PassthroughTerminal::Unredirected::kByName));
  const auto context = context_of(policy, x_passthrough->label, *x_snapshot->passthrough, series);
  compile(*x_passthrough, context, *x_terminals.back());
}

filters::Context RouteSet::context_of(const config::Policy& policy, std::string_view label,
                                      upstream::Service& service, metrics::ServiceSeries& series) {
  return {.config = x_snapshot->config,
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
          .inner_chain = [this](std::string_view name) -> const chain::Chain* {
            const chain::Route* route = x_table.service(name);
            return route != nullptr ? route->inner.get() : nullptr;
          }};
}

void RouteSet::compile(chain::Route& route, const filters::Context& context,
                       chain::Terminal& terminal) {
  for (const Kinds& kinds : x_kinds) {
    route.chains.push_back(chain_of(kinds, context, terminal));
    route.tunnels.push_back(chain_of(filters::tunnel_filters(kinds), context, terminal));
  }
  // An alternate is entered with the filters of the first listener.
  const Kinds& first = x_kinds.empty() ? config::default_filters() : x_kinds.front();
  route.inner = chain_of(filters::inner_filters(first), context, terminal);
}

std::unique_ptr<chain::Chain> RouteSet::chain_of(const Kinds& kinds,
                                                 const filters::Context& context,
                                                 chain::Terminal& terminal) {
  x_filters.push_back(filters::make_filters(kinds, context));
  std::vector<chain::Filter*> list;
  for (const auto& filter : x_filters.back()) list.push_back(filter.get());
  return std::make_unique<chain::Chain>(std::move(list), terminal);
}

metrics::ServiceSeries& RouteSet::series_of(const std::string& service, const std::string& route) {
  x_series.push_back(x_worker.x_process.shards.service(x_worker.x_index, {service, route}));
  return *x_series.back();
}

}  // namespace outrigger::app
