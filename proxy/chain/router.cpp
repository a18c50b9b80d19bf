#include "proxy/chain/router.hpp"

#include <algorithm>

#include "proxy/base/assert.hpp"
#include "proxy/http/path.hpp"

namespace outrigger::chain {
namespace {

bool is_opaque(const ServiceRoutes& service) {
  return service.protocol == config::Protocol::kTcp || service.protocol == config::Protocol::kTls;
}

bool is_narrower(const AddressRange& one, const AddressRange& other) {
  if (one.cidr.prefix != other.cidr.prefix) return one.cidr.prefix > other.cidr.prefix;
  return one.port != 0 && other.port == 0;
}

}  // namespace

RouteMatch match_of(const config::RouteMatch& config) {
  RouteMatch match;
  std::string_view path = config.path;
  match.any_path = path.empty();
  match.is_prefix = path.ends_with('*');
  if (match.is_prefix) path.remove_suffix(1);
  Arena arena({});
  match.path = http::canonical_path(path, arena);
  match.methods = config.methods;
  for (const config::HeaderMatch& header : config.headers) {
    match.fields.push_back({http::intern(header.name), header.name, header.value});
  }
  if (config.accept) match.accept.emplace(config.accept->type, config.accept->version);
  return match;
}

bool RouteMatch::FieldValue::is(const http::Field& field) const {
  if (field.id != id || field.value != value) return false;
  return id != http::Name::kOther || http::same_name(field.name, name);
}

bool RouteMatch::matches(const http::RequestHead& request, std::string_view canonical_path) const {
  if (!any_path && (is_prefix ? !canonical_path.starts_with(path) : canonical_path != path)) {
    return false;
  }
  if (!methods.empty() &&
      std::find(methods.begin(), methods.end(), request.method_text) == methods.end()) {
    return false;
  }
  if (accept && !accept->matches(request.fields)) return false;
  return std::all_of(fields.begin(), fields.end(), [&](const FieldValue& wanted) {
    return std::any_of(request.fields.begin(), request.fields.end(),
                       [&](const http::Field& field) { return wanted.is(field); });
  });
}

void RouteTable::add(const std::string& name, std::shared_ptr<const ServiceRoutes> routes) {
  OUTRIGGER_ASSERT(routes->otherwise != nullptr);
  const ServiceRoutes& service = *routes;
  const bool is_new = x_services.emplace(name, std::move(routes)).second;
  OUTRIGGER_ASSERT(is_new);
  const auto index = static_cast<uint32_t>(x_by_index.size());
  x_by_index.push_back(&service);
  x_has_tls = x_has_tls || service.protocol == config::Protocol::kTls;
  if (!service.addresses.empty()) x_by_address.push_back(&service);
  for (const std::string& host : service.hosts) x_hosts.add(host, index);
}

const Route* RouteTable::find(const http::RequestHead& request, Arena& arena) const {
  const auto index = x_hosts.find(request.authority);
  return index ? &choose(*x_by_index[*index], request, arena) : nullptr;
}

const Route* RouteTable::find_at(const Address& original, const http::RequestHead& request,
                                 Arena& arena) const {
  const ServiceRoutes* service = service_at(original);
  return service != nullptr ? &choose(*service, request, arena) : nullptr;
}

const Route* RouteTable::find_opaque(std::string_view server_name, const Address* original) const {
  if (const auto index = x_hosts.find(server_name)) {
    const ServiceRoutes& named = *x_by_index[*index];
    if (named.protocol == config::Protocol::kTls) return named.otherwise.get();
  }
  const ServiceRoutes* there = original != nullptr ? service_at(*original) : nullptr;
  return there != nullptr && chain::is_opaque(*there) ? there->otherwise.get() : nullptr;
}

bool RouteTable::is_opaque(const Address& original) const {
  const ServiceRoutes* there = service_at(original);
  return there != nullptr && there->protocol == config::Protocol::kTcp;
}

// Few services claim addresses; they are asked once for each connection.
const ServiceRoutes* RouteTable::service_at(const Address& original) const {
  const ServiceRoutes* found = nullptr;
  const AddressRange* narrowest = nullptr;
  for (const ServiceRoutes* service : x_by_address) {
    for (const AddressRange& range : service->addresses) {
      if (!range.contains(original)) continue;
      if (narrowest != nullptr && !is_narrower(range, *narrowest)) continue;
      narrowest = &range;
      found = service;
    }
  }
  return found;
}

const Route* RouteTable::find_in(std::string_view name, const http::RequestHead& request,
                                 Arena& arena) const {
  const auto service = x_services.find(name);
  return service != x_services.end() ? &choose(*service->second, request, arena) : nullptr;
}

const Route* RouteTable::service(std::string_view name) const {
  const auto service = x_services.find(name);
  return service != x_services.end() ? service->second->otherwise.get() : nullptr;
}

const Route& RouteTable::choose(const ServiceRoutes& service, const http::RequestHead& request,
                                Arena& arena) {
  if (service.routes.empty()) return *service.otherwise;
  const std::string_view path = http::canonical_path(request.path(), arena);
  for (const auto& [match, route] : service.routes) {
    if (match.matches(request, path)) return *route;
  }
  return *service.otherwise;
}

}  // namespace outrigger::chain
