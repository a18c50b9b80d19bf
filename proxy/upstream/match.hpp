// Whether what happened is one of the failures that a policy lists (retry.on, circuit.failures,
// fallback.on): an error by its token, an answer of the upstream by its status, grpc-status or a
// field. Pure functions; any thread.
#pragma once

#include "config/matcher.hpp"
#include "proxy/base/error.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::upstream {

// By its token, or by the upstream's status that it stands in for. False for causes without a
// token: those are never retried, replaced or counted.
bool matches(const config::Matcher& matcher, const Error& error);
// Requires: the answer is the upstream's own.
bool matches(const config::Matcher& matcher, const http::ResponseHead& head);

}  // namespace outrigger::upstream
