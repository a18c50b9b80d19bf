#pragma once
// What a service does with its calls: every policy, with its built-in value. Plain structs, filled
// by the reader, shared between threads as part of an immutable Config. `off` is std::nullopt.
// Durations are milliseconds, sizes bytes, shares 0..1.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/matcher.hpp"

namespace outrigger::config {

enum class Mode : uint8_t { kEnforce, kShadow };  // shadow decides and counts, refuses nothing
// tcp: bytes of an unknown protocol; tls: the same, told apart by their SNI and not decrypted.
enum class Protocol : uint8_t { kAuto, kHttp1, kHttp2, kTcp, kTls };

inline constexpr std::array<std::string_view, 5> kProtocolWords = {"auto", "http1", "http2", "tcp",
                                                                   "tls"};

constexpr std::string_view to_string(Protocol protocol) {
  return kProtocolWords[static_cast<size_t>(protocol)];
}

constexpr bool is_opaque(Protocol protocol) {
  return protocol == Protocol::kTcp || protocol == Protocol::kTls;
}

enum class BalanceRule : uint8_t { kLeastLoaded, kRoundRobin, kRandom, kPeakEwma, kHash };

// What calls that go to the same endpoint have in common.
struct HashKey {
  enum class Kind : uint8_t { kSource, kHeader, kCookie };

  Kind kind = Kind::kSource;  // the caller's IP address
  std::string name;           // of the field, in lower case, or of the cookie

  bool operator==(const HashKey&) const = default;
};

// How an endpoint is picked.
struct Balance {
  BalanceRule rule = BalanceRule::kLeastLoaded;
  HashKey key{};  // only for kHash

  bool operator==(const Balance&) const = default;
};

inline constexpr int64_t kAutoMs = -1;  // `request`, `attempt` and `stream_idle` may be `auto`

struct Timeout {
  int64_t connect_ms = 1'000;                       // always bounded
  std::optional<int64_t> request_ms = kAutoMs;      // see request_timeout_ms()
  std::optional<int64_t> attempt_ms = kAutoMs;      // of one try; see attempt_timeout_ms()
  std::optional<int64_t> idle_ms = 300'000;         // between bytes of a plain response
  std::optional<int64_t> stream_idle_ms = kAutoMs;  // see stream_idle_ms()
  std::optional<int64_t> total_ms;                  // bounds everything

  bool operator==(const Timeout&) const = default;
};

struct Backoff {
  int64_t base_ms = 25;
  int64_t max_ms = 250;

  bool operator==(const Backoff&) const = default;
};

Matcher any_failure();
Matcher default_retry_on();
Matcher default_circuit_failures();

struct Retry {
  int attempts = 1;  // counts the first try
  int unsent = 2;    // further places for what provably never left
  Matcher on = default_retry_on();
  Methods methods{Methods::Kind::kIdempotent, {}};
  std::vector<std::string> grpc;  // gRPC methods that may be repeated; see has_grpc_method()
  Backoff backoff;
  double budget_share = 0.2;  // of the real traffic of the last 10 s
  int64_t body_max_bytes = 64 * 1024;
  int64_t hold_head_ms = 100;  // of a gRPC answer, for its first message or trailers; 0: never

  bool operator==(const Retry&) const = default;
};

struct Limits {
  std::optional<int64_t> outstanding = 1024;
  std::optional<int64_t> streams;  // open at one time, after their response head
  int64_t queue = 0;
  int64_t queue_wait_ms = 250;
  int64_t header_bytes = 64 * 1024;   // of a response head
  std::optional<int64_t> body_bytes;  // of a request
  Mode mode = Mode::kEnforce;

  bool operator==(const Limits&) const = default;
};

struct ConsecutiveFailures {
  int count = 5;
  int64_t over_ms = 1'000;  // the run has lasted at least so long

  bool operator==(const ConsecutiveFailures&) const = default;
};

struct Ramp {
  std::vector<double> steps{0.25, 0.5};  // share of the calls let through, step by step
  int64_t each_ms = 1'000;

  bool operator==(const Ramp&) const = default;
};

struct Circuit {
  Mode mode = Mode::kEnforce;
  std::optional<ConsecutiveFailures> consecutive_failures = ConsecutiveFailures{};
  std::optional<double> failure_rate_share = 0.5;
  std::optional<double> slow_rate_share;
  std::optional<int64_t> slow_call_ms;
  int64_t window_ms = 10'000;
  int min_requests = 20;
  int64_t open_for_ms = 5'000;
  int64_t open_max_ms = 60'000;
  int probes = 1;
  std::optional<Ramp> ramp = Ramp{};
  Matcher failures = default_circuit_failures();

  bool operator==(const Circuit&) const = default;
};

struct EndpointCircuit {
  int consecutive_failures = 7;
  int64_t open_for_ms = 5'000;
  int64_t open_max_ms = 60'000;
  Mode mode = Mode::kEnforce;

  bool operator==(const EndpointCircuit&) const = default;
};

// Asks each endpoint, whether or not calls go there. One of the three is written.
struct HealthCheck {
  std::optional<std::string> http;  // the path of a GET that a healthy one answers with 2xx
  std::optional<std::string> grpc;  // a service of grpc.health.v1; empty is the whole server
  bool tcp = false;                 // that it accepts a connection
  int64_t interval_ms = 5'000;
  int64_t timeout_ms = 1'000;
  int healthy = 2;    // so many good answers make a failed one healthy again
  int unhealthy = 3;  // so many failures make it unhealthy

  bool operator==(const HealthCheck&) const = default;
};

// The bytes of a file that a policy names, filled in when the policy is put in force
// (fill_contents); null until then. Another object is another content.
using FileBytes = std::shared_ptr<const std::string>;

// A field to write. The value stands here, or is `prefix` and the content of `file` (a secret).
struct HeaderValue {
  std::string name;  // lower case
  std::string value;
  std::string file;  // empty: `value` counts
  std::string prefix;
  FileBytes content{};  // of `file`

  bool operator==(const HeaderValue&) const = default;
};

struct HeaderEdits {
  std::vector<HeaderValue> set;
  std::vector<HeaderValue> add;
  std::vector<std::string> remove;  // lower case

  bool empty() const { return set.empty() && add.empty() && remove.empty(); }
  bool operator==(const HeaderEdits&) const = default;
};

struct Headers {
  HeaderEdits request;
  HeaderEdits response;

  bool operator==(const Headers&) const = default;
};

// Fallbacks: what stands in for a call that cannot be made. Tried in order.
struct FallbackStale {
  int64_t max_age_ms = 600'000;
  bool operator==(const FallbackStale&) const = default;
};
struct FallbackService {
  std::string service;
  std::optional<int64_t> within_ms;  // kept back from the deadline; off: 25 % of `request` where
                                     // `on` has timeout, else nothing
  bool operator==(const FallbackService&) const = default;
};
struct FallbackRespond {
  int status = 200;
  std::vector<HeaderValue> headers;
  std::string body;
  std::string body_file;             // empty: `body` counts
  std::optional<int> grpc_status{};  // set: an answer to gRPC calls, and to those only
  std::string message_file{};        // of grpc_status 0: the one message; empty: none
  FileBytes content{};               // of body_file or message_file
  bool operator==(const FallbackRespond&) const = default;
};
enum class FallbackOmit : uint8_t { kNoContent, kEmptyList, kEmptyMessage };

struct Fallback {
  Matcher on = any_failure();
  Methods methods{Methods::Kind::kSafe, {}};
  std::vector<std::string> grpc;  // gRPC methods besides; see has_grpc_method()
  std::variant<FallbackStale, FallbackService, FallbackRespond, FallbackOmit> action;

  bool operator==(const Fallback&) const = default;
};

enum class CacheStore : uint8_t { kUnlessForbidden, kRfc9111 };

struct Cache {
  int64_t entry_bytes = 256 * 1024;
  std::optional<std::vector<std::string>> key_fields;  // off is `all_but_noise`
  CacheStore store = CacheStore::kUnlessForbidden;

  bool operator==(const Cache&) const = default;
};

struct Pool {
  std::optional<int64_t> connections;       // of one endpoint and worker
  std::optional<int64_t> idle_ms = 50'000;  // off: no connection is kept
  int64_t idle_unsafe_ms = 1'000;  // a request that may not be repeated wants one this fresh
  std::optional<int64_t> lifetime_ms = 600'000;
  int64_t streams = 100;  // at once on one HTTP/2 connection

  bool operator==(const Pool&) const = default;
};

// Who the upstream must be, where not by its names.
struct TlsVerify {
  std::optional<std::string> spiffe;  // the one URI in its certificate

  bool operator==(const TlsVerify&) const = default;
};

// TLS towards an upstream, which is always verified.
struct ClientTls {
  std::optional<std::string> ca_file;  // off: the system's roots
  std::optional<std::string> cert_file;
  std::optional<std::string> key_file;
  std::optional<std::string> server_name;        // off is `auto`: the host of the authority sent
  std::optional<std::vector<std::string>> alpn;  // off is `auto`: what `protocol` says
  TlsVerify verify;

  bool operator==(const ClientTls&) const = default;
};

struct Authority {
  enum class Kind : uint8_t { kAuto, kCaller, kUpstream, kName };

  Kind kind = Kind::kAuto;
  std::string name;  // only for kName

  bool operator==(const Authority&) const = default;
};

// Everything a route, service, profile or `defaults` may say, resolved down to the built-in values.
struct Policy {
  std::optional<int64_t> keep_last_ms = 600'000;  // when_empty; off is `refuse`
  Protocol protocol = Protocol::kAuto;
  Pool pool;
  Authority authority;
  bool proxy = false;  // the endpoints are forward proxies: absolute-form requests pass as written
  std::optional<ClientTls> tls;
  Balance balance;
  std::optional<int64_t> slow_start_ms;
  std::optional<HealthCheck> health_check;
  double panic_below_share = 0.2;  // 0 is off
  Timeout timeout;
  std::optional<std::string> deadline_header;  // lower case
  std::optional<Retry> retry = Retry{};
  Limits limits;
  std::optional<Circuit> circuit = Circuit{};
  std::optional<EndpointCircuit> endpoint_circuit = EndpointCircuit{};
  std::vector<Fallback> fallback;
  std::optional<Cache> cache = Cache{};
  Headers headers;

  bool operator==(const Policy&) const = default;
};

// What `request: auto` is where the caller did not say how long it waits.
inline constexpr int64_t kRequestAutoMs = 15'000;

// What `request` comes to, from the last request byte to the response head. `auto` is 15 s, and
// nothing for a call that is gRPC or has a deadline of its caller's own, which bounds it instead.
inline std::optional<int64_t> request_timeout_ms(const Timeout& timeout, bool caller_decides) {
  if (timeout.request_ms != kAutoMs) return timeout.request_ms;
  if (caller_decides) return std::nullopt;
  return kRequestAutoMs;
}

// What `attempt` comes to where all `attempts` together have `total_ms`: `auto` is an equal share
// of that, and nothing with one attempt or no bound.
inline std::optional<int64_t> attempt_timeout_ms(const Timeout& timeout, int attempts,
                                                 std::optional<int64_t> total_ms) {
  if (timeout.attempt_ms != kAutoMs) return timeout.attempt_ms;
  if (attempts <= 1 || !total_ms) return std::nullopt;
  return std::max<int64_t>(1, *total_ms / attempts);
}

// What `stream_idle` comes to: `auto` is an hour, and nothing for an opaque connection, which may
// rest for longer than anybody here could know.
inline std::optional<int64_t> stream_idle_ms(const Timeout& timeout, bool opaque) {
  if (timeout.stream_idle_ms != kAutoMs) return timeout.stream_idle_ms;
  if (opaque) return std::nullopt;
  return 3'600'000;
}

inline Matcher any_failure() {
  Matcher on;
  on.any = true;
  return on;
}

inline Matcher default_retry_on() {
  Matcher on;
  on.add(Token::kConnect)
      .add(Token::kReset)
      .add(Token::kRefusedStream)
      .add(Token::kTimeout)
      .add_grpc(14);
  on.statuses = {502, 503, 504};
  return on;
}

inline Matcher default_circuit_failures() {
  Matcher failures;
  failures.add(Token::kConnect)
      .add(Token::kTimeout)
      .add(Token::kReset)
      .add_grpc(14)
      .add_grpc(13)
      .add_grpc(2)
      .add_grpc(4);
  failures.server_errors = true;
  return failures;
}

}  // namespace outrigger::config
