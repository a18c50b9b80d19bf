// Renders an Error into the answer that the caller gets: plain text, or for gRPC a head with
// grpc-status alone (trailers-only), with `Proxy-Status` (RFC 9209) and, where the cause says when
// to come back, `Retry-After`. From the one table in base/error.hpp.
#pragma once

#include "proxy/base/arena.hpp"
#include "proxy/base/error.hpp"
#include "proxy/chain/leg.hpp"

namespace outrigger::chain {

// `service` may be empty. The reply lives as long as the arena.
LocalReply render(const Error& error, std::string_view service, bool grpc, Arena& arena);

// With which a gRPC answer ends that had begun before the error.
http::Fields* grpc_trailers(const Error& error, std::string_view service, Arena& arena);
// The status in there.
int grpc_status_of(const Error& error);

// The value of the Proxy-Status field. Of service and detail at most 256 bytes each, without what a
// String of RFC 8941 cannot hold.
std::string_view proxy_status(const Error& error, std::string_view service, Arena& arena);

// A local reply as a response head with its length; its fields can be edited by themselves.
http::ResponseHead* to_head(const LocalReply& reply, http::Method method, Arena& arena);

}  // namespace outrigger::chain
