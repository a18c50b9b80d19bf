// Which protocols of an Upgrade field go on (RFC 9110 section 7.8). An Upgrade is of one hop, so
// each recipient decides what it switches to; what it leaves out was never asked for. A protocol is
// `name` or `name/version`; names are compared without regard to case. Pure functions; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "proxy/base/arena.hpp"

namespace outrigger::http {

// Protocols that nobody may ask for through us: h2c, which RFC 9113 took back, since it would carry
// requests past every check here; and TLS (RFC 2817), which is between a caller and its next hop.
bool is_of_one_hop(std::string_view protocol);

// What is left of the list `upgrade`: what is no protocol, or of one hop, is not. Empty: nothing.
std::string_view carried_protocols(std::string_view upgrade, Arena& arena);

// What is left when only `names`, in lower case, are carried.
std::string_view carried_protocols(std::string_view upgrade, std::span<const std::string> names,
                                   Arena& arena);

}  // namespace outrigger::http
