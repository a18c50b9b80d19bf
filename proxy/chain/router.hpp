// The RouteTable owns every compiled Route of one worker and says which one a request takes: first
// the service, by the host that was called or by the listener, then the first of the service's
// routes that matches, else the service itself. Paths are compared in their canonical form
// (http/path.hpp), so that no other spelling of a path goes around a route. Pure: it knows the head
// and nothing else. Built by the control path, then immutable; outlives every exchange.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/arena.hpp"
#include "proxy/chain/host_table.hpp"
#include "proxy/chain/route.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::chain {

// What a request must look like for a route: everything that is set, at once.
class RouteMatcher {
 public:
  explicit RouteMatcher(const config::RouteMatch& match);

  // `path` in canonical form.
  bool matches(const http::RequestHead& head, std::string_view path) const;

 private:
  struct FieldValue {
    http::Name id;
    std::string name;
    std::string value;
  };

  bool has_field(const http::Fields& fields, const FieldValue& wanted) const;

  bool x_any_path;
  bool x_prefix = false;
  std::string x_path;
  std::vector<std::string> x_methods;
  std::vector<FieldValue> x_fields;
};

// The routes of one service.
struct ServiceRoutes {
  struct Choice {
    RouteMatcher matcher;
    std::unique_ptr<Route> route;
  };

  std::string name;
  std::vector<std::string> hosts;  // as HostTable::add takes them
  std::vector<Choice> choices;     // first match wins
  std::unique_ptr<Route> route;    // where none matches
};

class RouteTable {
 public:
  // Of a host that two services claim the first one has it (the configuration refuses that).
  explicit RouteTable(std::vector<ServiceRoutes> services);

  // By name: for a listener with `service`, and the fallbacks' alternates. Null when there is none.
  const ServiceRoutes* service(std::string_view name) const;

  // The route of a request to whatever its authority names; null when no service claims that. The
  // arena is used only for a path that is not in canonical form.
  const Route* find(const http::RequestHead& head, Arena& arena) const;
  // The same within one service, whatever the authority says.
  static const Route& find_in(const ServiceRoutes& service, const http::RequestHead& head,
                              Arena& arena);

 private:
  std::vector<ServiceRoutes> x_services;
  HostTable x_hosts;  // to indices of x_services
};

}  // namespace outrigger::chain
