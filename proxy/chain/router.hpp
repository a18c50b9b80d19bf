// Finds the route of a request: the service by its authority, then the first of the service's routes
// that matches, else the service's own. Pure look-up over tables that were made before; owned by the
// worker's route set. Paths are compared in their one canonical form (http/path.hpp). One thread.
//
//   Hosts are exact or `*.suffix`, with a port or for any. Exact wins over a suffix, the longest suffix
//   over a shorter one; of the same host, one with the port wins over one without.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/arena.hpp"
#include "proxy/chain/route.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::chain {

struct RouteMatch {
  std::string path;                  // exact, or a prefix when it ends in '*'; empty: all
  std::vector<std::string> methods;  // empty: all
  std::vector<std::pair<std::string, std::string>> fields;  // all of them, with that very value

  bool matches(const http::RequestHead& request, std::string_view canonical_path) const;
};

RouteMatch match_of(const config::RouteMatch& config);

struct ServiceRoutes {
  std::vector<std::string> hosts;  // lower case: `name`, `name:port`, `*.suffix`, `*.suffix:port`
  std::vector<std::pair<RouteMatch, std::unique_ptr<Route>>> routes;
  std::unique_ptr<Route> otherwise;
};

class RouteTable {
 public:
  // Requires: no host of another service, and `otherwise`.
  void add(const std::string& service, ServiceRoutes routes);

  // Null when no service answers to the request's authority. `arena` is for the canonical path.
  const Route* find(const http::RequestHead& request, Arena& arena) const;
  // Within one service, whatever the authority says. Null when there is no such service.
  const Route* find_in(std::string_view service, const http::RequestHead& request,
                       Arena& arena) const;
  // The service's own route, or null.
  const Route* service(std::string_view name) const;

  template <class F>
  void for_each(F visit) const {  // visit(const Route&)
    for (const auto& [name, service] : x_services) {
      for (const auto& [match, route] : service.routes) visit(*route);
      visit(*service.otherwise);
    }
  }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  template <class T>
  using ByName = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

  const ServiceRoutes* by_authority(std::string_view authority) const;
  static const ServiceRoutes* look_up(const ByName<const ServiceRoutes*>& hosts,
                                      std::string_view host, std::string_view with_port);
  static const Route& choose(const ServiceRoutes& service, const http::RequestHead& request,
                             Arena& arena);

  ByName<ServiceRoutes> x_services;
  ByName<const ServiceRoutes*> x_exact;
  ByName<const ServiceRoutes*> x_suffixes;  // without the "*", with its dot: ".example.org"
};

}  // namespace outrigger::chain
