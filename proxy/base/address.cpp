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

// Its first bytes, before an IPv4 address.
constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

constexpr size_t kIpv4Bytes = 4;
constexpr size_t kIpv6Bytes = 16;

// IPv6 addresses that carry an IPv4 one, which begins at byte `at`.
struct Carrier {
  std::array<uint8_t, 12> prefix;
  size_t prefix_bytes;
  size_t at;
};

constexpr auto kCarriers = std::to_array<Carrier>({
    {{0x00, 0x64, 0xff, 0x9b}, 12, 12},             // 64:ff9b::/96
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 6, 12},  // 64:ff9b:1::/48 (RFC 8215), used with /96
    {{0x20, 0x02}, 2, 2},                           // 2002::/16
    {{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 12, 12},
    {{}, 12, 12},
});

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
  // inet_pton stops at a NUL.
  if (ip.find('\0') != std::string_view::npos) return failure("an IP address has no NUL byte");
  std::array<char, INET6_ADDRSTRLEN> text{};
  std::array<uint8_t, kIpv6Bytes> bytes{};
  if (ip.size() < text.size()) {
    std::copy(ip.begin(), ip.end(), text.begin());
    if (inet_pton(AF_INET, text.data(), bytes.data()) == 1) {
      return from_bytes({bytes.data(), kIpv4Bytes}, port);
    }
    if (inet_pton(AF_INET6, text.data(), bytes.data()) == 1) return from_bytes(bytes, port);
  }
  return failure("'" + std::string(ip) + "' is not an IP address");
}

Address Address::from_bytes(std::span<const uint8_t> ip, uint16_t port) {
  Address address;
  address.x_port = port;
  address.set_ip(ip);
  return address;
}

void Address::set_ip(std::span<const uint8_t> ip) {
  OUTRIGGER_ASSERT(ip.size() == kIpv4Bytes || ip.size() == kIpv6Bytes);
  const bool mapped =
      ip.size() == kIpv6Bytes && std::equal(kMapped.begin(), kMapped.end(), ip.begin());
  if (mapped) ip = ip.subspan(kMapped.size());
  x_kind = ip.size() == kIpv4Bytes ? Kind::kIpv4 : Kind::kIpv6;
  std::copy(ip.begin(), ip.end(), x_ip.begin());
}

Address Address::from_sockaddr(const sockaddr* from) {
  Address address;
  if (from->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, from, sizeof v4);
    address.x_port = ntohs(v4.sin_port);
    address.set_ip({reinterpret_cast<const uint8_t*>(&v4.sin_addr), kIpv4Bytes});
  } else if (from->sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, from, sizeof v6);
    address.x_port = ntohs(v6.sin6_port);
    address.set_ip({v6.sin6_addr.s6_addr, kIpv6Bytes});
  } else if (from->sa_family == AF_UNIX) {
    address.x_kind = Kind::kUnix;
  }
  return address;
}

bool Address::is_loopback() const {
  if (x_kind == Kind::kIpv4) return x_ip[0] == 127;
  return x_kind == Kind::kIpv6 && x_ip[15] == 1 &&
         std::all_of(x_ip.begin(), x_ip.end() - 1, [](uint8_t b) { return b == 0; });
}

bool Address::is_link_local() const {
  if (x_kind == Kind::kIpv4) return x_ip[0] == 169 && x_ip[1] == 254;
  return x_kind == Kind::kIpv6 && x_ip[0] == 0xfe && (x_ip[1] & 0xc0) == 0x80;
}

bool Address::is_any() const {
  return is_ip() && std::all_of(x_ip.begin(), x_ip.end(), [](uint8_t b) { return b == 0; });
}

std::optional<Address> Address::translated() const {
  if (x_kind != Kind::kIpv6 || is_any() || is_loopback()) return std::nullopt;
  for (const Carrier& carrier : kCarriers) {
    const auto* const end = carrier.prefix.data() + carrier.prefix_bytes;
    if (!std::equal(carrier.prefix.data(), end, x_ip.begin())) continue;
    return from_bytes({x_ip.data() + carrier.at, kIpv4Bytes}, x_port);
  }
  return std::nullopt;
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

std::string_view Address::ip_text(IpText& to) const {
  static_assert(std::tuple_size_v<IpText> == INET6_ADDRSTRLEN);
  if (!is_ip()) return {};
  return inet_ntop(x_kind == Kind::kIpv4 ? AF_INET : AF_INET6, x_ip.data(), to.data(),
                   socklen_t{INET6_ADDRSTRLEN});
}

std::string Address::ip_string() const {
  IpText text;
  return std::string(ip_text(text));
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
