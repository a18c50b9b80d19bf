// Which Host goes to a service: what its policy says, unless the route that leads there says
// another, or leads calls there whose callers named another service. Pure.
#pragma once

#include "config/model.hpp"

namespace outrigger::app {

// `route` may be null. `is_called`: it is the service that the caller named.
inline config::Authority authority_of(const config::Policy& policy,
                                      const config::RouteConfig* route, bool is_called) {
  using Kind = config::Authority::Kind;
  if (route != nullptr && route->rewrite && route->rewrite->host) return *route->rewrite->host;
  if (!is_called && policy.authority.kind == Kind::kAuto) return {Kind::kUpstream, ""};
  return policy.authority;
}

}  // namespace outrigger::app
