// Where a TCP connection was going that netfilter's REDIRECT brought to us (SO_ORIGINAL_DST and
// IP6T_SO_ORIGINAL_DST of the kernel's netfilter headers). Any thread.
#pragma once

#include <optional>

#include "proxy/base/address.hpp"

namespace outrigger::io {

// Nothing: it was not redirected, or the kernel tracks no connections.
std::optional<Address> original_destination(int fd);

}  // namespace outrigger::io
