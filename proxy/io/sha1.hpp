// SHA-1 (FIPS 180-4), which protects nothing any more but is part of protocols: RFC 6455. Any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace outrigger::io {

std::array<uint8_t, 20> sha1(std::string_view text);

}  // namespace outrigger::io
