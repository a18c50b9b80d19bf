#include "proxy/io/original_destination.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

namespace outrigger::io {
namespace {

// From linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h, which clash with netinet/in.h.
constexpr int kOriginalDst = 80;

}  // namespace

std::optional<Address> original_destination(int fd) {
  sockaddr_storage local{};
  socklen_t length = sizeof local;
  auto* const own = reinterpret_cast<sockaddr*>(&local);
  sockaddr_storage found{};
  auto* const original = reinterpret_cast<sockaddr*>(&found);
  socklen_t found_length = sizeof found;
  if (::getsockname(fd, own, &length) != 0) return std::nullopt;
  const bool is_ip = own->sa_family == AF_INET || own->sa_family == AF_INET6;
  const int level = own->sa_family == AF_INET6 ? SOL_IPV6 : SOL_IP;
  if (!is_ip || ::getsockopt(fd, level, kOriginalDst, original, &found_length) != 0) {
    return std::nullopt;
  }
  Address address = Address::from_sockaddr(original);
  // A tracked connection that nobody redirected was going to us.
  if (!address.is_ip() || address == Address::from_sockaddr(own)) return std::nullopt;
  return address;
}

}  // namespace outrigger::io
