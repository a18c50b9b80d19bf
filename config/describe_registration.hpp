#pragma once
// Every key of a self-registration, described once; see visitors.hpp. Included by the sources of
// this folder only. The order is the order of the effective output.

#include "config/kinds_of_policy.hpp"
#include "config/model_endpoints.hpp"
#include "config/text.hpp"
#include "proxy/base/address.hpp"

namespace outrigger::config {

inline constexpr std::array<std::string_view, 2> kHealthByWords = {"sidecar", "registry"};

template <>
inline constexpr std::string_view kSection<RegistrationHealth> = "registration health";
template <>
inline constexpr std::string_view kSection<Registration> = "registration";

void check(Reader& reader, const Node& node, const RegistrationHealth& health);
void check(Reader& reader, const Node& node, const Registration& registration);

inline Text own_ip_kind() {
  return {"an IP address or auto", "others must reach it: write no name and no port",
          [](std::string_view text) {
            const auto address = Address::from_ip(text, 0);
            return address && !address->is_any();
          }};
}
inline void switch_off(RegistrationHealth& health) {
  health = {.http = {}, .interval_ms = health.interval_ms};
}

template <class V>
void describe(V& v, RegistrationHealth& health) {
  v.key("http", health.http, off_or(url_path_kind()),
        "The neighbour is well when it answers a GET of it with 2xx; off: while the sidecar runs");
  v.key("interval", health.interval_ms, Duration{1'000}, "How often it is asked, and reported");
  v.key("by", health.by, Choice<RegistrationHealth::By>{kHealthByWords},
        "Who asks it: the sidecar, or (Consul only) the registry");
}

template <class V>
void describe(V& v, Registration& registration) {
  v.key("in", registration.registry, name_kind(), "A registry of kind consul or eureka");
  v.key("name", registration.name, name_kind(), "What others know the service by");
  v.key("address", registration.address, Or<Text>{"auto", own_ip_kind()},
        "Where others reach it; auto: POD_IP, else the address that reaches the registry");
  v.key("port", registration.port, Count{1, 65'535}, "Where others reach it");
  v.key("health", registration.health, Map<RegistrationHealth>{&switch_off},
        "How it is known that the neighbour is well");
  v.key("tags", registration.tags, List<Text>{name_kind(), false, 0, 100}, "Consul only");
  v.key("metadata", registration.metadata, TextMap{}, "Shown beside it");
}

}  // namespace outrigger::config
