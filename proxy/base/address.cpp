#include "proxy/base/address.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "proxy/base/assert.hpp"

namespace outrigger {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

Result<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) {
    return failure("'" + std::string(text) + "' is not a port (0 to 65535)");
  }
  return port;
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) {
    Address address;
    address.x_kind = Kind::kUnix;
    address.x_path = text.substr(kUnixPrefix.size());
    if (address.x_path.empty()) return failure("the path after 'unix:' is empty");
    if (address.x_path.find('\0') != std::string::npos) {
      return failure("the path of a unix socket has no NUL byte");
    }
    if (address.x_path.size() >= sizeof(sockaddr_un::sun_path)) {
      return failure("the path of a unix socket has at most 107 bytes");
    }
    return address;
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return failure("'" + std::string(text) + "' has no port; IP:PORT, [IPV6]:PORT or unix:PATH");
  }
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return failure(port.error());
  std::string_view ip = text.substr(0, colon);
  if (ip.starts_with('[') && ip.ends_with(']')) {
    ip = ip.substr(1, ip.size() - 2);
    if (ip.find(':') == std::string_view::npos) {
      return failure("'" + std::string(ip) + "' in brackets is not an IPv6 address");
    }
  } else if (ip.find(':') != std::string_view::npos) {
    return failure("an IPv6 address stands in brackets: [" + std::string(ip) + "]:PORT");
  }
  return from_ip(ip, *port);
}

Result<Address> Address::from_ip(std::string_view ip, uint16_t port) {
  const std::string text(ip);
  Address address;
  address.x_port = port;
  // inet_pton stops at a NUL.
  if (text.find('\0') != std::string::npos) return failure("an IP address has no NUL byte");
  if (inet_pton(AF_INET, text.c_str(), address.x_ip.data()) == 1) {
    address.x_kind = Kind::kIpv4;
  } else if (inet_pton(AF_INET6, text.c_str(), address.x_ip.data()) == 1) {
    address.x_kind = Kind::kIpv6;
  } else {
    return failure("'" + text + "' is not an IP address");
  }
  return address;
}

Address Address::from_bytes(std::span<const uint8_t> ip, uint16_t port) {
  OUTRIGGER_ASSERT(ip.size() == 4 || ip.size() == 16);
  Address address;
  address.x_kind = ip.size() == 4 ? Kind::kIpv4 : Kind::kIpv6;
  address.x_port = port;
  std::copy(ip.begin(), ip.end(), address.x_ip.begin());
  return address;
}

Address Address::from_sockaddr(const sockaddr* from) {
  Address address;
  if (from->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, from, sizeof v4);
    address.x_kind = Kind::kIpv4;
    address.x_port = ntohs(v4.sin_port);
    std::memcpy(address.x_ip.data(), &v4.sin_addr, 4);
  } else if (from->sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, from, sizeof v6);
    address.x_kind = Kind::kIpv6;
    address.x_port = ntohs(v6.sin6_port);
    std::memcpy(address.x_ip.data(), &v6.sin6_addr, 16);
  } else if (from->sa_family == AF_UNIX) {
    address.x_kind = Kind::kUnix;
  }
  return address;
}

bool Address::is_loopback() const {
  if (x_kind == Kind::kIpv4) return x_ip[0] == 127;
  if (x_kind != Kind::kIpv6) return false;
  // ::1, and 127/8 in its IPv4-mapped form.
  const bool zeros = std::all_of(x_ip.begin(), x_ip.begin() + 10, [](uint8_t b) { return b == 0; });
  if (zeros && x_ip[10] == 0xff && x_ip[11] == 0xff) return x_ip[12] == 127;
  return std::all_of(x_ip.begin(), x_ip.end() - 1, [](uint8_t b) { return b == 0; }) &&
         x_ip[15] == 1;
}

bool Address::is_link_local() const {
  if (x_kind == Kind::kIpv4) return x_ip[0] == 169 && x_ip[1] == 254;
  return x_kind == Kind::kIpv6 && x_ip[0] == 0xfe && (x_ip[1] & 0xc0) == 0x80;
}

bool Address::is_any() const {
  return is_ip() && std::all_of(x_ip.begin(), x_ip.end(), [](uint8_t b) { return b == 0; });
}

socklen_t Address::to_sockaddr(sockaddr_storage& to) const {
  std::memset(&to, 0, sizeof to);
  switch (x_kind) {
    case Kind::kIpv4: {
      auto& v4 = reinterpret_cast<sockaddr_in&>(to);
      v4.sin_family = AF_INET;
      v4.sin_port = htons(x_port);
      std::memcpy(&v4.sin_addr, x_ip.data(), 4);
      return sizeof v4;
    }
    case Kind::kIpv6: {
      auto& v6 = reinterpret_cast<sockaddr_in6&>(to);
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(x_port);
      std::memcpy(&v6.sin6_addr, x_ip.data(), 16);
      return sizeof v6;
    }
    case Kind::kUnix: {
      auto& local = reinterpret_cast<sockaddr_un&>(to);
      local.sun_family = AF_UNIX;
      std::memcpy(local.sun_path, x_path.data(), x_path.size());
      return sizeof local;
    }
    case Kind::kNone:
      break;
  }
  OUTRIGGER_ASSERT(x_kind != Kind::kNone);
  return 0;
}

std::string Address::ip_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (!is_ip()) return {};
  inet_ntop(x_kind == Kind::kIpv4 ? AF_INET : AF_INET6, x_ip.data(), text.data(), text.size());
  return text.data();
}

std::string Address::to_string() const {
  switch (x_kind) {
    case Kind::kIpv4:
      return ip_string() + ":" + std::to_string(x_port);
    case Kind::kIpv6:
      return "[" + ip_string() + "]:" + std::to_string(x_port);
    case Kind::kUnix:
      return "unix:" + x_path;
    case Kind::kNone:
      break;
  }
  return "none";
}

}  // namespace outrigger

size_t std::hash<outrigger::Address>::operator()(const outrigger::Address& address) const noexcept {
  const auto ip = address.ip();
  const std::string_view bytes(reinterpret_cast<const char*>(ip.data()), ip.size());
  return std::hash<std::string_view>{}(bytes) ^ std::hash<std::string>{}(address.path()) ^
         (size_t{address.port()} * 0x9e3779b97f4a7c15);
}
