#pragma once
// Where the instances of services are, as plain structs: the registries, and the sources of one
// service that ask them. Part of the configuration (model.hpp); immutable, any thread.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/policy.hpp"

namespace outrigger::config {

struct DnsRegistryConfig {
  std::string name = "dns";
  std::vector<std::string> servers;  // ADDRESS or ADDRESS:PORT; empty is `system`
  int64_t ttl_min_ms = 1'000;
  int64_t ttl_max_ms = 300'000;
  std::optional<std::string> hosts_file;

  bool operator==(const DnsRegistryConfig&) const = default;
};

struct ConsulRegistryConfig {
  std::string name = "consul";
  std::string url = "http://127.0.0.1:8500";
  std::optional<std::string> token_file;
  std::optional<std::string> datacenter;
  std::optional<ClientTls> tls;  // off: the system's roots, where the URL is https

  bool operator==(const ConsulRegistryConfig&) const = default;
};

struct EurekaRegistryConfig {
  std::string name = "eureka";
  std::vector<std::string> urls{"http://127.0.0.1:8761/eureka"};  // tried in turn
  int64_t refresh_ms = 30'000;
  std::optional<ClientTls> tls;

  bool operator==(const EurekaRegistryConfig&) const = default;
};

// Off is `in-cluster`: what a pod finds in its environment and its service account.
struct KubernetesRegistryConfig {
  std::string name = "kubernetes";
  std::optional<std::string> url;
  std::optional<std::string> token_file;
  std::optional<std::string> ca_file;
  std::optional<std::string> name_space;

  bool operator==(const KubernetesRegistryConfig&) const = default;
};

// By kind, each in file order behind the one that is there by itself. Names are unique.
struct RegistriesConfig {
  std::vector<ConsulRegistryConfig> consul{ConsulRegistryConfig{}};
  std::vector<EurekaRegistryConfig> eureka{EurekaRegistryConfig{}};
  std::vector<KubernetesRegistryConfig> kubernetes{KubernetesRegistryConfig{}};
  std::vector<DnsRegistryConfig> dns{DnsRegistryConfig{}};

  bool operator==(const RegistriesConfig&) const = default;
};

// How it is known that the neighbour is well.
struct RegistrationHealth {
  // Who asks: we, and tell the registry (a TTL in Consul, a lease in Eureka), or the registry.
  enum class By : uint8_t { kSidecar, kRegistry };

  std::optional<std::string>
      http;  // the path of a GET that is answered with 2xx; off: while we live
  int64_t interval_ms = 10'000;
  By by = By::kSidecar;

  bool operator==(const RegistrationHealth&) const = default;
};

// An instance of the neighbour, as a registry shows it to others.
struct Registration {
  std::string registry;                // `in`: a name in `registries`, of kind consul or eureka
  std::string name;                    // of the service
  std::optional<std::string> address;  // an IP; off is `auto`
  int port = 0;
  RegistrationHealth health;
  std::vector<std::string> tags;  // Consul only
  std::map<std::string, std::string> metadata;

  bool operator==(const Registration&) const = default;
};

struct StaticEndpoint {
  std::string address;
  int weight = 1;
  std::optional<std::string> zone{};

  bool operator==(const StaticEndpoint&) const = default;
};

// Where endpoints come from: a tree whose leaves are lists, files and what registries are asked
// for, or, instead of a tree, wherever each caller was going. `kind` says which members count.
struct EndpointSource {
  enum class Kind : uint8_t {
    kNone,
    kStatic,
    kFile,
    kDns,
    kConsul,
    kEureka,
    kKubernetes,
    kUnion,
    kFirstOf,
    kOriginal,
  };

  Kind kind = Kind::kNone;
  std::vector<StaticEndpoint> endpoints;  // kStatic
  std::string file;                       // kFile: watched
  std::string dns_name;                   // kDns: A and AAAA
  int dns_port = 0;                       // kDns
  std::string dns_srv;                    // kDns: SRV, instead of both
  std::string registry = "dns";           // of a leaf that asks one: which of Config::registries
  std::string service;                    // kConsul, kKubernetes
  std::optional<std::string> tag;         // kConsul
  std::optional<std::string> app;         // kEureka: this or vip
  std::optional<std::string> vip;
  std::string port;                       // kKubernetes: a name or number; empty: the only one
  std::optional<std::string> name_space;  // kKubernetes; off: that of the registry
  std::vector<EndpointSource> parts;      // kUnion, kFirstOf
  int64_t hold_ms = 30'000;               // kFirstOf: before switching back
  int min = 1;  // as a part of first_of: fewer endpoints and it is passed over

  bool operator==(const EndpointSource&) const = default;
};

}  // namespace outrigger::config
