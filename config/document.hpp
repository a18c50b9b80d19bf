#pragma once
// The layers of a configuration before they become a Config: the files merged into one tree, and
// the overrides that an operator put over single services. Kept beside the Config it was read to,
// so that overrides can be merged and `explain` can name lines. Control thread only.

#include <string>
#include <string_view>
#include <vector>

#include "config/node.hpp"

namespace outrigger::config {

struct Override {
  std::string service;
  std::string route;  // empty: the service itself
  Node policy;        // a map of policy sections, without nulls
};

struct Document {
  std::vector<std::string> files;  // Mark::file counts them
  Node root;
  std::vector<Override> overrides;  // several of one target: the later ones are over the earlier

  // What a service says, with its profile and `defaults` under it and, unless left out, the
  // override over it.
  Node service_layers(std::string_view service, bool with_overrides = true) const;
  // The profile that a service names; empty: none.
  const std::string& profile_of(std::string_view service) const;
  // What a route itself says, with its override. Null when the service has no such route.
  Node route_layer(std::string_view service, std::string_view route,
                   bool with_overrides = true) const;
  // `node` with all overrides of that target over it.
  Node overridden(Node node, std::string_view service, std::string_view route) const;
};

}  // namespace outrigger::config
