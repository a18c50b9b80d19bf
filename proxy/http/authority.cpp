#include "proxy/http/authority.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <arpa/inet.h>

#include "proxy/http/fields.hpp"
#include "proxy/http/text.hpp"

namespace outrigger::http {
namespace {

constexpr size_t kMaxHost = 255;

bool is_ipv6(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> copy{};
  if (text.empty() || text.size() >= copy.size() || text.find('\0') != std::string_view::npos) {
    return false;
  }
  std::memcpy(copy.data(), text.data(), text.size());
  in6_addr address;
  return inet_pton(AF_INET6, copy.data(), &address) == 1;
}

bool read_port(std::string_view text, uint16_t& port) {
  if (text.empty() || text.size() > 5) return false;
  const int64_t number = parse_decimal(text);
  if (number < 0 || number > UINT16_MAX) return false;
  port = static_cast<uint16_t>(number);
  return true;
}

}  // namespace

std::optional<Authority> split_authority(std::string_view text) {
  Authority found;
  std::string_view rest;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    found.host = text.substr(1, close - 1);
    found.ipv6 = true;
    rest = text.substr(close + 1);
    if (!is_ipv6(found.host)) return std::nullopt;
    if (!rest.empty() && rest.front() != ':') return std::nullopt;
  } else {
    const size_t size = std::min(text.find(':'), text.size());
    if (size == 0 || size > kMaxHost) return std::nullopt;
    if (!all_of_class(text.substr(0, size), kHostChar)) return std::nullopt;
    found.host = text.substr(0, size);
    rest = text.substr(size);
  }
  if (rest.size() > 1) {
    if (!read_port(rest.substr(1), found.port)) return std::nullopt;
    found.has_port = true;
  }
  return found;
}

bool same_host(std::string_view a, std::string_view b) { return same_name(a, b); }

}  // namespace outrigger::http
