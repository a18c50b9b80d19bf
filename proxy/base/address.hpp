// Where a connection goes to or comes from: an IPv4 or IPv6 address with a port, or the path of a
// unix socket. However it was spelled, an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is
// the IPv4 address that it stands for, so that two addresses are equal where they lead to one
// place. A value type; never a name that has to be looked up. Any thread.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "proxy/base/result.hpp"

namespace outrigger {

class Address {
 public:
  enum class Kind : uint8_t { kNone, kIpv4, kIpv6, kUnix };

  Address() = default;

  // "10.0.0.1:8080", "[::1]:8080", "unix:/run/app.sock". The failure is a sentence for people.
  static Result<Address> parse(std::string_view text);
  // An IP literal without brackets and a port. The failure is a sentence for people.
  static Result<Address> from_ip(std::string_view ip, uint16_t port);
  static Address from_bytes(std::span<const uint8_t> ip, uint16_t port);  // 4 or 16 bytes
  static Address from_sockaddr(const sockaddr* from);

  Kind kind() const { return x_kind; }
  bool is_ip() const { return x_kind == Kind::kIpv4 || x_kind == Kind::kIpv6; }
  uint16_t port() const { return x_port; }
  const std::string& path() const { return x_path; }
  std::span<const uint8_t> ip() const {
    return {x_ip.data(), x_kind == Kind::kIpv4   ? size_t{4}
                         : x_kind == Kind::kIpv6 ? size_t{16}
                                                 : 0};
  }
  bool is_loopback() const;
  bool is_link_local() const;
  bool is_any() const;  // 0.0.0.0, ::
  // What a translator on the way makes of an IPv6 address that carries an IPv4 one: NAT64 (RFC
  // 6052, with the prefixes 64:ff9b::/96 and 64:ff9b:1::/48), 6to4 (RFC 3056), SIIT (RFC 2765) and
  // the IPv4-compatible ones.
  std::optional<Address> translated() const;

  // Fills `to`; returns its length. Requires: kind is not kNone.
  socklen_t to_sockaddr(sockaddr_storage& to) const;

  std::string to_string() const;  // as parse() reads it
  std::string ip_string() const;  // without port and brackets
  // The same, written into `to` without an allocation.
  using IpText = std::array<char, 46>;
  std::string_view ip_text(IpText& to) const;

  bool operator==(const Address&) const = default;
  std::strong_ordering operator<=>(const Address&) const = default;

 private:
  void set_ip(std::span<const uint8_t> ip);  // 4 or 16 bytes

  Kind x_kind = Kind::kNone;
  uint16_t x_port = 0;
  std::array<uint8_t, 16> x_ip{};
  std::string x_path;
};

}  // namespace outrigger

template <>
struct std::hash<outrigger::Address> {
  size_t operator()(const outrigger::Address& address) const noexcept;
};
