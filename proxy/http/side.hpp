// Which way a message goes, and what a fault in it is called then: the checks are the same for
// both, a caller's fault is a malformed request, a server's a malformed response. Pure functions;
// any thread.
#pragma once

#include <cstdint>

#include "proxy/base/error.hpp"

namespace outrigger::http {

enum class Side : uint8_t { kRequest, kResponse };

// `as_request` is the cause if it were a request.
constexpr Cause cause_of(Side side, Cause as_request) {
  if (side == Side::kRequest) return as_request;
  return as_request == Cause::kRequestHeadTooLarge ? Cause::kResponseHeadTooLarge
                                                   : Cause::kMalformedResponse;
}

}  // namespace outrigger::http
