#pragma once
// The small closed vocabularies that policies speak: which failures, which methods, which header
// values. Plain values with no owner, safe on every thread once the configuration is built. Knows
// nothing of files or YAML.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/error.hpp"

namespace outrigger::config {

// gRPC status codes 0..16, as written after `grpc-`.
inline constexpr std::array<std::string_view, 17> kGrpcCodeNames = {
    "ok",
    "cancelled",
    "unknown",
    "invalid-argument",
    "deadline-exceeded",
    "not-found",
    "already-exists",
    "permission-denied",
    "resource-exhausted",
    "failed-precondition",
    "aborted",
    "out-of-range",
    "unimplemented",
    "internal",
    "unavailable",
    "data-loss",
    "unauthenticated",
};

// The codes by which a server says that it failed; the others speak of the call. One bit each.
inline constexpr uint32_t kGrpcServerFailed =
    1U << 2 | 1U << 4 | 1U << 12 | 1U << 13 | 1U << 14 | 1U << 15;

struct HeaderMatch {
  std::string name;  // lower case
  std::string value;

  bool operator==(const HeaderMatch&) const = default;
};

// Which outcomes of a call a policy speaks of: our failure tokens, the upstream's own statuses,
// its gRPC codes, and response headers.
struct Matcher {
  bool any = false;            // every token but `rate`, and 5xx; never 429 or another 4xx
  bool server_errors = false;  // `5xx`: 500..599 without 501 and 505
  uint16_t tokens = 0;         // their bits
  uint32_t grpc_codes = 0;     // one bit for each code 0..16
  std::vector<uint16_t> statuses;
  std::vector<HeaderMatch> headers;

  constexpr bool has(Token token) const {
    if (any) return token != Token::kRate;
    return (tokens & static_cast<unsigned>(token)) != 0;
  }
  // `status` is the upstream's own answer, 100..599.
  bool has_status(int status) const {
    const bool server_error = status >= 500 && status <= 599;
    if (any && server_error) return true;
    if (server_errors && server_error && status != 501 && status != 505) return true;
    return std::any_of(statuses.begin(), statuses.end(), [&](uint16_t s) { return s == status; });
  }
  // `code` is the upstream's grpc-status. `any` means every code that says the server failed.
  constexpr bool has_grpc(int code) const {
    if (code < 0 || code > 16) return false;
    return (((any ? grpc_codes | kGrpcServerFailed : grpc_codes) >> code) & 1U) != 0;
  }
  constexpr Matcher& add(Token token) {
    tokens = static_cast<uint16_t>(tokens | static_cast<unsigned>(token));
    return *this;
  }
  constexpr Matcher& add_grpc(int code) {
    grpc_codes |= 1U << code;
    return *this;
  }

  bool operator==(const Matcher&) const = default;
};

// A set of request methods (RFC 9110 section 9.2): `safe`, `idempotent`, `any`, or a list.
struct Methods {
  enum class Kind : uint8_t { kSafe, kIdempotent, kAny, kList };

  Kind kind = Kind::kSafe;
  std::vector<std::string> list;  // only for kList; methods are case-sensitive

  bool has(std::string_view method) const {
    const bool safe =
        method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE";
    switch (kind) {
      case Kind::kSafe:
        return safe;
      case Kind::kIdempotent:
        return safe || method == "PUT" || method == "DELETE";
      case Kind::kAny:
        return true;
      case Kind::kList:
        break;
    }
    return std::find(list.begin(), list.end(), method) != list.end();
  }

  bool operator==(const Methods&) const = default;
};

// Whether `patterns` name the gRPC method of that path: "/shop.Stock/Get", or a beginning and `*`.
inline bool has_grpc_method(const std::vector<std::string>& patterns, std::string_view path) {
  return std::any_of(patterns.begin(), patterns.end(), [&](std::string_view pattern) {
    if (!pattern.ends_with('*')) return path == pattern;
    return path.starts_with(pattern.substr(0, pattern.size() - 1));
  });
}

}  // namespace outrigger::config
