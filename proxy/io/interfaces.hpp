// The addresses of this host's network interfaces, for what listens on all of them and for what
// others are told of us. Any thread; control path.
#pragma once

#include <optional>
#include <vector>

#include "proxy/base/address.hpp"

namespace outrigger::io {

// Port 0; empty when they cannot be read.
std::vector<Address> interface_addresses();

// The one from which packets to `there` would leave, port 0; nothing: no route leads there. Nothing
// is sent.
std::optional<Address> address_towards(const Address& there);

}  // namespace outrigger::io
