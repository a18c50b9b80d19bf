// host[:port] as Host and an absolute-form target carry it (RFC 3986 section 3.2, RFC 9110
// section 7.2). Stricter than the grammar where the grammar gives one host two spellings or looks
// like a list: userinfo, percent-encoding, commas, IPvFuture and zone ids are refused. An empty
// port is none. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace outrigger::http {

struct Authority {
  std::string_view host;  // as it came; an IPv6 literal without its brackets
  uint16_t port = 0;      // 0 when none was given
  bool has_port = false;
  bool ipv6 = false;
};

// Nothing for text that is not an authority with a host.
std::optional<Authority> split_authority(std::string_view text);
inline bool is_authority(std::string_view text) { return split_authority(text).has_value(); }

// A name with a dot at its end is that name (RFC 1034 section 3.1).
inline std::string_view without_final_dot(std::string_view host) {
  if (host.size() > 1 && host.ends_with('.')) host.remove_suffix(1);
  return host;
}

// ASCII, case-insensitive.
bool same_host(std::string_view a, std::string_view b);

}  // namespace outrigger::http
