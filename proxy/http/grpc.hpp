// What gRPC adds to HTTP, whatever version carries it: which calls are gRPC, what their answers say
// (grpc-status, in the trailers or in a head without a body), deadlines, messages. Pure functions
// over heads and fields. (gRPC: "gRPC over HTTP2", "HTTP to gRPC Status Code Mapping".) Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/message.hpp"

namespace outrigger::http {

inline constexpr std::string_view kGrpcContentType = "application/grpc";
inline constexpr std::string_view kGrpcMessage = "grpc-message";

inline constexpr int kGrpcPending = -1;  // not said yet, or by nobody: no gRPC call
inline constexpr int kGrpcOk = 0;
inline constexpr int kGrpcUnknown = 2;
inline constexpr int kGrpcDeadlineExceeded = 4;

// application/grpc, application/grpc+proto, ... by POST; grpc-web is something else.
bool is_grpc(const RequestHead& head);

// What the head by itself says, 0..16: its grpc-status (trailers-only), or, where it is no head of
// gRPC or nothing follows it, what its HTTP status comes to. kGrpcPending: the trailers will tell,
// also those behind a body of no bytes. Requires: it answers a gRPC call.
int grpc_status(const ResponseHead& head);
// The status in trailers; UNKNOWN when they do not say.
int grpc_status(const Fields* trailers);
// What an HTTP status comes to where no grpc-status was sent.
int grpc_status_of(int http_status);
// What the code of an RST_STREAM comes to (gRPC: "Errors").
int grpc_status_of_reset(uint32_t h2_code);

// Makes head and trailers of an answer without a message one: a head without a body.
void make_trailers_only(ResponseHead& head, const Fields* trailers, Arena& arena);

// The value of grpc-timeout in milliseconds, rounded up: we are never early. More than fits is as
// much as fits. Nothing when it is not 1 to 8 digits and a unit (H M S m u n).
std::optional<int64_t> parse_grpc_timeout_ms(std::string_view text);
// The longest value of at most 8 digits that is no longer than `ms`. Requires: ms >= 0.
std::string_view format_grpc_timeout(int64_t ms, Arena& arena);

// A grpc-message: what is not printable ASCII, and '%', is percent-encoded.
std::string_view encode_grpc_message(std::string_view text, Arena& arena);

// One message, not compressed, with its prefix of five bytes. Requires: below 4 GiB.
std::string grpc_frame(std::string_view message);

}  // namespace outrigger::http
