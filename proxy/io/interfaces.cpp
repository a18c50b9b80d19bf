#include "proxy/io/interfaces.hpp"

#include <ifaddrs.h>

namespace outrigger::io {

std::vector<Address> interface_addresses() {
  std::vector<Address> addresses;
  ifaddrs* interfaces = nullptr;
  if (::getifaddrs(&interfaces) != 0) return addresses;
  for (const ifaddrs* each = interfaces; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    const Address address = Address::from_sockaddr(each->ifa_addr);
    if (address.is_ip()) addresses.push_back(address);
  }
  ::freeifaddrs(interfaces);
  return addresses;
}

}  // namespace outrigger::io
