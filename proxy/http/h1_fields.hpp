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

// The fields of one head. Host (of a request), framing and hop fields are apart.
struct FieldSection {
  Fields fields;
  FramingFields framing;
  HopFields hop;
  std::string_view host;
  int hosts = 0;
  uint64_t seen = 0;  // bit n: a field with Name n is in `fields`
  // Only in answers: a line was left out because it has no certain meaning.
  bool has_gap = false;

  bool saw(Name name) const { return (seen & bit_of(name)) != 0; }
  // Sorts one field of a message of that side in.
  void add(Side side, const Field& field, Arena& arena) {
    constexpr uint64_t kFraming = bit_of(Name::kContentLength) | bit_of(Name::kTransferEncoding);
    constexpr uint64_t kApart = kHopNames | kFraming | bit_of(Name::kHost);
    const uint64_t bit = bit_of(field.id);
    if ((bit & kApart) != 0) return add_apart(field, arena);
    const bool imitates = field.id == Name::kOther && side == Side::kRequest &&
                          has_underscore(field.name) && imitates_protected_name(field.name);
    if (imitates) return;
    seen |= bit;
    fields.append(arena) = field;
  }

 private:
  void add_apart(const Field& field, Arena& arena);
};

// `section` begins after the start line's CRLF and includes the empty line at its end. Of a
// request, refuses what llhttp refuses, and obs-fold, an empty name, a line that does not end in
// CRLF, control characters everywhere; leaves out names that imitate protected ones with '_'. An
// answer that is refused so is read again by mend_fields() of mend.hpp. More than `max_fields` is
// kRequestHeadTooLarge or kResponseHeadTooLarge, the rest kMalformedRequest or kMalformedResponse.
// kNone: `to` is filled.
Cause parse_fields(Side side, std::string_view section, Arena& arena, uint32_t max_fields,
                   FieldSection& to);

}  // namespace outrigger::http
