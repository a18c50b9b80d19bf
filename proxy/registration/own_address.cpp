#include "proxy/registration/own_address.hpp"

namespace outrigger::registration {
namespace {

std::optional<Address> from(std::string_view ip) {
  auto address = Address::from_ip(ip, 0);
  if (!address || address->is_any()) return std::nullopt;
  return std::move(*address);
}

}  // namespace

std::optional<OwnAddress> find_own_address(const std::optional<std::string>& configured,
                                           const std::optional<std::string>& pod_ip,
                                           std::string_view registry,
                                           const AddressTowards& towards) {
  if (configured) {
    const auto address = from(*configured);
    if (!address) return std::nullopt;
    return OwnAddress{*address, "configured"};
  }
  if (pod_ip) {
    if (const auto address = from(*pod_ip)) return OwnAddress{*address, "POD_IP"};
  }
  const auto leading_to = [&](const Address& there) -> std::optional<Address> {
    if (there.is_loopback()) return std::nullopt;
    auto here = towards(there);
    if (here && (here->is_loopback() || here->is_any())) here.reset();
    return here;
  };
  if (const auto there = Address::parse(registry); there && there->is_ip()) {
    if (const auto here = leading_to(*there)) {
      return OwnAddress{*here, "it reaches " + std::string(registry)};
    }
  }
  // Addresses of documentation (RFC 5737, RFC 3849): wherever the default route leads.
  for (const std::string_view outside : {"192.0.2.1", "2001:db8::1"}) {
    if (const auto here = leading_to(*from(outside))) {
      return OwnAddress{*here, "it leads out of this host"};
    }
  }
  return std::nullopt;
}

}  // namespace outrigger::registration
