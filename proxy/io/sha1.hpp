// SHA-1, which protects nothing any more but is part of protocols. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace outrigger::io {

std::array<uint8_t, 20> sha1(std::string_view text);

}  // namespace outrigger::io
