#include "proxy/app/explain.hpp"

#include <array>
#include <cstddef>
#include <sstream>

#include "proxy/chain/router.hpp"
#include "proxy/http/h1_head.hpp"

namespace outrigger::app {
namespace {

using config::Loaded;

std::string at(const std::optional<config::Place>& place) {
  if (!place) return "  (built in)";
  return "  (" + place->file + ":" + std::to_string(place->line) + ")";
}

// The call as bytes, read as a listener would read them.
Result<http::RequestHead> parse(const Question& question, Arena& arena) {
  std::string text = question.method + " " + question.url + " HTTP/1.1\r\nHost: unused\r\n";
  for (const std::string& header : question.headers) text += header + "\r\n";
  text += "\r\n";
  auto head = http::parse_request_head(arena.copy(text), arena, {});
  if (!head) return failure(std::string(row_of(head.error()).sentence) + " (" + question.url + ")");
  if (!head->absolute_form) return failure("the URL is http://HOST[:PORT]/PATH");
  return *head;
}

// The routes as the workers compile them, without the chains.
chain::RouteTable table_of(const config::Config& config) {
  chain::RouteTable table;
  for (const config::ServiceConfig& service : config.services) {
    const auto route_of = [&](const std::string& name) {
      auto route = std::make_unique<chain::Route>();
      route->service = service.name;
      route->name = name;
      return route;
    };
    chain::ServiceRoutes routes;
    routes.hosts = service.hosts;
    for (const config::RouteConfig& route : service.routes) {
      routes.routes.emplace_back(chain::match_of(route.match), route_of(route.name));
    }
    routes.otherwise = route_of("");
    table.add(service.name, std::move(routes));
  }
  return table;
}

void explain_listeners(std::ostream& out, const Loaded& loaded, const std::string& service) {
  for (const config::ListenerConfig& listener : loaded.config.listeners) {
    if (listener.service && *listener.service != service) continue;
    out << "listener   " << listener.name;
    for (const std::string& address : listener.addresses) out << " " << address;
    out << at(config::where_listener(loaded, listener.name)) << "\n";
    out << "  filters  ";
    for (const config::FilterKind kind : listener.filters) out << config::to_string(kind) << " ";
    out << "\n";
  }
}

void explain_policies(std::ostream& out, const Loaded& loaded, const config::Target& target) {
  constexpr std::array<std::string_view, 12> kSections = {
      "endpoints", "balance",          "pool",     "timeout", "deadline_header", "retry", "limits",
      "circuit",   "endpoint_circuit", "fallback", "headers", "authority"};
  for (const std::string_view section : kSections) {
    const config::SettingText text = config::read_setting(loaded, target, section);
    if (text.effective.empty()) continue;
    out << "  " << section << " " << text.effective << at(config::where(loaded, target, section));
    if (!text.overridden.empty()) out << "  overridden: " << text.overridden;
    out << "\n";
  }
}

}  // namespace

Result<std::string> explain(const Loaded& loaded, const Question& question) {
  std::array<std::byte, 4096> memory;
  Arena arena(memory);
  const auto request = parse(question, arena);
  if (!request) return failure(request.error());

  const chain::RouteTable table = table_of(loaded.config);
  std::ostringstream out;
  out << request->method_text << " " << request->authority << " " << request->target << "\n";
  const chain::Route* route = table.find(*request, arena);
  if (route == nullptr) {
    explain_listeners(out, loaded, "");
    const bool refused = loaded.config.unmatched == config::Unmatched::kRefuse;
    out << "service    none answers to " << request->authority << ": "
        << (refused ? "refused with 502" : "passed through to that host")
        << at(config::where_key(loaded, "unmatched")) << "\n";
    return out.str();
  }
  explain_listeners(out, loaded, route->service);
  const config::Target target{route->service, route->name};
  out << "service    " << route->service << at(config::where(loaded, {route->service, ""})) << "\n";
  if (!route->name.empty()) {
    out << "route      " << route->name << at(config::where(loaded, target)) << "\n";
  }
  explain_policies(out, loaded, target);
  return out.str();
}

}  // namespace outrigger::app
