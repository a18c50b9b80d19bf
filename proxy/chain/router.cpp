#include "proxy/chain/router.hpp"

#include <algorithm>
#include <array>

#include "proxy/base/assert.hpp"
#include "proxy/http/authority.hpp"
#include "proxy/http/path.hpp"

namespace outrigger::chain {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

RouteMatch match_of(const config::RouteMatch& config) {
  RouteMatch match{config.path, config.methods, {}};
  for (const auto& header : config.headers) match.fields.emplace_back(header.name, header.value);
  return match;
}

bool RouteMatch::matches(const http::RequestHead& request, std::string_view canonical_path) const {
  if (path.ends_with('*')) {
    if (!canonical_path.starts_with(std::string_view(path).substr(0, path.size() - 1))) return false;
  } else if (!path.empty() && canonical_path != path) {
    return false;
  }
  if (!methods.empty() &&
      std::find(methods.begin(), methods.end(), request.method_text) == methods.end()) {
    return false;
  }
  return std::all_of(fields.begin(), fields.end(), [&](const auto& wanted) {
    const http::Field* field = request.fields.find(std::string_view(wanted.first));
    return field != nullptr && field->value == wanted.second;
  });
}

void RouteTable::add(const std::string& name, ServiceRoutes routes) {
  OUTRIGGER_ASSERT(routes.otherwise != nullptr);
  const auto [service, is_new] = x_services.emplace(name, std::move(routes));
  OUTRIGGER_ASSERT(is_new);
  for (const std::string& host : service->second.hosts) {
    if (host.starts_with('*')) {
      x_suffixes.emplace(host.substr(1), &service->second);
    } else {
      x_exact.emplace(host, &service->second);
    }
  }
}

const Route* RouteTable::find(const http::RequestHead& request, Arena& arena) const {
  const ServiceRoutes* service = by_authority(request.authority);
  return service != nullptr ? &choose(*service, request, arena) : nullptr;
}

const Route* RouteTable::find_in(std::string_view name, const http::RequestHead& request,
                                 Arena& arena) const {
  const auto service = x_services.find(name);
  return service != x_services.end() ? &choose(service->second, request, arena) : nullptr;
}

const Route* RouteTable::service(std::string_view name) const {
  const auto service = x_services.find(name);
  return service != x_services.end() ? service->second.otherwise.get() : nullptr;
}

const ServiceRoutes* RouteTable::by_authority(std::string_view authority) const {
  constexpr size_t kAuthorityMax = 300;  // a host name has at most 255 bytes
  if (authority.empty() || authority.size() > kAuthorityMax) return nullptr;
  std::array<char, kAuthorityMax> text;
  std::transform(authority.begin(), authority.end(), text.begin(), lower);
  const std::string_view whole(text.data(), authority.size());
  const auto parts = http::split_authority(whole);
  if (!parts) return nullptr;
  // With the brackets of an IPv6 literal, as `hosts` writes it.
  const size_t port_bytes =
      parts->has_port ? whole.size() - whole.rfind(':') : 0;
  const std::string_view host = whole.substr(0, whole.size() - port_bytes);

  if (const ServiceRoutes* exact = look_up(x_exact, host, whole)) return exact;
  if (x_suffixes.empty()) return nullptr;
  for (size_t dot = host.find('.'); dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
    const ServiceRoutes* found = look_up(x_suffixes, host.substr(dot), whole.substr(dot));
    if (found != nullptr) return found;
  }
  return nullptr;
}

const ServiceRoutes* RouteTable::look_up(const ByName<const ServiceRoutes*>& hosts,
                                         std::string_view host, std::string_view with_port) {
  if (with_port.size() != host.size()) {
    if (const auto found = hosts.find(with_port); found != hosts.end()) return found->second;
  }
  const auto found = hosts.find(host);
  return found != hosts.end() ? found->second : nullptr;
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
