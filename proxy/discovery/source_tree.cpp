#include "proxy/discovery/source_tree.hpp"

#include "proxy/base/assert.hpp"
#include "proxy/discovery/dns_source.hpp"
#include "proxy/discovery/empty_guard.hpp"
#include "proxy/discovery/file_source.hpp"
#include "proxy/discovery/first_of_source.hpp"
#include "proxy/discovery/static_source.hpp"
#include "proxy/discovery/union_source.hpp"

namespace outrigger::discovery {
namespace {

using Kind = config::EndpointSource::Kind;

const DnsRegistry& registry_of(const config::EndpointSource& source,
                               const DnsRegistries& registries) {
  const auto found = registries.find(source.registry);
  OUTRIGGER_ASSERT(found != registries.end());
  return found->second;
}

struct Builder {
  const Surroundings& surroundings;
  const DnsRegistries& registries;
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
        return dns(from, events);
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

  SourcePtr dns(const config::EndpointSource& from, SourceEvents& events) const {
    const DnsRegistry& registry = registry_of(from, registries);
    return std::make_unique<DnsSource>(surroundings.loop, registry.names, registry.settings, memory,
                                       from.dns_name, static_cast<uint16_t>(from.dns_port), events);
  }
};

void add_name_services(const config::EndpointSource& source, const DnsRegistries& registries,
                       std::vector<std::shared_ptr<io::NameService>>& services) {
  if (source.kind == Kind::kDns) services.push_back(registry_of(source, registries).names);
  for (const auto& part : source.parts) add_name_services(part, registries, services);
}

}  // namespace

SourcePtr make_source(const config::EndpointSource& from, const Surroundings& surroundings,
                      const DnsRegistries& registries, const Memory& memory,
                      const TreeSettings& settings, SourceEvents& events) {
  return Builder{surroundings, registries, memory, settings}.guarded(from, events);
}

std::vector<std::shared_ptr<io::NameService>> name_services_of(const config::EndpointSource& source,
                                                               const DnsRegistries& registries) {
  std::vector<std::shared_ptr<io::NameService>> services;
  add_name_services(source, registries, services);
  return services;
}

}  // namespace outrigger::discovery
