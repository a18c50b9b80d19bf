#include "proxy/chain/router.hpp"

#include <algorithm>

#include "proxy/base/assert.hpp"
#include "proxy/http/path.hpp"

namespace outrigger::chain {

RouteMatcher::RouteMatcher(const config::RouteMatch& match)
    : x_any_path(match.path.empty()), x_methods(match.methods) {
  std::string_view path = match.path;
  if (path.ends_with('*')) {
    x_prefix = true;
    path.remove_suffix(1);
  }
  Arena arena({});
  x_path = http::canonical_path(path, arena);
  for (const config::HeaderMatch& header : match.headers) {
    x_fields.push_back({http::intern(header.name), header.name, header.value});
  }
}

bool RouteMatcher::matches(const http::RequestHead& head, std::string_view path) const {
  if (!x_any_path && (x_prefix ? !path.starts_with(x_path) : path != x_path)) return false;
  if (!x_methods.empty() &&
      std::find(x_methods.begin(), x_methods.end(), head.method_text) == x_methods.end()) {
    return false;
  }
  return std::all_of(x_fields.begin(), x_fields.end(),
                     [&](const FieldValue& wanted) { return has_field(head.fields, wanted); });
}

// One of several lines of that name is enough.
bool RouteMatcher::has_field(const http::Fields& fields, const FieldValue& wanted) const {
  return std::any_of(fields.begin(), fields.end(), [&](const http::Field& field) {
    if (field.id != wanted.id || field.value != wanted.value) return false;
    return wanted.id != http::Name::kOther || http::same_name(field.name, wanted.name);
  });
}

RouteTable::RouteTable(std::vector<ServiceRoutes> services) : x_services(std::move(services)) {
  for (size_t i = 0; i < x_services.size(); ++i) {
    OUTRIGGER_ASSERT(x_services[i].route != nullptr);
    for (const std::string& host : x_services[i].hosts) {
      x_hosts.add(host, static_cast<uint32_t>(i));
    }
  }
}

const ServiceRoutes* RouteTable::service(std::string_view name) const {
  const auto found =
      std::find_if(x_services.begin(), x_services.end(),
                   [name](const ServiceRoutes& service) { return service.name == name; });
  return found == x_services.end() ? nullptr : &*found;
}

const Route* RouteTable::find(const http::RequestHead& head, Arena& arena) const {
  const auto index = x_hosts.find(head.authority);
  return index ? &find_in(x_services[*index], head, arena) : nullptr;
}

const Route& RouteTable::find_in(const ServiceRoutes& service, const http::RequestHead& head,
                                 Arena& arena) {
  if (service.choices.empty()) return *service.route;
  const std::string_view path = http::canonical_path(head.path(), arena);
  for (const ServiceRoutes::Choice& choice : service.choices) {
    if (choice.matcher.matches(head, path)) return *choice.route;
  }
  return *service.route;
}

}  // namespace outrigger::chain
