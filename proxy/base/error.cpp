#include "proxy/base/error.hpp"

#include <array>

#include "proxy/base/assert.hpp"

namespace outrigger {
namespace {

constexpr int kResourceExhausted = 8;
constexpr int kFailedPrecondition = 9;
constexpr int kAborted = 10;
constexpr int kDeadlineExceeded = 4;
constexpr int kUnimplemented = 12;
constexpr int kInternal = 13;
constexpr int kUnavailable = 14;

constexpr std::array kRows = {
    CauseRow{Cause::kMalformedRequest, Token::kNone, 400, kInternal, "http_request_error",
             "malformed_request", "The request is malformed."},
    CauseRow{Cause::kMethodRefused, Token::kNone, 405, kInternal, "http_request_error",
             "method_refused", "This method is not served here."},
    CauseRow{Cause::kRequestTooSlow, Token::kNone, 408, kInternal, "http_request_error",
             "request_too_slow", "The request did not arrive in time."},
    CauseRow{Cause::kTargetTooLong, Token::kNone, 414, kInternal, "http_request_error",
             "target_too_long", "The request target is too long."},
    CauseRow{Cause::kUnknownExpectation, Token::kNone, 417, kInternal, "http_request_error",
             "unknown_expectation", "The expectation is not known."},
    CauseRow{Cause::kRequestHeadTooLarge, Token::kNone, 431, kResourceExhausted,
             "http_request_error", "request_head_too_large", "The request head is too large."},
    CauseRow{Cause::kRequestBodyTooLarge, Token::kNone, 413, kResourceExhausted,
             "http_request_error", "request_body_too_large", "The request body is too large."},
    CauseRow{Cause::kUnknownTransferCoding, Token::kNone, 501, kUnimplemented, "http_request_error",
             "unknown_transfer_coding", "The transfer coding is not known."},
    CauseRow{Cause::kUnsupportedVersion, Token::kNone, 505, kUnimplemented, "http_request_error",
             "unsupported_version", "The HTTP version is not supported."},
    CauseRow{Cause::kMisdirected, Token::kNone, 421, kFailedPrecondition, "http_request_denied",
             "misdirected", "The connection was opened for another host."},
    CauseRow{Cause::kUnknownHost, Token::kNone, 502, kUnavailable, "destination_not_found",
             "unknown_host", "No service answers to this host."},
    CauseRow{Cause::kLoop, Token::kNone, 508, kAborted, "proxy_loop_detected", "loop",
             "The call would reach this proxy again."},
    CauseRow{Cause::kNoEndpoint, Token::kNoEndpoint, 503, kUnavailable, "destination_unavailable",
             "no_endpoint", "The service has no endpoint."},
    CauseRow{Cause::kCircuitOpen, Token::kCircuitOpen, 503, kUnavailable, "destination_unavailable",
             "circuit_open", "The circuit of the service is open."},
    CauseRow{Cause::kLimit, Token::kLimit, 503, kResourceExhausted, "connection_limit_reached",
             "limit", "Too many calls to the service are outstanding."},
    CauseRow{Cause::kDraining, Token::kNone, 503, kUnavailable, "proxy_internal_error", "draining",
             "The proxy is draining."},
    CauseRow{Cause::kOverload, Token::kNone, 503, kUnavailable, "proxy_internal_error", "overload",
             "The proxy is out of memory or descriptors."},
    CauseRow{Cause::kDnsError, Token::kConnect, 502, kUnavailable, "dns_error", "dns_error",
             "The name could not be looked up."},
    CauseRow{Cause::kDnsTimeout, Token::kConnect, 504, kUnavailable, "dns_timeout", "dns_timeout",
             "The name lookup timed out."},
    CauseRow{Cause::kConnectRefused, Token::kConnect, 502, kUnavailable, "connection_refused",
             "connect_refused", "The upstream refused the connection."},
    CauseRow{Cause::kConnectUnreachable, Token::kConnect, 502, kUnavailable,
             "destination_ip_unroutable", "connect_unreachable", "The upstream is unreachable."},
    CauseRow{Cause::kConnectTimeout, Token::kConnect, 504, kUnavailable, "connection_timeout",
             "connect_timeout", "The connection to the upstream timed out."},
    CauseRow{Cause::kTlsError, Token::kConnect, 502, kUnavailable, "tls_protocol_error",
             "tls_error", "TLS with the upstream failed."},
    CauseRow{Cause::kCertificateRefused, Token::kConnect, 502, kUnavailable,
             "tls_certificate_error", "certificate_refused",
             "The upstream's certificate was refused."},
    CauseRow{Cause::kRefusedStream, Token::kRefusedStream, 502, kUnavailable,
             "connection_terminated", "refused_stream", "The upstream refused the stream."},
    CauseRow{Cause::kReset, Token::kReset, 502, kUnavailable, "connection_terminated", "reset",
             "The upstream closed the connection before it answered."},
    CauseRow{Cause::kResponseIncomplete, Token::kReset, 502, kUnavailable,
             "http_response_incomplete", "response_incomplete",
             "The upstream closed the connection within its answer."},
    CauseRow{Cause::kMalformedResponse, Token::kReset, 502, kUnavailable, "http_protocol_error",
             "malformed_response", "The upstream's answer is malformed."},
    CauseRow{Cause::kResponseHeadTooLarge, Token::kReset, 502, kUnavailable,
             "http_response_header_section_size", "response_head_too_large",
             "The head of the upstream's answer is too large."},
    CauseRow{Cause::kTimeout, Token::kTimeout, 504, kDeadlineExceeded, "http_response_timeout",
             "timeout", "The upstream did not answer in time."},
};

// row_of indexes by the enumerator, so the table must list every cause in its order.
constexpr bool in_order() {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<size_t>(kRows[i].cause) != i + 1) return false;
  }
  return kRows.size() == static_cast<size_t>(Cause::kTimeout);
}
static_assert(in_order());

constexpr std::array<TokenRow, 8> kTokens = {{
    {Token::kNoEndpoint, "no_endpoint", true},
    {Token::kCircuitOpen, "circuit_open", true},
    {Token::kLimit, "limit", true},
    {Token::kRate, "rate", true},
    {Token::kConnect, "connect", false},
    {Token::kRefusedStream, "refused_stream", false},
    {Token::kReset, "reset", false},
    {Token::kTimeout, "timeout", false},
}};

}  // namespace

const CauseRow& row_of(Cause cause) {
  OUTRIGGER_ASSERT(cause != Cause::kNone);
  return kRows[static_cast<size_t>(cause) - 1];
}

std::span<const CauseRow> cause_rows() { return kRows; }

std::span<const TokenRow> token_rows() { return kTokens; }

std::string_view to_string(Token token) {
  for (const TokenRow& row : kTokens) {
    if (row.token == token) return row.name;
  }
  return "none";
}

}  // namespace outrigger
