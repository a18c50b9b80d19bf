#include "proxy/io/interfaces.hpp"

#include <ifaddrs.h>
#include <sys/socket.h>

#include "proxy/io/fd.hpp"

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

std::optional<Address> address_towards(const Address& there) {
  constexpr uint16_t kAnyPort = 9;  // discard; a datagram socket connects without a packet
  sockaddr_storage at;
  const socklen_t length = Address::from_bytes(there.ip(), kAnyPort).to_sockaddr(at);
  const Fd fd(::socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  auto* const raw = reinterpret_cast<sockaddr*>(&at);
  if (!fd.is_open() || ::connect(fd.get(), raw, length) != 0) return std::nullopt;
  socklen_t size = sizeof at;
  if (::getsockname(fd.get(), raw, &size) != 0) return std::nullopt;
  return Address::from_bytes(Address::from_sockaddr(raw).ip(), 0);
}

}  // namespace outrigger::io
