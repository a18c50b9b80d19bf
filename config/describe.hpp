#pragma once
// Every key outside the policies, described once; see visitors.hpp. Included by the sources of this
// folder only. The order is the order of the effective output.

#include "config/describe_policy.hpp"
#include "config/describe_registration.hpp"
#include "config/describe_registries.hpp"
#include "config/kinds_of_route.hpp"
#include "config/kinds_of_service.hpp"
#include "config/model.hpp"
#include "config/text.hpp"
#include "proxy/base/cidr.hpp"

namespace outrigger::config {

inline constexpr std::array<std::string_view, 2> kRoleWords = {"viewer", "operator"};
inline constexpr std::array<std::string_view, 1> kLogFormatWords = {"json"};
inline constexpr std::array<std::string_view, 2> kLogWhenWords = {"all", "errors"};
inline constexpr std::array<std::string_view, 2> kUnmatchedWords = {"passthrough", "refuse"};
inline constexpr std::array<std::string_view, 4> kInterceptWords = {"any", "transparent", "proxy",
                                                                    "authority"};

template <>
inline constexpr std::string_view kSection<ServerTls> = "tls";
template <>
inline constexpr std::string_view kSection<AdminToken> = "token";
template <>
inline constexpr std::string_view kSection<AdminConfig> = "admin";
template <>
inline constexpr std::string_view kSection<MetricsConfig> = "metrics";
template <>
inline constexpr std::string_view kSection<MemoryConfig> = "memory";
template <>
inline constexpr std::string_view kSection<AccessLogConfig> = "access_log";
template <>
inline constexpr std::string_view kSection<RequestIdConfig> = "request_id";
template <>
inline constexpr std::string_view kSection<TracingConfig> = "tracing";
template <>
inline constexpr std::string_view kSection<StartupConfig> = "startup";
template <>
inline constexpr std::string_view kSection<DrainConfig> = "drain";
template <>
inline constexpr std::string_view kSection<SnapshotConfig> = "snapshot";
template <>
inline constexpr std::string_view kSection<OverridesConfig> = "overrides";
template <>
inline constexpr std::string_view kSection<ListenerTimeout> = "listener timeout";
template <>
inline constexpr std::string_view kSection<ListenerLimits> = "listener limits";
template <>
inline constexpr std::string_view kSection<ListenerFlood> = "flood";
template <>
inline constexpr std::string_view kSection<ListenerConfig> = "listener";
template <>
inline constexpr std::string_view kSection<InterceptConfig> = "interception";
template <>
inline constexpr std::string_view kSection<RouteMatch> = "match";
template <>
inline constexpr std::string_view kSection<AcceptedType> = "accept";
template <>
inline constexpr std::string_view kSection<Sticky> = "sticky";
template <>
inline constexpr std::string_view kSection<Rewrite> = "rewrite";
template <>
inline constexpr std::string_view kSection<RouteConfig> = "route";
template <>
inline constexpr std::string_view kSection<ServiceConfig> = "service";

void check(Reader& reader, const Node& node, const ServerTls& tls);
void check(Reader& reader, const Node& node, const AdminToken& token);
void check(Reader& reader, const Node& node, const AdminConfig& admin);
void check(Reader& reader, const Node& node, const DrainConfig& drain);
void check(Reader& reader, const Node& node, const ListenerConfig& listener);
void check(Reader& reader, const Node& node, const AcceptedType& accept);
void check(Reader& reader, const Node& node, const Sticky& sticky);
void check(Reader& reader, const Node& node, const Rewrite& rewrite);

inline Text path_kind() {
  return {"a path", "write /var/lib/outrigger",
          [](std::string_view text) { return !text.empty(); }};
}
inline Text zone_kind() {
  return {"a zone", "write a name of up to 128 characters, without blanks", &is_zone};
}
inline Text listen_kind() {
  return ip_address_kind("write IP:PORT, [IPv6]:PORT or unix:PATH; is localhost 127.0.0.1?");
}
inline Text network_kind() {
  return {"a network", "write 10.0.0.0/8, 2001:db8::/32 or an address; no bits behind the prefix",
          [](std::string_view text) { return Cidr::parse(text).has_value(); }};
}
inline List<Count> ports_kind(size_t min_items) { return {Count{1, 65'535}, true, min_items}; }
inline Text upgrade_kind() {
  return {"a protocol", "write a token in lower case, like websocket; never h2c or tls",
          [](std::string_view text) {
            return is_token(text) && text == to_lower(text) && text != "h2c" && text != "tls";
          }};
}
inline Text token_kind() { return {"a pseudonym", "use letters, digits and -", &is_token}; }

template <class V>
void describe(V& v, ServerTls& tls) {
  v.key("cert_file", tls.cert_file, FilePath{FileUse::kPem}, "The certificate, with intermediates");
  v.key("key_file", tls.key_file, FilePath{FileUse::kPem}, "Its key");
  v.key("client_ca_file", tls.client_ca_file, off_or(FilePath{FileUse::kPem}),
        "A certificate of one of these authorities is required of callers");
}

template <class V>
void describe(V& v, AdminToken& token) {
  v.key("name", token.name, name_kind(), "Who it is, in events");
  v.key("role", token.role, Choice<Role>{kRoleWords}, "viewer reads, operator changes");
  v.key("file", token.file, FilePath{FileUse::kToken}, "Holds the token");
}

template <class V>
void describe(V& v, AdminConfig& admin) {
  v.key("address", admin.address, listen_kind(),
        "Anything but loopback and unix needs tokens and TLS, or `insecure`");
  v.key("tokens", admin.tokens, List<Map<AdminToken>>{{}, false, 0, 100},
        "Bearer tokens; none: no token is asked for");
  v.key("tls", admin.tls, off_or(Map<ServerTls>{}), "Towards who asks");
  v.key("insecure", admin.insecure, Flag{}, "Faces a network without TLS, by intent");
}

template <class V>
void describe(V& v, MetricsConfig& metrics) {
  v.key("address", metrics.address, listen_kind(), "/metrics /healthz /startupz /readyz");
  v.key("endpoint_label", metrics.endpoint_label, Flag{},
        "Attempts are also counted by endpoint: outrigger_endpoint_attempts_total");
  v.key("histogram_buckets", metrics.histogram_buckets_ms, Buckets{},
        "Upper bounds of the duration histograms");
}

template <class V>
void describe(V& v, MemoryConfig& memory) {
  v.key("limit", memory.limit_bytes, Or<Size>{"auto", Size{16 << 20}},
        "Of the process; auto is half of the machine, or 85 % of the cgroup if that is less");
  v.key("cache", memory.cache_bytes, Size{}, "All stale stores together");
  v.key("retry_bodies", memory.retry_bodies_bytes, Size{},
        "All request bodies retained for a repetition");
}

template <class V>
void describe(V& v, AccessLogConfig& log) {
  v.key("path", log.path, off_or(Text{}), "File to append to");
  v.key("format", log.format, Choice<LogFormat>{kLogFormatWords}, "Of a line");
  v.key("when", log.when, Choice<LogWhen>{kLogWhenWords}, "Which calls");
  v.key("sample", log.sample_share, Share{}, "Which share of them");
  v.key("slow", log.slow_ms, off_or(Duration{}), "A slower call is always logged");
}

template <class V>
void describe(V& v, RequestIdConfig& id) {
  v.key("header", id.header, HeaderName{true}, "The field that carries it");
  v.key("generate", id.generate, Flag{}, "Where the caller sent none");
}

template <class V>
void describe(V& v, TracingConfig& tracing) {
  v.key("propagate", tracing.propagate, Flag{}, "W3C traceparent");
}

template <class V>
void describe(V& v, StartupConfig& startup) {
  v.key("wait", startup.wait_ms, Duration{0},
        "/startupz waits for the first discovery answers at most so long");
}

template <class V>
void describe(V& v, DrainConfig& drain) {
  v.key("grace", drain.grace_ms, Duration{0}, "From SIGTERM to the end at the latest");
  v.key("quiet", drain.quiet_ms, Duration{0},
        "Ends earlier when no connection is open and none came for so long");
}

template <class V>
void describe(V& v, SnapshotConfig& snapshot) {
  v.key("dir", snapshot.dir, off_or(path_kind()),
        "A folder of ours alone; what is kept there outlives the process");
}

template <class V>
void describe(V& v, OverridesConfig& overrides) {
  v.key("file", overrides.file, off_or(path_kind()), "Watched; holds overrides of services");
}

template <class V>
void describe(V& v, ListenerTimeout& timeout) {
  v.key("head", timeout.head_ms, Duration{}, "A request head is complete by then");
  v.key("body_idle", timeout.body_idle_ms, Duration{}, "Between two bytes of a request body");
  v.key("keepalive", timeout.keepalive_ms, Duration{}, "Between two requests");
  v.key("write_stall", timeout.write_stall_ms, Duration{},
        "The caller takes no byte of a response");
  v.key("handshake", timeout.handshake_ms, Duration{}, "A TLS handshake is complete by then");
}

template <class V>
void describe(V& v, ListenerLimits& limits) {
  v.key("connections", limits.connections, Count{1, 10'000'000}, "Open at once");
  v.key("streams", limits.streams, Count{1, 10'000},
        "Requests at once on one HTTP/2 connection; more are refused");
  v.key("pipelined", limits.pipelined, Count{1, 1'000},
        "HTTP/1 requests sent ahead on one connection");
  v.key("header_bytes", limits.header_bytes, Size{1024}, "A request head");
  v.key("fields", limits.fields, Count{1, 10'000}, "Fields of a request head");
  v.key("target_bytes", limits.target_bytes, Size{64}, "The request target");
  v.key("requests_per_turn", limits.requests_per_turn, Count{1, 10'000},
        "Of one connection in one turn of the loop");
}

template <class V>
void describe(V& v, ListenerFlood& flood) {
  v.key("resets", flood.resets, off_or(Count{1, 1'000'000}),
        "Streams reset before their time and malformed requests, at once");
  v.key("per_second", flood.per_second, Count{1, 1'000'000}, "So many more each second");
  v.key("control_frames", flood.control_frames_per_h, off_or(Rate{}),
        "PING, SETTINGS and the like; ten seconds' worth at once");
  v.key("continuations", flood.continuations, Count{1, 1'000}, "CONTINUATION frames of one head");
}

template <class V>
void describe(V& v, ListenerConfig& listener) {
  v.key("name", listener.name, name_kind(), "In logs and metrics");
  v.key("address", listener.addresses, List<Text>{listen_kind(), true, 1, 64}, "One or a list");
  v.key("intercept", listener.intercept, Choice<Intercept>{kInterceptWords},
        "any | transparent (original destination) | proxy (absolute-form, CONNECT) | authority "
        "(Host only)");
  v.key("service", listener.service, off_or(Text{}),
        "This port is that one service, whatever the Host says");
  v.key("detect_timeout", listener.detect_timeout_ms, Duration{},
        "A caller that is silent so long: the original destination may speak first");
  v.key("opaque_ports", listener.opaque_ports, OpaquePorts{},
        "Original destinations on these ports are connected at once, whatever the caller speaks");
  v.key("via", listener.via, off_or(token_kind()), "A pseudonym adds Via");
  v.key("upgrades", listener.upgrades, List<Text>{upgrade_kind(), true, 0, 16},
        "Tokens of Upgrade that are carried as tunnels; any other ends at this hop");
  v.key("tls", listener.tls, off_or(Map<ServerTls>{}), "Towards the caller");
  v.key("timeout", listener.timeout, Map<ListenerTimeout>{}, "Towards the caller");
  v.key("limits", listener.limits, Map<ListenerLimits>{}, "Towards the caller");
  v.key("flood", listener.flood, Map<ListenerFlood>{},
        "What an HTTP/2 peer may do needlessly; towards upstreams too");
  v.key("filters", listener.filters, Filters{}, "Outermost first; forwarding is always last");
}

template <class V>
void describe(V& v, InterceptConfig& intercept) {
  v.key("user", intercept.user, Count{0, 4'294'967'294},
        "The user id that the sidecar runs as; its traffic is never caught");
  v.key("include_ports", intercept.include_ports, Or<List<Count>>{"all", ports_kind(1)},
        "Only connections to these ports are caught");
  v.key("exclude_ports", intercept.exclude_ports, ports_kind(0),
        "Connections to these ports go straight");
  v.key("exclude_cidrs", intercept.exclude_cidrs, List<Text>{network_kind(), true, 0, 1'000},
        "Connections to these networks go straight");
  v.key("ipv6", intercept.ipv6, Or<Flag>{"auto", Flag{}},
        "auto: where the listener has an IPv6 address and the system IPv6");
}

template <class V>
void describe(V& v, AcceptedType& accept) {
  v.key("type", accept.type, media_type_kind(), "A media type, without parameters");
  v.key("version", accept.version, off_or(version_kind()),
        "Asked for as `; version=2`, or as `.v2` in the type's name; off: whichever");
}

template <class V>
void describe(V& v, RouteMatch& match) {
  v.key("path", match.path, RoutePath{}, "Exact, or a prefix that ends in *");
  v.key("method", match.methods, List<Text>{method_kind(), true, 0, 64},
        "One of these; empty: every one");
  v.key("headers", match.headers, HeaderMatches{}, "All of these");
  v.key("accept", match.accept, off_or(Map<AcceptedType>{}),
        "Accept asks for this type; a wildcard asks for none");
}

template <class V>
void describe(V& v, Sticky& sticky) {
  v.key("header", sticky.header, Maybe<HeaderName>{}, "By the value of this field");
  v.key("cookie", sticky.cookie, Maybe<Text>{cookie_kind()}, "By the value of this cookie");
}

template <class V>
void describe(V& v, Rewrite& rewrite) {
  v.key("path_prefix", rewrite.path_prefix, off_or(PathPrefixKind{}),
        "[FROM, TO]: another beginning of the path, up to the end of a segment");
  v.key("host", rewrite.host, off_or(RewrittenHost{}), "The Host sent: upstream, or a name");
}

template <class V>
void describe(V& v, RouteConfig& route) {
  v.key("name", route.name, name_kind(), "Needed where circuit or limits are overridden",
        Live::kNo);
  v.key("match", route.match, Map<RouteMatch>{},
        "Which calls; the first route that matches is taken", Live::kNo);
  v.key("to", route.to, Targets{},
        "The service whose they are, or a share for each of several: {self: 90, orders-v2: 10}");
  v.key("sticky", route.sticky, off_or(Map<Sticky>{}),
        "Calls with the same value go to the same one of several", Live::kNo);
  v.key("when_open", route.when_open, Choice<WhenOpen>{kWhenOpenWords},
        "Where the circuit of one of several is open: others get its calls, or they are refused",
        Live::kNo);
  v.key("rewrite", route.rewrite, off_or(Map<Rewrite>{}),
        "What differs where the request goes from what the caller wrote", Live::kNo);
  describe_overridable(v, route.policy);
  describe_fallback(v, route.policy);
  describe_headers(v, route.policy);
}

template <class V>
void describe(V& v, ServiceConfig& service) {
  v.key("profile", service.name, ProfileName{}, "Stands between `defaults` and what is said here",
        Live::kNo);
  v.key("hosts", service, Hosts{},
        "Authorities it answers to: exact or *.suffix, with or without a port", Live::kNo);
  v.key("addresses", service.addresses, List<Text>{address_range_kind(), false, 0, 1'000},
        "CIDR:PORT of original destinations that are this service", Live::kNo);
  v.key("endpoints", service.endpoints, Source{}, "Where its instances are", Live::kNo);
  describe(v, service.policy);
  v.key("routes", service.routes, Routes{},
        "Calls with policies of their own; the first match wins", Live::kNo);
}

template <class V>
void describe(V& v, Config& config) {
  v.key("requires", config.required,
        off_or(Text{"a version", "write \">=1.4\"", &is_version_bound}),
        "An older outrigger refuses the file");
  v.key("admin", config.admin, off_or(Map<AdminConfig>{}), "The admin API and console");
  v.key("metrics", config.metrics, off_or(Map<MetricsConfig>{}), "Metrics and health, read-only");
  v.key("zone", config.zone, off_or(zone_kind()),
        "Ours: endpoints of it are preferred, wherever endpoints say their zones");
  v.key("workers", config.workers, Workers{}, "Event loops; auto is one a core");
  v.key("memory", config.memory, Map<MemoryConfig>{}, "Bounds of the process");
  v.key("access_log", config.access_log,
        Map<AccessLogConfig>{[](AccessLogConfig& log) { log = {}; }}, "One line for each call");
  v.key("request_id", config.request_id, Map<RequestIdConfig>{}, "Tells calls apart in logs");
  v.key("tracing", config.tracing,
        Map<TracingConfig>{[](TracingConfig& tracing) { tracing.propagate = false; }},
        "Distributed traces");
  v.key("startup", config.startup, Map<StartupConfig>{}, "When the sidecar counts as started");
  v.key("drain", config.drain, Map<DrainConfig>{}, "The orderly end after SIGTERM");
  v.key("unmatched", config.unmatched, Choice<Unmatched>{kUnmatchedWords},
        "What a call to an unknown host gets");
  v.key("listeners", config.listeners, List<Map<ListenerConfig>>{{}, false, 1, 1'000},
        "Where callers connect");
  v.key("intercept", config.intercept, Map<InterceptConfig>{},
        "Which connections `outrigger intercept` sends here");
  v.key("registries", config.registries, Registries{}, "Where services are looked up, by name");
  v.key("snapshot", config.snapshot, Map<SnapshotConfig>{},
        "Overrides and lists of endpoints on disk, so that a restart keeps them");
  v.key("overrides", config.overrides, Map<OverridesConfig>{},
        "Overrides from a file, such as one ConfigMap for a whole fleet");
  v.key("register", config.registrations, List<Map<Registration>>{{}, false, 0, 100},
        "The neighbour, as registries show it to others");
  v.key("defaults", config.passthrough, Defaults{}, "Any key of a service, applied to all of them");
  v.key("profiles", config.passthrough, Profiles{},
        "By name: keys of a service, for those that say `profile: NAME`");
  v.key("services", config.services, Services{}, "By name");
}

}  // namespace outrigger::config
