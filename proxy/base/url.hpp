// The URL of a server of ours, as the configuration writes it: http or https, a host, maybe a port
// and a base path (RFC 3986 section 3); no user, query or fragment. Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/result.hpp"

namespace outrigger {

struct Url {
  bool tls = false;
  std::string authority;  // HOST:PORT, in lower case
  std::string base;       // without a slash at its end; may be empty

  // "https://consul.test:8501", for people.
  std::string origin() const { return (tls ? "https://" : "http://") + authority; }
  bool operator==(const Url&) const = default;
};

// The failure is a sentence.
Result<Url> parse_url(std::string_view text);

// As one segment of a path or one value of a query: all but the unreserved characters of RFC 3986
// section 2.3 percent-encoded.
std::string percent_encoded(std::string_view text);

}  // namespace outrigger
