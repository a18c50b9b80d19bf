// Where others reach the neighbour, which shares this host, or this pod, with us. Pure functions of
// what they are given: the file, the environment, and the routes of the host.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/address.hpp"

namespace outrigger::registration {

// The address of this host from which that one would be reached; nothing: no route leads there.
using AddressTowards = std::function<std::optional<Address>(const Address& there)>;

struct OwnAddress {
  Address address;  // port 0
  std::string by;   // how it was found, for people
};

// The configured one, else POD_IP of the environment, else the one that reaches the registry (of
// that HOST:PORT), else the one that leads out of this host. Never one that leads only back to it.
std::optional<OwnAddress> find_own_address(const std::optional<std::string>& configured,
                                           const std::optional<std::string>& pod_ip,
                                           std::string_view registry,
                                           const AddressTowards& towards);

}  // namespace outrigger::registration
