#pragma once
// Every key of a registry, described once; see visitors.hpp. Included by the sources of this folder
// only. The order is the order of the effective output.

#include "config/describe_policy.hpp"
#include "config/kinds_of_service.hpp"
#include "config/model_endpoints.hpp"
#include "config/text.hpp"
#include "proxy/base/url.hpp"

namespace outrigger::config {

template <>
inline constexpr std::string_view kSection<ConsulRegistryConfig> = "consul registry";
template <>
inline constexpr std::string_view kSection<EurekaRegistryConfig> = "eureka registry";
template <>
inline constexpr std::string_view kSection<KubernetesRegistryConfig> = "kubernetes registry";
template <>
inline constexpr std::string_view kSection<DnsRegistryConfig> = "dns registry";

void check(Reader& reader, const Node& node, const ConsulRegistryConfig& registry);
void check(Reader& reader, const Node& node, const EurekaRegistryConfig& registry);
void check(Reader& reader, const Node& node, const DnsRegistryConfig& registry);

inline Text url_kind() {
  return {"a URL", "write http://HOST:PORT or https://HOST:PORT",
          [](std::string_view text) { return static_cast<bool>(parse_url(text)); }};
}
template <class Kind>
Or<Kind> in_cluster_or(const Kind& kind) {
  return {"in-cluster", kind};
}

inline constexpr std::string_view kRegistryKindDoc = "May be left out when the name is the kind";

template <class V>
void describe(V& v, ConsulRegistryConfig& registry) {
  v.key("kind", registry.name, RegistryKind{"consul"}, kRegistryKindDoc);
  v.key("url", registry.url, url_kind(), "Of an agent or a server");
  v.key("token_file", registry.token_file, off_or(FilePath{FileUse::kToken}),
        "Holds the ACL token; read again when it changes");
  v.key("datacenter", registry.datacenter, off_or(name_kind()), "Another one than the agent's");
  v.key("tls", registry.tls, Switch<Map<ClientTls>>{}, "Towards an https URL; off: system roots");
}

template <class V>
void describe(V& v, EurekaRegistryConfig& registry) {
  v.key("kind", registry.name, RegistryKind{"eureka"}, kRegistryKindDoc);
  v.key("urls", registry.urls, List<Text>{url_kind(), false, 1, 16},
        "Tried in turn, with the path that ends in /eureka");
  v.key("refresh", registry.refresh_ms, Duration{100}, "How often a service is asked for");
  v.key("tls", registry.tls, Switch<Map<ClientTls>>{}, "Towards https URLs; off: system roots");
}

template <class V>
void describe(V& v, KubernetesRegistryConfig& registry) {
  v.key("kind", registry.name, RegistryKind{"kubernetes"}, kRegistryKindDoc);
  v.key("url", registry.url, in_cluster_or(url_kind()), "Of the API server");
  v.key("token_file", registry.token_file, in_cluster_or(FilePath{FileUse::kToken}),
        "Holds the token; read again when it changes");
  v.key("ca_file", registry.ca_file, in_cluster_or(FilePath{FileUse::kPem}),
        "Of the API server's certificate");
  v.key("namespace", registry.name_space, in_cluster_or(name_kind()), "Of services that name none");
}

template <class V>
void describe(V& v, DnsRegistryConfig& registry) {
  v.key("kind", registry.name, RegistryKind{"dns"}, kRegistryKindDoc);
  v.key("servers", registry.servers, DnsServers{}, "system, or a list of IP or IP:PORT");
  v.key("ttl_min", registry.ttl_min_ms, Duration{1}, "A shorter TTL counts as this");
  v.key("ttl_max", registry.ttl_max_ms, Duration{1}, "A longer TTL counts as this");
  v.key("hosts_file", registry.hosts_file, off_or(FilePath{FileUse::kHosts}),
        "Looked into before the servers are asked");
}

}  // namespace outrigger::config
