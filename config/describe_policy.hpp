#pragma once
// Every key of a policy, described once; see visitors.hpp. Included by the sources of this folder
// only. The order is the order of the effective output.

#include "config/kinds_of_policy.hpp"

namespace outrigger::config {

inline constexpr std::array<std::string_view, 2> kModeWords = {"enforce", "shadow"};
inline constexpr std::array<std::string_view, 2> kStoreWords = {"unless_forbidden", "rfc9111"};
inline constexpr std::array<std::string_view, 3> kOmitWords = {"no_content", "empty_list",
                                                               "empty_message"};

inline constexpr Choice<Mode> kMode{kModeWords};

template <>
inline constexpr std::string_view kSection<Policy> = "service";
template <>
inline constexpr std::string_view kSection<Pool> = "pool";
template <>
inline constexpr std::string_view kSection<TlsVerify> = "verify";
template <>
inline constexpr std::string_view kSection<ClientTls> = "tls";
template <>
inline constexpr std::string_view kSection<Timeout> = "timeout";
template <>
inline constexpr std::string_view kSection<Backoff> = "backoff";
template <>
inline constexpr std::string_view kSection<Retry> = "retry";
template <>
inline constexpr std::string_view kSection<Limits> = "limits";
template <>
inline constexpr std::string_view kSection<ConsecutiveFailures> = "consecutive_failures";
template <>
inline constexpr std::string_view kSection<Ramp> = "ramp";
template <>
inline constexpr std::string_view kSection<Circuit> = "circuit";
template <>
inline constexpr std::string_view kSection<EndpointCircuit> = "endpoint_circuit";
template <>
inline constexpr std::string_view kSection<HealthCheck> = "health_check";
template <>
inline constexpr std::string_view kSection<FallbackStale> = "stale";
template <>
inline constexpr std::string_view kSection<FallbackRespond> = "respond";
template <>
inline constexpr std::string_view kSection<Cache> = "cache";
template <>
inline constexpr std::string_view kSection<HeaderEdits> = "edits";
template <>
inline constexpr std::string_view kSection<Headers> = "headers";

void check(Reader& reader, const Node& node, const ClientTls& tls);
void check(Reader& reader, const Node& node, const Backoff& backoff);
void check(Reader& reader, const Node& node, const Limits& limits);
void check(Reader& reader, const Node& node, const Ramp& ramp);
void check(Reader& reader, const Node& node, const Circuit& circuit);
void check(Reader& reader, const Node& node, const EndpointCircuit& circuit);
void check(Reader& reader, const Node& node, const HealthCheck& health);
void check(Reader& reader, const Node& node, const FallbackRespond& respond);

inline void switch_off(Pool& pool) { pool.idle_ms.reset(); }
inline void switch_off(Timeout& timeout) { timeout = {timeout.connect_ms, {}, {}, {}, {}, {}}; }
inline void switch_off(Limits& limits) {
  limits.outstanding.reset();
  limits.streams.reset();
}

template <class V>
void describe(V& v, Pool& pool) {
  v.key("connections", pool.connections, off_or(Count{1}),
        "Most connections to one endpoint from one worker; a call waits for one within `connect`");
  v.key("idle", pool.idle_ms, off_or(Duration{}),
        "An idle connection is kept so long; off: none is");
  v.key("idle_unsafe", pool.idle_unsafe_ms, Duration{0},
        "A request that may not be repeated takes only a connection idle for less");
  v.key("lifetime", pool.lifetime_ms, off_or(Duration{}),
        "A connection takes no new call after so long, give or take 20 %");
  v.key("streams", pool.streams, Count{1, 10'000}, "Calls at once on one HTTP/2 connection");
}

template <class V>
void describe(V& v, TlsVerify& verify) {
  v.key("spiffe", verify.spiffe, off_or(spiffe_kind()),
        "The upstream is this SPIFFE id, whatever its names");
}

template <class V>
void describe(V& v, ClientTls& tls) {
  v.key("ca_file", tls.ca_file, off_or(FilePath{FileUse::kPem}),
        "Whom to trust; off: the system's roots");
  v.key("cert_file", tls.cert_file, off_or(FilePath{FileUse::kPem}),
        "Our certificate, with intermediates");
  v.key("key_file", tls.key_file, off_or(FilePath{FileUse::kPem}), "Its key");
  v.key("server_name", tls.server_name, Or<Text>{"auto", server_name_kind()},
        "A name or IP that the certificate must have; auto is the host of the authority sent");
  v.key("alpn", tls.alpn, Or<List<Text>>{"auto", {alpn_kind(), false, 0, 16}},
        "Protocols offered, best first; auto is what `protocol` says");
  v.key("verify", tls.verify, Map<TlsVerify>{}, "Who the upstream must be besides");
}

template <class V>
void describe(V& v, Timeout& timeout) {
  v.key("connect", timeout.connect_ms, Duration{}, "Name lookup, connection and TLS together");
  v.key("request", timeout.request_ms, AutoDuration{},
        "From the last byte of the request to the response head, retries and queueing included; "
        "auto is 15s, and off for gRPC and for calls with a deadline of their caller's own");
  v.key("attempt", timeout.attempt_ms, AutoDuration{},
        "The same for one attempt; auto is request/attempts");
  v.key("idle", timeout.idle_ms, off_or(Duration{}), "Between two bytes of a plain response");
  v.key("stream_idle", timeout.stream_idle_ms, AutoDuration{},
        "Between two bytes of a stream, either way; auto is 1h, and off for tcp and tls");
  v.key("total", timeout.total_ms, off_or(Duration{}),
        "Everything, to the last byte of the response");
}

template <class V>
void describe(V& v, Backoff& backoff) {
  v.key("base", backoff.base_ms, Duration{0},
        "The first wait at most; doubles at each retry, with jitter");
  v.key("max", backoff.max_ms, Duration{0}, "No wait is longer");
}

template <class V>
void describe(V& v, Retry& retry) {
  v.key("attempts", retry.attempts, Count{1, 16}, "Counts the first try");
  v.key("unsent", retry.unsent, Count{0, 16},
        "Further places for what provably never left, whatever the method");
  v.key("on", retry.on, Failures{},
        "Which answers and failures of the upstream are worth another try");
  v.key("methods", retry.methods, MethodSet{}, "Which requests may be repeated");
  v.key("grpc", retry.grpc, List<Text>{grpc_method_kind(), true, 0, 64},
        "gRPC methods that may be repeated besides, like /shop.Stock/Get*");
  v.key("backoff", retry.backoff, Map<Backoff>{}, "The wait before a retry");
  v.key("budget", retry.budget_share, Share{}, "Retries as a share of the calls of the last 10 s");
  v.key("body_max", retry.body_max_bytes, Size{},
        "A larger request body is not retained, nor repeated");
  v.key("hold_head", retry.hold_head_ms, Duration{0},
        "A gRPC response head waits at most so long for a message or the trailers");
}

template <class V>
void describe(V& v, Limits& limits) {
  v.key("outstanding", limits.outstanding, off_or(Count{1}),
        "Calls without a response head, of the whole process");
  v.key("streams", limits.streams, off_or(Count{1}),
        "Streams and tunnels that are open, of the whole process");
  v.key("queue", limits.queue, Count{0}, "Calls that wait for a place");
  v.key("queue_wait", limits.queue_wait_ms, Duration{0}, "The longest wait");
  v.key("header_bytes", limits.header_bytes, Size{1024}, "The head of a response");
  v.key("body_bytes", limits.body_bytes, off_or(Size{1}), "The body of a request");
  v.key("mode", limits.mode, kMode, "shadow: counts, refuses nothing");
}

template <class V>
void describe(V& v, ConsecutiveFailures& run) {
  v.key("count", run.count, Count{1, 1'000'000}, "An unbroken run of so many failures opens");
  v.key("over", run.over_ms, Duration{0}, "once it has lasted so long");
}

template <class V>
void describe(V& v, Ramp& ramp) {
  v.key("steps", ramp.steps, List<Share>{Share{false}, false, 1, 16},
        "Shares of the calls let through, one after the other");
  v.key("each", ramp.each_ms, Duration{}, "How long a step lasts");
}

template <class V>
void describe(V& v, Circuit& circuit) {
  v.key("mode", circuit.mode, kMode, "shadow: decides and counts, refuses nothing");
  v.key("consecutive_failures", circuit.consecutive_failures, off_or(FailureRun{}),
        "Opens at a run of failures");
  v.key("failure_rate", circuit.failure_rate_share, off_or(Share{false}),
        "Opens at so many failures in `window`, once `min_requests` are in it");
  v.key("slow_rate", circuit.slow_rate_share, off_or(Share{false}),
        "Opens at so many calls slower than `slow_call`");
  v.key("slow_call", circuit.slow_call_ms, off_or(Duration{}),
        "Time to the response head that counts as slow");
  v.key("window", circuit.window_ms, Duration{10}, "What the rates look back on, in ten slices");
  v.key("min_requests", circuit.min_requests, Count{1, 1'000'000},
        "Fewer calls in the window decide nothing");
  v.key("open_for", circuit.open_for_ms, Duration{}, "Doubles at each failed probe, with jitter");
  v.key("open_max", circuit.open_max_ms, Duration{}, "but not beyond this");
  v.key("probes", circuit.probes, Count{1, 1'000}, "Calls let through while half open");
  v.key("ramp", circuit.ramp, off_or(Map<Ramp>{}), "After the probes, before closed");
  v.key("failures", circuit.failures, Failures{}, "What counts as a failure");
}

template <class V>
void describe(V& v, EndpointCircuit& circuit) {
  v.key("consecutive_failures", circuit.consecutive_failures, Count{1, 1'000'000},
        "A run of so many failures takes the endpoint out");
  v.key("open_for", circuit.open_for_ms, Duration{}, "for so long; doubles each time");
  v.key("open_max", circuit.open_max_ms, Duration{}, "but not beyond this");
  v.key("mode", circuit.mode, kMode, "shadow: decides and counts, takes nothing out");
}

template <class V>
void describe(V& v, HealthCheck& check) {
  v.key("http", check.http, off_or(url_path_kind()), "A healthy one answers a GET of it with 2xx");
  v.key("grpc", check.grpc, off_or(grpc_service_kind()),
        "Or says SERVING of this service (grpc.health.v1); \"\" is the whole server");
  v.key("tcp", check.tcp, Flag{}, "Or accepts a connection");
  v.key("interval", check.interval_ms, Duration{100},
        "From one check to the next, give or take 10 %");
  v.key("timeout", check.timeout_ms, Duration{10}, "A later answer is a failure");
  v.key("healthy", check.healthy, Count{1, 100}, "So many good answers bring one back");
  v.key("unhealthy", check.unhealthy, Count{1, 100}, "So many failures take one out");
}

template <class V>
void describe(V& v, HeaderEdits& edits) {
  v.key("set", edits.set, HeaderValues{}, "Replaces the field");
  v.key("add", edits.add, HeaderValues{}, "Adds a field line");
  v.key("remove", edits.remove, List<HeaderName>{HeaderName{true}, true}, "Removes the field");
}

template <class V>
void describe(V& v, Headers& headers) {
  v.key("request", headers.request, Edits{}, "Of requests, towards the upstream");
  v.key("response", headers.response, Edits{}, "Of responses, towards the caller");
}

template <class V>
void describe(V& v, Cache& cache) {
  v.key("entry_bytes", cache.entry_bytes, Size{1}, "A larger answer is not stored");
  v.key("key", cache.key_fields, Or<List<HeaderName>>{"all_but_noise", {}},
        "Request fields that tell two requests apart, besides method, host and path");
  v.key("store", cache.store, Choice<CacheStore>{kStoreWords}, "What may be stored");
}

template <class V>
void describe(V& v, FallbackStale& stale) {
  v.key("max_age", stale.max_age_ms, Duration{}, "An older answer is not given");
}

template <class V>
void describe(V& v, FallbackRespond& respond) {
  v.key("status", respond.status, Count{200, 599}, "Of the answer");
  v.key("headers", respond.headers, HeaderValues{}, "Of the answer");
  v.key("body", respond.body, Text{}, "Of the answer");
  v.key("body_file", respond.body_file, FilePath{FileUse::kBody}, "A file that holds the body",
        Live::kNo);
  v.key("grpc_status", respond.grpc_status, Maybe<Count>{{0, 16}},
        "Makes it an answer to gRPC calls, with that status");
  v.key("message_file", respond.message_file, FilePath{FileUse::kBody},
        "A file that holds the one message of an answer to gRPC calls", Live::kNo);
}

// The policies that a route may override.
template <class V>
void describe_overridable(V& v, Policy& p) {
  v.key("timeout", p.timeout, Map<Timeout>{&switch_off}, "How long a call may take");
  v.key("deadline_header", p.deadline_header, off_or(HeaderName{true}),
        "Field with the caller's remaining milliseconds");
  v.key("retry", p.retry, off_or(Map<Retry>{}), "Which calls are tried again");
  v.key("limits", p.limits, Map<Limits>{&switch_off}, "How many calls at once, how large");
  v.key("circuit", p.circuit, off_or(Map<Circuit>{}), "The circuit breaker of the whole service");
}

template <class V>
void describe_fallback(V& v, Policy& p) {
  v.key("fallback", p.fallback, List<FallbackStep>{{}, false, 0, 16, true},
        "What stands in for a call that cannot be made; tried in order");
}

template <class V>
void describe_headers(V& v, Policy& p) {
  v.key("headers", p.headers, HeaderSection{}, "Fields to set, add and remove");
}

template <class V>
void describe(V& v, Policy& p) {
  v.key("when_empty", p.keep_last_ms, WhenEmpty{},
        "How long the last list serves after its source says that it is empty");
  v.key("protocol", p.protocol, Choice<Protocol>{kProtocolWords},
        "Towards the upstream; tcp: opaque bytes; tls: by SNI, not decrypted");
  v.key("pool", p.pool, Map<Pool>{&switch_off}, "Connections to the upstream");
  v.key("authority", p.authority, AuthorityKind{},
        "The Host sent: auto, caller, upstream or a name");
  v.key("proxy", p.proxy, Flag{},
        "The endpoints are forward proxies: requests in absolute form go to them as written");
  v.key("tls", p.tls, Switch<Map<ClientTls>>{},
        "Towards the upstream, which is always verified; on: by the system's roots", Live::kNo);
  v.key("balance", p.balance, BalanceKind{},
        "How an endpoint is picked: a word, or {hash: {header: NAME}}, {hash: {cookie: NAME}} or "
        "{hash: source}");
  v.key("slow_start", p.slow_start_ms, off_or(Duration{}),
        "A new endpoint gets its full share after so long");
  v.key("health_check", p.health_check, off_or(Map<HealthCheck>{}),
        "Asks each endpoint whether it is there: {http: PATH}, {grpc: NAME} or {tcp: on}");
  v.key("panic_below", p.panic_below_share, ShareOrOff{},
        "A smaller share of eligible endpoints: use all usable ones");
  describe_overridable(v, p);
  v.key("endpoint_circuit", p.endpoint_circuit, off_or(Map<EndpointCircuit>{}),
        "The circuit breaker of each endpoint");
  describe_fallback(v, p);
  v.key("cache", p.cache, off_or(Map<Cache>{}), "The store that feeds `stale`");
  describe_headers(v, p);
}

}  // namespace outrigger::config
