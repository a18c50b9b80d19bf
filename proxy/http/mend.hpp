// Puts right what is wrong but plain in the fields of an answer (RFC 9112 sections 2.2, 5.1, 5.2,
// RFC 9110 section 5.5): its work is done, and to refuse it helps nobody. A request gets none of
// this. What could be two answers is refused; the table stands in mend.cpp. Pure functions; any
// thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/http/h1_fields.hpp"

namespace outrigger::http {

// `section` begins after the start line's end; every line of it ends in CRLF, or every one in LF
// alone. kMalformedResponse, or kResponseHeadTooLarge for more than `max_fields`.
Cause mend_fields(std::string_view section, Arena& arena, uint32_t max_fields, FieldSection& to);

// `value`, or a trimmed copy with blanks for all that may not stand in a field's value.
std::string_view without_controls(std::string_view value, Arena& arena);

}  // namespace outrigger::http
