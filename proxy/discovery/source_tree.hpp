// Builds the sources of one service from its configuration. A ShrinkGuard stands over each
// registry, and an EmptyGuard over each registry and file of its own, but outside a `first_of`,
// which passes an empty source over. Control thread; the result is owned by whoever called.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/discovery/kubernetes_api.hpp"
#include "proxy/discovery/registry_server.hpp"
#include "proxy/discovery/source.hpp"
#include "proxy/discovery/surroundings.hpp"

namespace outrigger::discovery {

struct DnsRegistry {
  config::DnsRegistryConfig settings;
  std::shared_ptr<io::NameService> names;
};
template <class Settings>
struct HttpRegistry {
  Settings settings;
  std::shared_ptr<RegistryServer> server;
};
template <class Registry>
using ByName = std::map<std::string, Registry, std::less<>>;

struct KubernetesRegistry {
  config::KubernetesRegistryConfig settings;
  std::shared_ptr<KubernetesApi> api;
};

// Those that sources ask.
struct Registries {
  ByName<DnsRegistry> dns;
  ByName<HttpRegistry<config::ConsulRegistryConfig>> consul;
  ByName<HttpRegistry<config::EurekaRegistryConfig>> eureka;
  ByName<KubernetesRegistry> kubernetes;
};

// `surroundings` and `settings` outlive the result. Requires: the registries it names are there.
SourcePtr make_source(const config::EndpointSource& from, const Surroundings& surroundings,
                      const Registries& registries, const Memory& memory,
                      const TreeSettings& settings, SourceEvents& events);

// What its leaves ask, in their order: a tree suits while these stay.
std::vector<std::shared_ptr<const void>> registries_of(const config::EndpointSource& source,
                                                       const Registries& registries);

}  // namespace outrigger::discovery
