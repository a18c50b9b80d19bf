#include "proxy/base/url.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "proxy/base/address.hpp"

namespace outrigger {
namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";

bool is_alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }
bool is_unreserved(char c) {
  return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
}
bool is_in_name(char c) { return is_alphanumeric(c) || c == '-' || c == '.' || c == '_'; }
bool is_in_path(char c) { return c > 0x20 && c < 0x7F && c != '?' && c != '#'; }

bool is_host(std::string_view host) {
  if (!host.starts_with('[')) return !host.empty() && std::ranges::all_of(host, is_in_name);
  return host.ends_with(']') && Address::from_ip(host.substr(1, host.size() - 2), 0);
}

bool is_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0;
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  Url url;
  url.tls = text.starts_with(kHttps);
  if (!url.tls && !text.starts_with(kHttp)) {
    return failure("a URL begins with http:// or https://");
  }
  text.remove_prefix(url.tls ? kHttps.size() : kHttp.size());
  const std::string_view authority = text.substr(0, text.find('/'));
  const size_t bracket = authority.find(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const bool has_port = colon != std::string_view::npos;
  if (!is_host(authority.substr(0, colon))) return failure("the URL has no host");
  if (has_port && !is_port(authority.substr(colon + 1)))
    return failure("the URL has no port there");
  url.authority = authority;
  std::ranges::transform(url.authority, url.authority.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (!has_port) url.authority += url.tls ? ":443" : ":80";
  url.base = text.substr(authority.size());
  if (!std::ranges::all_of(url.base, is_in_path)) return failure("the URL has more than a path");
  while (url.base.ends_with('/')) url.base.pop_back();
  return url;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return out;
}

}  // namespace outrigger
