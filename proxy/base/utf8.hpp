// UTF-8 as RFC 3629 section 4 writes it, for what goes into logs and comes from files. Pure; any
// thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace outrigger {

// The bytes of the well-formed character at the start of `text`; 0 when there is none: not for
// overlong forms, surrogates and what lies beyond U+10FFFF. Requires: text is not empty.
size_t utf8_length(std::string_view text);

}  // namespace outrigger
