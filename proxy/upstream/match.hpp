// Whether what happened is one of the failures that a policy lists (retry.on, circuit.failures,
// fallback.on): an error by its token, an answer of the upstream by its status, grpc-status or a
// field. And whether the request is one that it speaks of. Pure functions; any thread.
#pragma once

#include <string>
#include <vector>

#include "config/matcher.hpp"
#include "proxy/base/error.hpp"
#include "proxy/chain/leg.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::upstream {

// By its token, or by the upstream's status that it stands in for. False for causes without a
// token: those are never retried, replaced or counted.
bool matches(const config::Matcher& matcher, const Error& error);
// Requires: the answer is the upstream's own. `grpc_status`: of an answer to a gRPC call, as far as
// it is known (Leg::grpc_status). What an HTTP 4xx, 501 or 505 comes to in gRPC is no failure of
// the server either.
bool matches(const config::Matcher& matcher, const http::ResponseHead& head,
             int grpc_status = http::kGrpcPending);
// What came up in a leg. Our own replies match nothing.
bool matches(const config::Matcher& matcher, const chain::Leg& answered);

// Whether a policy for these methods, and for these methods of gRPC (has_grpc_method), speaks of
// the request.
bool covers(const config::Methods& methods, const std::vector<std::string>& grpc,
            const http::RequestHead& request);

}  // namespace outrigger::upstream
