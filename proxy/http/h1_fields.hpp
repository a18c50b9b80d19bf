// The field section of an HTTP/1 head (RFC 9112 section 5), read by llhttp and checked again: see
// h1_head.hpp, which is the only user besides tests. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/arena.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/result.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/http/hop.hpp"
#include "proxy/http/side.hpp"

namespace outrigger::http {

// The fields of one head. Host, framing and hop fields are apart.
struct FieldSection {
  Fields fields;
  FramingFields framing;
  HopFields hop;
  std::string_view host;
  int hosts = 0;
  uint64_t seen = 0;  // bit n: a field with Name n is in `fields`

  bool saw(Name name) const { return (seen & bit_of(name)) != 0; }
};

// `section` begins after the start line's CRLF and includes the empty line at its end. Refuses what
// llhttp refuses, and obs-fold, an empty name, a line that does not end in CRLF, control characters
// everywhere; leaves out names that imitate protected ones with '_'. More than `max_fields` is
// kRequestHeadTooLarge or kResponseHeadTooLarge, the rest kMalformedRequest or kMalformedResponse.
// kNone: `to` is filled.
Cause parse_fields(Side side, std::string_view section, Arena& arena, uint32_t max_fields,
                   FieldSection& to);

}  // namespace outrigger::http
