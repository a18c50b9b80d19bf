// The one table of everything the proxy answers by itself: what the caller gets (HTTP status, gRPC
// code, RFC 9209 error type) and the token under which retry, circuit, fallback, metrics and logs
// know it. An Error is a value; its text must live as long as the exchange (arena or static).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace outrigger {

enum class Cause : uint8_t {
  kNone,
  // The request itself. Never retried, replaced or counted.
  kMalformedRequest,
  kMethodRefused,
  kRequestTooSlow,
  kTargetTooLong,
  kUnknownExpectation,
  kRequestHeadTooLarge,
  kRequestBodyTooLarge,
  kUnknownTransferCoding,
  kUnsupportedVersion,
  kMisdirected,
  kUnknownHost,
  kLoop,
  // The proxy's own refusals.
  kNoEndpoint,
  kCircuitOpen,
  kLimit,
  kDraining,
  kOverload,
  // What happened on the way to the upstream, or what it did.
  kDnsError,
  kDnsTimeout,
  kConnectRefused,
  kConnectUnreachable,
  kConnectTimeout,
  kTlsError,
  kCertificateRefused,
  kRefusedStream,
  kReset,
  kResponseIncomplete,
  kMalformedResponse,
  kResponseHeadTooLarge,
  kTimeout,
};

// The only names of failures: in retry.on, circuit.failures, fallback.on, metric labels and logs. A
// bit each, so that a policy's list of tokens is one word.
enum class Token : uint8_t {
  kNone = 0,
  kNoEndpoint = 1 << 0,
  kCircuitOpen = 1 << 1,
  kLimit = 1 << 2,
  kRate = 1 << 3,
  kConnect = 1 << 4,
  kRefusedStream = 1 << 5,
  kReset = 1 << 6,
  kTimeout = 1 << 7,
};

struct CauseRow {
  Cause cause;
  Token token;
  int status;                 // HTTP
  int grpc_status;            // 13 INTERNAL, 14 UNAVAILABLE, ...
  std::string_view type;      // registered in RFC 9209 section 2.3
  std::string_view name;      // metric label and details: "circuit_open", "malformed_request"
  std::string_view sentence;  // the plain-text answer
};

// The row of `cause`. Requires: cause is not kNone.
const CauseRow& row_of(Cause cause);
std::span<const CauseRow> cause_rows();

struct TokenRow {
  Token token;
  std::string_view name;  // "no_endpoint"
  bool refusal;           // we refused; the others say what the upstream did
};

std::span<const TokenRow> token_rows();
std::string_view to_string(Token token);

// Whether a request may already have had an effect upstream.
enum class Sent : uint8_t {
  kMaybe,       // bytes may have arrived
  kNever,       // failed connect, refused stream: may go elsewhere, most within the retry budget
  kNeverFree,   // provably unseen (known dead, clean end with nothing acknowledged): free of it
  kReusedDied,  // a reused connection died before a response byte: one free replay if repeatable
};

struct Error {
  Cause cause = Cause::kNone;
  Sent sent = Sent::kMaybe;
  bool ours = false;              // our own refusal, not what the upstream did
  bool callers_deadline = false;  // kTimeout because of a deadline that the caller set
  int64_t retry_after_s = 0;      // > 0: a Retry-After field goes with it
  int received_status = 0;        // > 0: the upstream status that this answer stands in for
  int received_grpc_status = -1;  // >= 0: and what it said to a gRPC call
  uint32_t h2_code = 0;           // > 0: of the RST_STREAM with which it ended the stream
  std::string_view detail{};      // for Proxy-Status details and the log; may be empty
};

}  // namespace outrigger
