// The value of one cookie of a request (RFC 6265 section 4.2.1), from one line or from several, as
// HTTP/2 sends them (RFC 9113 section 8.2.3). Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/http/fields.hpp"

namespace outrigger::http {

// The first of that name, which is compared as it is; quotes are part of the value. Nothing: it was
// not sent. Allocates nothing.
std::optional<std::string_view> cookie(const Fields& fields, std::string_view name);

}  // namespace outrigger::http
