#include "proxy/discovery/source_tree.hpp"

#include "proxy/base/assert.hpp"
#include "proxy/discovery/consul_source.hpp"
#include "proxy/discovery/dns_source.hpp"
#include "proxy/discovery/empty_guard.hpp"
#include "proxy/discovery/eureka_source.hpp"
#include "proxy/discovery/file_source.hpp"
#include "proxy/discovery/first_of_source.hpp"
#include "proxy/discovery/kubernetes_source.hpp"
#include "proxy/discovery/shrink_guard.hpp"
#include "proxy/discovery/srv_source.hpp"
#include "proxy/discovery/static_source.hpp"
#include "proxy/discovery/union_source.hpp"

namespace outrigger::discovery {
namespace {

using Kind = config::EndpointSource::Kind;

template <class Registry>
const Registry& registry_of(const config::EndpointSource& source,
                            const ByName<Registry>& registries) {
  const auto found = registries.find(source.registry);
  OUTRIGGER_ASSERT(found != registries.end());
  return found->second;
}

struct Builder {
  const Surroundings& surroundings;
  const Registries& registries;
  const Memory& memory;
  const TreeSettings& settings;

  // With its own guards.
  SourcePtr guarded(const config::EndpointSource& from, SourceEvents& events) const {
    switch (from.kind) {
      case Kind::kNone:
      case Kind::kOriginal:
      case Kind::kStatic:
        return bare(from, events);
      case Kind::kUnion: {
        auto all = std::make_unique<UnionSource>(surroundings.loop, events);
        for (const auto& part : from.parts) {
          all->add([&](SourceEvents& up) { return guarded(part, up); });
        }
        return all;
      }
      case Kind::kFile:
      case Kind::kDns:
      case Kind::kConsul:
      case Kind::kEureka:
      case Kind::kKubernetes:
      case Kind::kFirstOf:
        break;
    }
    return std::make_unique<EmptyGuard>(surroundings.loop, settings, events,
                                        [&](SourceEvents& up) { return bare(from, up); });
  }

  // An empty answer shows at once.
  SourcePtr bare(const config::EndpointSource& from, SourceEvents& events) const {
    switch (from.kind) {
      case Kind::kNone:
      case Kind::kOriginal:
      case Kind::kStatic:
        break;
      case Kind::kFile:
        return std::make_unique<FileSource>(surroundings, memory, from.file, events);
      case Kind::kDns:
      case Kind::kConsul:
      case Kind::kEureka:
      case Kind::kKubernetes:
        return std::make_unique<ShrinkGuard>(
            surroundings.loop, events, [&](SourceEvents& up) { return of_registry(from, up); });
      case Kind::kUnion: {
        auto all = std::make_unique<UnionSource>(surroundings.loop, events);
        for (const auto& part : from.parts) {
          all->add([&](SourceEvents& up) { return bare(part, up); });
        }
        return all;
      }
      case Kind::kFirstOf: {
        auto first =
            std::make_unique<FirstOfSource>(surroundings.loop, settings, from.hold_ms, events);
        for (const auto& part : from.parts) {
          first->add(part.min, [&](SourceEvents& up) { return bare(part, up); });
        }
        return first;
      }
    }
    return std::make_unique<StaticSource>(from.endpoints, events);
  }

  SourcePtr of_registry(const config::EndpointSource& from, SourceEvents& events) const {
    if (from.kind == Kind::kConsul) return poll<ConsulSource>(from, registries.consul, events);
    if (from.kind == Kind::kEureka) return poll<EurekaSource>(from, registries.eureka, events);
    if (from.kind == Kind::kDns) return dns(from, events);
    return std::make_unique<KubernetesSource>(
        surroundings.loop, registry_of(from, registries.kubernetes).api, from, memory, events);
  }

  SourcePtr dns(const config::EndpointSource& from, SourceEvents& events) const {
    const DnsRegistry& registry = registry_of(from, registries.dns);
    if (!from.dns_srv.empty()) {
      return std::make_unique<SrvSource>(surroundings.loop, registry.names, registry.settings,
                                         memory, from.dns_srv, events);
    }
    return std::make_unique<DnsSource>(surroundings.loop, registry.names, registry.settings, memory,
                                       from.dns_name, static_cast<uint16_t>(from.dns_port), events);
  }

  template <class Poll, class Registry>
  SourcePtr poll(const config::EndpointSource& from, const ByName<Registry>& among,
                 SourceEvents& events) const {
    const Registry& registry = registry_of(from, among);
    return std::make_unique<Poll>(surroundings.loop, registry.server, registry.settings, from,
                                  memory, events);
  }
};

void add_registries(const config::EndpointSource& source, const Registries& registries,
                    std::vector<std::shared_ptr<const void>>& found) {
  if (source.kind == Kind::kDns) found.push_back(registry_of(source, registries.dns).names);
  if (source.kind == Kind::kConsul) found.push_back(registry_of(source, registries.consul).server);
  if (source.kind == Kind::kKubernetes) {
    found.push_back(registry_of(source, registries.kubernetes).api);
  }
  if (source.kind == Kind::kEureka) found.push_back(registry_of(source, registries.eureka).server);
  for (const auto& part : source.parts) add_registries(part, registries, found);
}

}  // namespace

SourcePtr make_source(const config::EndpointSource& from, const Surroundings& surroundings,
                      const Registries& registries, const Memory& memory,
                      const TreeSettings& settings, SourceEvents& events) {
  return Builder{surroundings, registries, memory, settings}.guarded(from, events);
}

std::vector<std::shared_ptr<const void>> registries_of(const config::EndpointSource& source,
                                                       const Registries& registries) {
  std::vector<std::shared_ptr<const void>> found;
  add_registries(source, registries, found);
  return found;
}

}  // namespace outrigger::discovery
