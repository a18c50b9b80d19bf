#pragma once
// The whole configuration as plain structs: every key of this version with its default as the
// initialiser. Built by the reader, then immutable and shared by all threads. Addresses are text
// (`10.0.0.1:80`, `[::1]:80`, `unix:PATH`), checked by the reader. Knows nothing of YAML.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/model_endpoints.hpp"
#include "config/policy.hpp"

namespace outrigger::config {

enum class FilterKind : uint8_t {
  kAccessLog,
  kTrace,
  kHeaders,
  kFallback,
  kDeadline,
  kOutstanding,
  kRetry,
  kCircuit,
  kAttemptTimeout,
};

inline constexpr std::array<std::string_view, 9> kFilterNames = {
    "access_log",  "trace", "headers", "fallback",        "deadline",
    "outstanding", "retry", "circuit", "attempt_timeout",
};

constexpr std::string_view to_string(FilterKind filter) {
  return kFilterNames[static_cast<size_t>(filter)];
}

// Outermost first; forwarding always follows the last one.
inline std::vector<FilterKind> default_filters() {
  return {FilterKind::kAccessLog, FilterKind::kTrace,    FilterKind::kHeaders,
          FilterKind::kFallback,  FilterKind::kDeadline, FilterKind::kOutstanding,
          FilterKind::kRetry,     FilterKind::kCircuit,  FilterKind::kAttemptTimeout};
}

enum class Role : uint8_t { kViewer, kOperator };

// TLS towards callers.
struct ServerTls {
  std::string cert_file;
  std::string key_file;
  std::optional<std::string> client_ca_file;  // a certificate of it is required

  bool operator==(const ServerTls&) const = default;
};

struct AdminToken {
  std::string name;  // who, in events
  Role role = Role::kViewer;
  std::string file;

  bool operator==(const AdminToken&) const = default;
};

struct AdminConfig {
  std::string address = "127.0.0.1:9901";
  std::vector<AdminToken> tokens;
  std::optional<ServerTls> tls;
  bool insecure = false;  // faces a network without TLS, by intent

  bool operator==(const AdminConfig&) const = default;
};

struct MetricsConfig {
  std::string address = "127.0.0.1:9902";
  bool endpoint_label = false;
  std::vector<double> histogram_buckets_ms{0.5, 1,   2.5,   5,     10,    25,     50,     100,
                                           250, 500, 1'000, 2'500, 5'000, 10'000, 30'000, 60'000};

  bool operator==(const MetricsConfig&) const = default;
};

struct MemoryConfig {
  std::optional<int64_t> limit_bytes;  // off is `auto`
  int64_t cache_bytes = 32LL << 20;
  int64_t retry_bodies_bytes = 16LL << 20;

  bool operator==(const MemoryConfig&) const = default;
};

enum class LogFormat : uint8_t { kJson };
enum class LogWhen : uint8_t { kAll, kErrors };

struct AccessLogConfig {
  std::optional<std::string> path;
  LogFormat format = LogFormat::kJson;
  LogWhen when = LogWhen::kAll;
  double sample_share = 1.0;
  std::optional<int64_t> slow_ms;  // a slower call is always logged

  bool operator==(const AccessLogConfig&) const = default;
};

struct RequestIdConfig {
  std::string header = "x-request-id";
  bool generate = false;

  bool operator==(const RequestIdConfig&) const = default;
};

struct TracingConfig {
  bool propagate = true;

  bool operator==(const TracingConfig&) const = default;
};

struct StartupConfig {
  int64_t wait_ms = 10'000;

  bool operator==(const StartupConfig&) const = default;
};

struct DrainConfig {
  int64_t grace_ms = 25'000;
  int64_t quiet_ms = 2'000;

  bool operator==(const DrainConfig&) const = default;
};

enum class Unmatched : uint8_t { kPassthrough, kRefuse };
enum class Intercept : uint8_t { kAny, kTransparent, kProxy, kAuthority };

struct ListenerTimeout {
  int64_t head_ms = 10'000;
  int64_t body_idle_ms = 60'000;
  int64_t keepalive_ms = 3'600'000;
  int64_t write_stall_ms = 30'000;
  int64_t handshake_ms = 5'000;

  bool operator==(const ListenerTimeout&) const = default;
};

struct ListenerLimits {
  int connections = 16'384;
  int streams = 1'024;
  int pipelined = 16;
  int64_t header_bytes = 64 * 1024;
  int fields = 100;
  int64_t target_bytes = 8 * 1024;
  int requests_per_turn = 32;

  bool operator==(const ListenerLimits&) const = default;
};

// What an HTTP/2 peer may do in excess of what work needs, before its connection is ended.
struct ListenerFlood {
  std::optional<int> resets = 200;  // streams that end before their time, at once
  int per_second = 33;              // and so many more
  std::optional<int64_t> control_frames_per_h = 360'000;
  int continuations = 8;  // frames of one head

  bool operator==(const ListenerFlood&) const = default;
};

struct ListenerConfig {
  std::string name = "outbound";
  std::vector<std::string> addresses{"127.0.0.1:15001", "[::1]:15001"};
  Intercept intercept = Intercept::kAny;
  std::optional<std::string> service;  // this port is that one service
  int64_t detect_timeout_ms = 100;     // a caller that is silent so long may want to hear first
  // Original destinations whose callers are not listened to before connecting.
  std::vector<int> opaque_ports{25,   465,  587,  1433, 1521, 3306,  4444,
                                5432, 6379, 9042, 9092, 9300, 11211, 27017};
  std::optional<std::string> via;  // pseudonym (RFC 9110 section 7.6.3)
  // Tokens of Upgrade that become tunnels, in lower case; any other ends at this hop.
  std::vector<std::string> upgrades{"websocket"};
  std::optional<ServerTls> tls;
  ListenerTimeout timeout;
  ListenerLimits limits;
  ListenerFlood flood;
  std::vector<FilterKind> filters = default_filters();

  // Whether it asks where a connection was going. One that ends TLS does not: those bytes were
  // meant for it, and must not go on to anybody in the clear.
  bool takes_redirected() const {
    return (intercept == Intercept::kAny || intercept == Intercept::kTransparent) && !tls;
  }
  bool operator==(const ListenerConfig&) const = default;
};

// What `outrigger intercept` sends to the sidecar.
struct InterceptConfig {
  int64_t user = 15'001;                          // the sidecar's own id; never caught
  std::optional<std::vector<int>> include_ports;  // off is `all`
  std::vector<int> exclude_ports;
  std::vector<std::string> exclude_cidrs{"169.254.169.254/32"};  // of either family, or addresses
  std::optional<bool> ipv6;  // off is `auto`: where a listener and the system have it

  bool operator==(const InterceptConfig&) const = default;
};

// What Accept must ask for; see http::AcceptMatch.
struct AcceptedType {
  std::string type;                    // lower case: `application/vnd.shop+json`
  std::optional<std::string> version;  // off: whichever

  bool operator==(const AcceptedType&) const = default;
};

struct RouteMatch {
  std::string path;                  // exact, or a prefix when it ends in `*`; empty matches all
  std::vector<std::string> methods;  // empty matches all
  std::vector<HeaderMatch> headers;  // all of them
  std::optional<AcceptedType> accept;

  bool operator==(const RouteMatch&) const = default;
};

// A service that calls of a route go to.
struct RouteTarget {
  std::string name;     // as it is written: `self`, or that of a service
  std::string service;  // the service that it means
  int weight = 100;     // its part of the sum of all; 0: nothing goes there
  Policy policy;        // complete: the target's, with the route's own over it

  bool operator==(const RouteTarget&) const = default;
};

// What a call of a split is known by, so that it goes where the one before it went. One of them.
struct Sticky {
  std::optional<std::string> header;  // lower case
  std::optional<std::string> cookie;

  bool operator==(const Sticky&) const = default;
};

// Whether a target whose circuit is open loses its calls to the others.
enum class WhenOpen : uint8_t { kOthers, kRefuse };

// Beginnings of paths that end where a segment does; see http::PathRewrite.
struct PathPrefix {
  std::string from;
  std::string to;

  bool operator==(const PathPrefix&) const = default;
};

// How a request differs where it goes from what the caller wrote.
struct Rewrite {
  std::optional<PathPrefix> path_prefix;
  std::optional<Authority> host;  // kUpstream or kName; off: as `authority` says

  bool operator==(const Rewrite&) const = default;
};

struct RouteConfig {
  std::string name;  // may be empty when neither circuit nor limits are overridden
  RouteMatch match;
  std::vector<RouteTarget> to;  // empty: the service itself
  std::optional<Sticky> sticky;
  WhenOpen when_open = WhenOpen::kOthers;
  std::optional<Rewrite> rewrite;
  Policy policy;                       // complete: the service's, with the route's own over it
  std::vector<std::string> overrides;  // the policy sections that the route writes, in file order

  bool owns(std::string_view section) const {
    return std::find(overrides.begin(), overrides.end(), section) != overrides.end();
  }
  // Whether there is a circuit and a limit for its calls alone: one of each for each target.
  bool owns_state() const { return owns("circuit") || owns("limits"); }
  bool is_split() const { return to.size() > 1; }
  bool operator==(const RouteConfig&) const = default;
};

// visit(service, policy) for each service that calls of the route go to. What is counted and known
// of them is of `service` and the route's name.
template <class Visit>
void for_each_target(const std::string& own_service, const RouteConfig& route, Visit visit) {
  if (route.to.empty()) visit(own_service, route.policy);
  for (const RouteTarget& target : route.to) visit(target.service, target.policy);
}

struct ServiceConfig {
  std::string name;
  bool hosts_auto = true;          // `hosts` is what the name and the source imply
  std::vector<std::string> hosts;  // lower case: `name`, `name:port`, `*.suffix`, `*.suffix:port`
  std::vector<std::string> addresses;  // CIDR:PORT of original destinations; see AddressRange
  EndpointSource endpoints;
  Policy policy;
  std::vector<RouteConfig> routes;  // first match wins

  bool operator==(const ServiceConfig&) const = default;
};

// What outlives the process, on disk.
struct SnapshotConfig {
  std::optional<std::string> dir;

  bool operator==(const SnapshotConfig&) const = default;
};

struct OverridesConfig {
  std::optional<std::string> file;  // watched

  bool operator==(const OverridesConfig&) const = default;
};

struct Config {
  std::optional<std::string> required;  // `>=1.4`: by files that older binaries cannot read
  std::optional<AdminConfig> admin = AdminConfig{};
  std::optional<MetricsConfig> metrics = MetricsConfig{};
  std::optional<std::string> zone;  // ours
  int workers = 1;                  // 0 is `auto`: one a core
  MemoryConfig memory;
  AccessLogConfig access_log;
  RequestIdConfig request_id;
  TracingConfig tracing;
  StartupConfig startup;
  DrainConfig drain;
  Unmatched unmatched = Unmatched::kPassthrough;
  std::vector<ListenerConfig> listeners{ListenerConfig{}};
  InterceptConfig intercept;
  RegistriesConfig registries;
  SnapshotConfig snapshot;
  OverridesConfig overrides;
  std::vector<Registration> registrations;    // `register`
  Policy passthrough = passthrough_policy();  // of calls that no service claims
  std::vector<ServiceConfig> services;        // in file order

  const ServiceConfig* find_service(std::string_view name) const {
    for (const auto& service : services) {
      if (service.name == name) return &service;
    }
    return nullptr;
  }

  // What worked before the sidecar came must go on: no request timeout, no limit on outstanding
  // calls, no circuit, no fallback, no retry but of what never left.
  static Policy passthrough_policy() {
    Policy policy;
    policy.timeout.request_ms.reset();
    policy.limits.outstanding.reset();
    policy.circuit.reset();
    policy.endpoint_circuit.reset();
    policy.cache.reset();
    policy.retry->on = Matcher{};
    return policy;
  }

  bool operator==(const Config&) const = default;
};

}  // namespace outrigger::config
