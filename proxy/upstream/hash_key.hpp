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

}  // namespace outrigger::upstream
