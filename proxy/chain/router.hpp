// Finds the route of a request: the service by its authority, then the first of the service's
// routes that matches, else the service's own. Pure look-up over tables that were made before;
// owned by the worker's route set. Paths are compared in their one canonical form (http/path.hpp),
// so that no other spelling of a path goes around a route. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/arena.hpp"
#include "proxy/base/cidr.hpp"
#include "proxy/chain/host_table.hpp"
#include "proxy/chain/route.hpp"
#include "proxy/http/accept.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::chain {

// What a request must look like for a route: everything that is set, at once.
struct RouteMatch {
  struct FieldValue {
    http::Name id;
    std::string name;
    std::string value;

    bool is(const http::Field& field) const;
  };

  bool any_path = true;
  bool is_prefix = false;            // else `path` is the whole of it
  std::string path;                  // in canonical form
  std::vector<std::string> methods;  // empty: all
  std::vector<FieldValue> fields;    // all of them; of several lines of a name one is enough
  std::optional<http::AcceptMatch> accept;

  bool matches(const http::RequestHead& request, std::string_view canonical_path) const;
};

RouteMatch match_of(const config::RouteMatch& config);

struct ServiceRoutes {
  std::vector<std::string> hosts;       // as HostTable::add takes them
  std::vector<AddressRange> addresses;  // of original destinations
  config::Protocol protocol = config::Protocol::kAuto;
  std::vector<std::pair<RouteMatch, std::unique_ptr<Route>>> routes;  // first match wins
  std::unique_ptr<Route> otherwise;
};

class RouteTable {
 public:
  // Requires: no service of that name yet, and `otherwise`. A host that a service before it has
  // stays there (the configuration refuses that).
  void add(const std::string& service, std::shared_ptr<const ServiceRoutes> routes);
  void add(const std::string& service, ServiceRoutes routes) {
    add(service, std::make_shared<const ServiceRoutes>(std::move(routes)));
  }

  // Null when no service answers to the request's authority. `arena` takes the canonical path where
  // it is not the one that came; otherwise nothing is allocated.
  const Route* find(const http::RequestHead& request, Arena& arena) const;
  // By where a redirected connection was going: the narrowest range that is claimed. Null: none is.
  const Route* find_at(const Address& original, const http::RequestHead& request,
                       Arena& arena) const;
  // The route of an opaque connection, among the services that are opaque: by the name in the
  // ClientHello (`protocol: tls`), then by where it was going. Either may be missing.
  const Route* find_opaque(std::string_view server_name, const Address* original) const;
  // Whether some service is found by the name in a ClientHello.
  bool has_tls() const { return x_has_tls; }
  // Whether what goes there is opaque, whatever it says.
  bool is_opaque(const Address& original) const;
  // Within one service, whatever the authority says. Null when there is no such service.
  const Route* find_in(std::string_view service, const http::RequestHead& request,
                       Arena& arena) const;
  // The service's own route, or null.
  const Route* service(std::string_view name) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  const ServiceRoutes* service_at(const Address& original) const;
  static const Route& choose(const ServiceRoutes& service, const http::RequestHead& request,
                             Arena& arena);

  std::unordered_map<std::string, std::shared_ptr<const ServiceRoutes>, Hash, std::equal_to<>>
      x_services;
  std::vector<const ServiceRoutes*> x_by_index;
  std::vector<const ServiceRoutes*> x_by_address;
  HostTable x_hosts;  // to indices
  bool x_has_tls = false;
};

}  // namespace outrigger::chain
