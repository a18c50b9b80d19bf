// What `balance: {hash: ...}` hashes of a call: a request field, a cookie, or where its caller is
// connected from. Asked by the Forwarder at each attempt, only where the service balances so. Pure;
// any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "config/policy.hpp"
#include "proxy/chain/call_leg.hpp"

namespace outrigger::upstream {

// Nothing: the call does not have it, or it is empty.
std::optional<uint64_t> hash_of(chain::CallLeg leg, const config::HashKey& key);

// The value of the first cookie of that name (RFC 6265 section 4.2), without the quotes around it;
// empty where there is none.
std::string_view cookie_value(const http::Fields& fields, std::string_view name);

}  // namespace outrigger::upstream
