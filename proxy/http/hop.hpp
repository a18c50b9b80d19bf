// What ends at this hop (RFC 9110 section 7.6.1): Connection and the fields it nominates,
// Keep-Alive, Proxy-Connection, TE, Trailer, Upgrade, HTTP2-Settings and proxy credentials. The one
// place that takes them out of a head, for both directions, and says what they said. Pure
// functions; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/http/message.hpp"

namespace outrigger::http {

struct HopFields {
  bool well_formed = true;   // false: the head must be refused
  bool close = false;        // Connection: close
  bool keep_alive = false;   // Connection: keep-alive
  bool te_trailers = false;  // TE: trailers
  int64_t keep_alive_s = 0;  // Keep-Alive: timeout=N
  std::string_view upgrade;  // Upgrade, where Connection nominates it and it is not only h2c
};

enum class Side : uint8_t { kRequest, kResponse };

// In a request, Connection may nominate neither framing nor routing nor trusted fields: that is how
// a caller would make us drop what the upstream relies on. A server that names Transfer-Encoding
// there is merely clumsy; its nomination of such a field is ignored.
HopFields take_hop_fields(Fields& fields, Side side);

// Fields that a peer may neither nominate away, nor imitate with '_' for '-', nor send in a
// trailer.
bool is_protected_name(std::string_view name);

// A name with '_' that some server behind us would read as a protected one (Content_Length).
bool imitates_protected_name(std::string_view name);

// What may stand in a trailer section (RFC 9110 section 6.5.1).
bool is_trailer_name(std::string_view name, Name id);

}  // namespace outrigger::http
