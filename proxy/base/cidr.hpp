// Ranges of IP addresses: a Cidr is a network and its prefix (RFC 4632, RFC 4291 section 2.3), an
// AddressRange a Cidr with one port or all of them. Value types; any thread. A range of IPv4-mapped
// IPv6 addresses is the range of those IPv4 addresses, as an Address is.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/address.hpp"

namespace outrigger {

struct Cidr {
  Address network;  // no bit beyond the prefix; its port is 0
  int prefix = 0;   // 0 to 32 or 128

  // "10.1.0.0/16", "fd00::/8"; a plain address is a range of one. Nothing where a bit beyond the
  // prefix is set: the network or the prefix is a slip.
  static std::optional<Cidr> parse(std::string_view text);

  bool contains(const Address& address) const;  // whatever its port
  std::string to_string() const;                // always with the prefix

  bool operator==(const Cidr&) const = default;
  std::strong_ordering operator<=>(const Cidr&) const = default;
};

struct AddressRange {
  Cidr cidr;
  uint16_t port = 0;  // 0: any

  // CIDR:PORT: "10.1.0.0/16:5432", "10.0.0.7:5432", "[fd00::/8]:5432"; a port of `*` is any.
  static std::optional<AddressRange> parse(std::string_view text);

  bool contains(const Address& address) const;
  std::string to_string() const;

  bool operator==(const AddressRange&) const = default;
  std::strong_ordering operator<=>(const AddressRange&) const = default;
};

}  // namespace outrigger
