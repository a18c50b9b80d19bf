// Builds the sources of one service from its configuration. An EmptyGuard stands over each registry
// and file of its own, but outside a `first_of`, which passes an empty source over at once. Control
// thread; the result is owned by whoever called.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/discovery/source.hpp"
#include "proxy/discovery/surroundings.hpp"

namespace outrigger::discovery {

struct DnsRegistry {
  config::DnsRegistryConfig settings;
  std::shared_ptr<io::NameService> names;
};
using DnsRegistries = std::map<std::string, DnsRegistry, std::less<>>;

// `surroundings` and `settings` outlive the result. Requires: the registries it names are there.
SourcePtr make_source(const config::EndpointSource& from, const Surroundings& surroundings,
                      const DnsRegistries& registries, const Memory& memory,
                      const TreeSettings& settings, SourceEvents& events);

// Those that its DNS names are asked of, in their order.
std::vector<std::shared_ptr<io::NameService>> name_services_of(const config::EndpointSource& source,
                                                               const DnsRegistries& registries);

}  // namespace outrigger::discovery
