#pragma once
// The kinds of value around a service: where its endpoints come from, which hosts it answers to,
// filters. See visitors.hpp for what a kind is.

#include <string>
#include <vector>

#include "config/kinds.hpp"
#include "config/model.hpp"

namespace outrigger::config {

struct Source {
  static constexpr bool kContainer = true;
  bool part = false;    // of a union or first_of
  bool ranked = false;  // a part of first_of, which may say `min`

  void read(Reader& reader, const Node& node, EndpointSource& out) const;
  Node write(const EndpointSource& source) const;
  // A reference to `#/$defs/endpoints`, because sources nest.
  Node schema() const;
  static Node definition();
};

// IP:PORT, or {address, weight, zone}.
struct EndpointItem {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, StaticEndpoint& out) const;
  Node write(const StaticEndpoint& endpoint) const;
  Node schema() const;
};

// `auto` or a list, in lower case. Reading `auto` leaves the list to what the source implies.
struct Hosts {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, ServiceConfig& out) const;
  Node write(const ServiceConfig& service) const;
  Node schema() const;
};
// What `auto` comes to: the service's name, and the DNS names of its source.
std::vector<std::string> implied_hosts(const ServiceConfig& service);

// CIDR:PORT of original destinations, as AddressRange reads it.
Text address_range_kind();

// A list of ports in place of the built-in one, {also: [...]} for more of them, or `off` for none.
struct OpaquePorts {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, std::vector<int>& out) const;
  Node write(const std::vector<int>& ports) const;
  Node schema() const;
};

// A list of filters, or {without: [x]} for the rest of the default list.
struct Filters {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, std::vector<FilterKind>& out) const;
  Node write(const std::vector<FilterKind>& filters) const;
  Node schema() const;
};

// The word of a kind, which decided how the registry is read (see Registries).
struct RegistryKind {
  static constexpr bool kContainer = false;
  std::string_view kind;

  void read(Reader& reader, const Node& node, const std::string&) const;
  Node write(const std::string&) const { return Node::scalar(kind); }
  Node schema() const;
};

// `auto` is 0.
struct Workers {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, int& out) const;
  Node write(int workers) const;
  Node schema() const;
};

// `system` is an empty list.
struct DnsServers {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, std::vector<std::string>& out) const;
  Node write(const std::vector<std::string>& servers) const;
  Node schema() const;
};

// Rising durations, which may be fractions of a millisecond.
struct Buckets {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, std::vector<double>& out) const;
  Node write(const std::vector<double>& buckets) const;
  Node schema() const;
};

// The maps whose keys are names.
struct Registries {
  static constexpr bool kContainer = true;

  void read(Reader& reader, const Node& node, RegistriesConfig& out) const;
  Node write(const RegistriesConfig& registries) const;
  Node schema() const;
};

struct Services {
  static constexpr bool kContainer = true;

  void read(Reader& reader, const Node& node, std::vector<ServiceConfig>& out) const;
  Node write(const std::vector<ServiceConfig>& services) const;
  Node schema() const;
};

// Profiles are layers of services that name them (see Document). In the model they are filled in,
// so what is written has none.
struct Profiles {
  static constexpr bool kContainer = true;

  void read(Reader& reader, const Node& node, const Policy&) const;
  Node write(const Policy&) const { return Node::map(); }
  Node schema() const;
};
struct ProfileName {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, const std::string&) const;
  Node write(const std::string&) const { return Node::scalar("off"); }
  Node schema() const;
};

// `defaults` apply to every service while it is read; what is left of them in the model is what
// calls to unknown hosts get.
struct Defaults {
  static constexpr bool kContainer = true;

  void read(Reader& reader, const Node& node, Policy& passthrough) const;
  Node write(const Policy& passthrough) const;
  Node schema() const;
};

}  // namespace outrigger::config
