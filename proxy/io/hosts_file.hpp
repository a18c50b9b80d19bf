// Addresses from a file as hosts(5). The file is read each time: it is small and may change. Any
// thread that may wait for a file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/address.hpp"

namespace outrigger::io {

// Port 0, in the order of the file; at most kMostOfHosts. Empty also when it cannot be read.
inline constexpr size_t kMostOfHosts = 256;
std::vector<Address> look_in_hosts(const std::string& path, std::string_view name);

}  // namespace outrigger::io
