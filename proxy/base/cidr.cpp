#include "proxy/base/cidr.hpp"

#include <algorithm>
#include <charconv>

namespace outrigger {
namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_spelled_as_ipv6(std::string_view text) { return text.find(':') != std::string_view::npos; }

// The bits of byte `index` that belong to the prefix.
uint8_t mask_of(size_t index, int prefix) {
  const int bits = std::clamp(prefix - static_cast<int>(index) * 8, 0, 8);
  return static_cast<uint8_t>(0xff00 >> bits);
}

}  // namespace

std::optional<Cidr> Cidr::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto network = Address::from_ip(text.substr(0, slash), 0);
  if (!network) return std::nullopt;
  Cidr cidr{*network, static_cast<int>(network->ip().size()) * 8};
  if (slash == std::string_view::npos) return cidr;
  constexpr int kMappedBits = 96;
  const bool mapped =
      network->kind() == Address::Kind::kIpv4 && is_spelled_as_ipv6(text.substr(0, slash));
  const auto prefix = parse_number<uint8_t>(text.substr(slash + 1));
  if (!prefix) return std::nullopt;
  const int bits = mapped ? *prefix - kMappedBits : *prefix;
  if (bits < 0 || bits > cidr.prefix) return std::nullopt;
  cidr.prefix = bits;
  const auto bytes = network->ip();
  for (size_t i = 0; i < bytes.size(); ++i) {
    if ((bytes[i] & ~mask_of(i, cidr.prefix)) != 0) return std::nullopt;
  }
  return cidr;
}

bool Cidr::contains(const Address& address) const {
  if (!address.is_ip() || address.kind() != network.kind()) return false;
  const auto ours = network.ip();
  const auto theirs = address.ip();
  const auto whole = static_cast<size_t>(prefix / 8);
  if (!std::equal(ours.begin(), ours.begin() + static_cast<ptrdiff_t>(whole), theirs.begin())) {
    return false;
  }
  return whole == ours.size() || (theirs[whole] & mask_of(whole, prefix)) == ours[whole];
}

std::string Cidr::to_string() const { return network.ip_string() + '/' + std::to_string(prefix); }

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  AddressRange range;
  const std::string_view port = text.substr(colon + 1);
  if (port != "*") {
    const auto number = parse_number<uint16_t>(port);
    if (!number || *number == 0) return std::nullopt;
    range.port = *number;
  }
  std::string_view network = text.substr(0, colon);
  const bool bracketed = network.starts_with('[') && network.ends_with(']');
  if (bracketed) network = network.substr(1, network.size() - 2);
  const auto cidr = Cidr::parse(network);
  if (!cidr || bracketed != is_spelled_as_ipv6(network)) return std::nullopt;
  range.cidr = *cidr;
  return range;
}

bool AddressRange::contains(const Address& address) const {
  return (port == 0 || port == address.port()) && cidr.contains(address);
}

std::string AddressRange::to_string() const {
  const std::string network = cidr.to_string();
  return (cidr.network.kind() == Address::Kind::kIpv6 ? '[' + network + ']' : network) + ':' +
         (port == 0 ? "*" : std::to_string(port));
}

}  // namespace outrigger
