#include "tests/sim/plan.hpp"

#include <algorithm>
#include <array>

#include "filters/retry.hpp"

namespace outrigger::sim {
namespace {

constexpr int64_t kGentleRequestMs = 20'000;
constexpr int64_t kAutoRequestMs = 15'000;

// Lines of YAML.
class Text {
 public:
  explicit Text(int indent) : x_indent(static_cast<size_t>(indent), ' ') {}
  Text& line(const std::string& text) {
    x_text += x_indent + text + "\n";
    return *this;
  }
  const std::string& str() const { return x_text; }

 private:
  std::string x_indent;
  std::string x_text;
};

std::string ms(int64_t value) { return std::to_string(value) + "ms"; }
std::string number(int64_t value) { return std::to_string(value); }

template <size_t N>
const char* one_of(Random& random, const std::array<const char*, N>& choices) {
  return choices[random.below(N)];
}

config::Methods draw_methods(Random& random) {
  using Kind = config::Methods::Kind;
  const uint32_t roll = random.below(10);
  if (roll < 6) return {Kind::kIdempotent, {}};
  if (roll < 8) return {Kind::kSafe, {}};
  if (roll < 9) return {Kind::kAny, {}};
  return {Kind::kList, {"GET", "POST"}};
}

std::string text_of(const config::Methods& methods) {
  using Kind = config::Methods::Kind;
  switch (methods.kind) {
    case Kind::kSafe:
      return "safe";
    case Kind::kIdempotent:
      return "idempotent";
    case Kind::kAny:
      return "any";
    case Kind::kList:
      break;
  }
  return "[GET, POST]";
}

}  // namespace

testing::PipeOptions draw_pipe(Random& random, bool gentle) {
  testing::PipeOptions pipe;
  pipe.latency_ms = random.chance(0.5) ? 0 : between(random, 1, 30);
  pipe.random_chunks = random.chance(0.3);
  if (random.chance(0.3)) pipe.kernel_bytes = between(random, 1, 8) * 1'000;
  // What is queued behind the largest bodies must come within the time that a good call has.
  constexpr int64_t kGoodBytesPerMs = 200;
  const auto good_bytes = static_cast<size_t>(pipe.latency_ms * kGoodBytesPerMs);
  if (gentle) pipe.kernel_bytes = std::max(pipe.kernel_bytes, good_bytes);
  return pipe;
}

Plan::Plan(Random& random) {
  is_storm = random.chance(0.04);
  gentle = !is_storm && random.chance(0.25);
  workers = between(random, 1, 3);
  const std::array<double, 3> awkward_shares{0, 0.3, 0.8};
  awkward = awkward_shares[random.below(3)];
  is_busy = gentle && random.chance(0.1);
  calls = static_cast<int>(is_busy ? between(random, 200, 600) : between(random, 5, 60));
  const std::array<int64_t, 4> spans{1, 500, 5'000, 20'000};
  span_ms = spans[random.below(4)];
  is_cut_short = !gentle && random.chance(0.1);
  if (is_storm) {
    calls = 150;
    span_ms = 1;
    is_cut_short = false;
  }
  keepalive_ms = gentle ? 60'000 : between(random, 300, 6'000);
  body_idle_ms = gentle               ? 60'000
                 : random.chance(0.2) ? between(random, 10'000, 40'000)
                                      : between(random, 200, 3'000);
  head_ms = gentle ? 60'000 : between(random, 200, 3'000);
  write_stall_ms = gentle ? 2'000'000 : between(random, 400, 4'000);
  short_of_memory = write_stall_ms % 2 == 0;
  stall_ms = gentle ? 1'000'000 : write_stall_ms + between(random, 0, 3'000);
  const std::array<double, 4> shares{0, 0.5, 0.5, 1};
  http2_callers = shares[random.below(4)];
  drains = !gentle && !is_storm && random.chance(0.2);
  shuffles = random.chance(0.7);
  if (random.chance(0.2)) via = "sim";
  const size_t count = is_storm ? 1 : between(random, 1, 3);
  for (size_t i = 0; i < count; ++i) {
    ServicePlan& service = services.emplace_back();
    service.name = "s" + std::to_string(i);
    service.endpoints = static_cast<int>(between(random, 1, 5));
    service.repeatable = draw_methods(random);
    service.has_deadline_header = !gentle && random.chance(0.3);
    service.watches = random.chance(awkward / 2);
    service.stale = !gentle && random.chance(0.3);
    service.respond = !gentle && random.chance(0.15);
    service.omit = !gentle && !service.respond && random.chance(0.1);
    if (count > 1 && !gentle && random.chance(0.3)) {
      service.alternate = (i + 1 + random.below(static_cast<uint32_t>(count - 1))) % count;
      service.alternate_any_method = random.chance(0.5);
    }
  }
  if (!is_storm && random.chance(0.5)) {
    tunnels = static_cast<int>(between(random, 1, 6));
    opaque = count;
    has_patient_servers = random.chance(0.5);
    ServicePlan& bytes = services.emplace_back();
    bytes.name = "bytes";
    bytes.endpoints = static_cast<int>(between(random, 1, 3));
  }
  ServicePlan& other = services.emplace_back();
  other.name = "other.example";
  other.endpoints = static_cast<int>(between(random, 1, 3));
  other.repeatable = {config::Methods::Kind::kIdempotent, {}};
  other.repeats_grpc = false;
}

// By chance of its own, so that other plans stay what they are.
void Plan::draw_operator(Random random) {
  operates = random.chance(0.4);
  keeps_overrides = operates && random.chance(0.8);
  const bool may_restart = !gentle && !is_storm && !is_cut_short && !drains;
  restarts = operates && may_restart && random.chance(0.5);
}

std::string Plan::draw_config(Random& random) {
  Text top(0);
  top.line("workers: " + number(workers));
  if (!operates) {
    top.line(std::string("admin: {tls: {cert_file: ") + kCertificateFile +
             ", key_file: " + kKeyFile + "}}");
  }
  if (keeps_overrides) top.line("snapshot: {dir: /state}");
  top.line("drain: {grace: " + ms(between(random, 2'500, 20'000)) + ", quiet: 200ms}");
  top.line("memory: {retry_bodies: " + number(between(random, 1, 4) * (gentle ? 16'384 : 64)) +
           "KiB, cache: 64KiB}");
  top.line("listeners:");
  top.line("  - name: outbound");
  top.line(std::string("    address: ") + kOutbound);
  if (!via.empty()) top.line("    via: " + via);
  if (random.chance(0.3)) top.line("    filters: {without: [access_log]}");
  top.line("    timeout: {head: " + ms(head_ms) + ", body_idle: " + ms(body_idle_ms) +
           ", keepalive: " + ms(keepalive_ms) + ", write_stall: " + ms(write_stall_ms) + "}");
  top.line("    limits: {pipelined: " + number(between(random, 1, 8)) +
           ", requests_per_turn: " + number(between(random, 1, 32)) + ", streams: " +
           number(gentle || random.chance(0.6) ? 100 : between(random, 1, 8)) + "}");
  if (opaque) {
    top.line("  - {name: bytes, service: bytes, address: '" + std::string(kOpaqueListener) +
             "', timeout: {write_stall: " + ms(write_stall_ms) + "}}");
  }
  if (random.chance(0.5)) {
    top.line("  - {name: extra, address: '127.0.0.1:15003', filters: {without: [trace]}}");
  }
  top.line("defaults:");
  top.line(std::string("  headers: {response: {set: {x-secret: {file: ") + kSecretFile + "}}}}");
  ServicePlan& other = services.back();
  const int64_t request_ms = gentle ? kGentleRequestMs : between(random, 100, 4'000);
  const int64_t connect_ms = gentle ? gentle_connect_ms() : between(random, 50, 1'000);
  other.bounds.request_most_ms = std::max(other.bounds.request_most_ms, request_ms);
  other.bounds.timeout_least_ms = std::min(other.bounds.timeout_least_ms, request_ms);
  other.bounds.connect_least_ms = std::min(other.bounds.connect_least_ms, connect_ms);
  other.bounds.unsent_most = filters::Retry::kNoticesMax;
  other.bounds.budget_most = 0.2;
  other.bounds.outstanding_most = std::numeric_limits<int64_t>::max();
  top.line("  timeout: {request: " + ms(request_ms) + ", connect: " + ms(connect_ms) +
           ", idle: " + (gentle ? "3000s" : ms(between(random, 200, 3'000))) +
           ", stream_idle: " + (gentle ? "3000s" : ms(between(random, 300, 4'000))) + "}");
  top.line("services:");
  std::string text = top.str();
  for (ServicePlan& service : services) {
    if (&service == &other) continue;
    const bool is_opaque = opaque && &service == &services[*opaque];
    text += is_opaque ? draw_opaque(service, random) : draw_service(service, random);
  }
  return text;
}

// What is carried unread.
std::string Plan::draw_opaque(ServicePlan& service, Random& random) {
  Bounds& bounds = service.bounds;
  Text text(4);
  text.line("hosts: [" + service.name + "]");
  text.line(std::string("addresses: ['") + kClaimedAddress + "']");
  text.line("protocol: tcp");
  text.line("endpoints: {dns: {name: " + service.name + ".svc, port: 80}}");
  const int64_t request_ms = gentle ? kGentleRequestMs : between(random, 50, 5'000);
  const int64_t connect_ms = gentle ? gentle_connect_ms() : between(random, 20, 1'000);
  text.line("timeout: {request: " + ms(request_ms) + ", connect: " + ms(connect_ms) +
            (gentle ? "" : ", stream_idle: " + ms(between(random, 300, 4'000))) + "}");
  bounds.request_most_ms = std::max(bounds.request_most_ms, request_ms);
  bounds.timeout_least_ms = std::min(bounds.timeout_least_ms, request_ms);
  bounds.connect_least_ms = std::min(bounds.connect_least_ms, connect_ms);
  const int unsent = static_cast<int>(between(random, gentle ? 2 : 0, 3));
  text.line("retry: {unsent: " + number(unsent) + ", budget: 100%}");
  bounds.unsent_most = std::max({bounds.unsent_most, unsent, filters::Retry::kNoticesMax});
  bounds.budget_most = 1;
  const int64_t outstanding = gentle ? 1'024 : between(random, 1, 6);
  const int64_t queue = random.chance(0.5) ? 0 : between(random, 1, 10);
  const bool bounds_streams = !gentle && random.chance(0.3);
  text.line("limits: {outstanding: " + number(outstanding) + ", queue: " + number(queue) +
            ", queue_wait: " + ms(between(random, 10, 1'000)) +
            (bounds_streams ? ", streams: " + number(between(random, 1, 4)) : "") + "}");
  bounds.outstanding_most = std::max(bounds.outstanding_most, outstanding);
  bounds.queue_most = std::max(bounds.queue_most, queue);
  if (gentle) {
    text.line("circuit: off");
  } else {
    text.line("circuit: {consecutive_failures: " + number(between(random, 2, 8)) +
              ", open_for: " + ms(between(random, 50, 2'000)) + ", open_max: 4s}");
  }
  return "  " + service.name + ":\n" + text.str();
}

std::string Plan::draw_service(ServicePlan& service, Random& random) {
  Bounds& bounds = service.bounds;
  Text text(4);
  text.line("hosts: [" + service.name + "]");
  text.line("endpoints: {dns: {name: " + service.name + ".svc, port: 80}}");
  constexpr std::array kProtocols{"auto", "auto", "http1", "http2", "http2"};
  text.line(std::string("protocol: ") + one_of(random, kProtocols));
  text.line(std::string("balance: ") +
            one_of(random, std::array{"least_loaded", "round_robin", "random", "peak_ewma",
                                      "{hash: {header: x-id}}", "{hash: source}"}));
  if (random.chance(0.2)) text.line("slow_start: 2s");
  if (random.chance(0.3)) text.line("panic_below: " + number(random.below(101)) + "%");

  // -- time
  const int64_t request_ms = service.watches ? kAutoRequestMs
                             : gentle        ? kGentleRequestMs
                                             : between(random, 50, 5'000);
  const int64_t connect_ms = gentle ? gentle_connect_ms() : between(random, 20, 1'000);
  const bool own_attempt = !gentle && random.chance(0.4);
  const int64_t attempt_ms = between(random, 10, static_cast<uint32_t>(request_ms));
  const int attempts = static_cast<int>(is_storm             ? 5
                                        : random.chance(0.4) ? 1
                                                             : between(random, 2, 5));
  int64_t least_ms = std::min(request_ms / 2, own_attempt ? attempt_ms : request_ms / attempts);
  std::string timeout = "timeout: {request: " + (service.watches ? "auto" : ms(request_ms)) +
                        ", connect: " + ms(connect_ms);
  if (own_attempt) timeout += ", attempt: " + ms(attempt_ms);
  if (gentle) timeout += ", attempt: off";
  if (!gentle) timeout += ", stream_idle: " + ms(between(random, 300, 4'000));
  if (!gentle && random.chance(0.2)) {
    const int64_t total_ms = between(random, 500, 8'000);
    least_ms = std::min(least_ms, total_ms);
    timeout += ", total: " + ms(total_ms);
  }
  text.line(timeout + "}");
  if (service.has_deadline_header) text.line("deadline_header: x-deadline");
  bounds.request_most_ms = std::max(bounds.request_most_ms, request_ms);
  bounds.timeout_least_ms = std::min(bounds.timeout_least_ms, least_ms);
  bounds.request_least_ms = std::min(bounds.request_least_ms, request_ms);
  bounds.connect_least_ms = std::min(bounds.connect_least_ms, connect_ms);
  bounds.connect_most_ms = std::max(bounds.connect_most_ms, connect_ms);

  // -- retries
  const int unsent = static_cast<int>(between(random, gentle ? 2 : 0, 3));
  const int64_t share = random.chance(0.2) ? 100 : between(random, 0, 50);
  text.line("retry:");
  text.line("  attempts: " + number(attempts));
  text.line("  unsent: " + number(unsent));
  text.line("  methods: " + text_of(service.repeatable));
  text.line(std::string("  grpc: [") + kRepeatableGrpc + "*]");
  if (random.chance(0.5)) text.line("  hold_head: " + ms(between(random, 0, 300)));
  text.line("  budget: " + number(share) + "%");
  text.line("  body_max: " + std::string(gentle || random.chance(0.7) ? "64KiB" : "1KiB"));
  const int64_t base_ms = between(random, 0, 50);
  text.line("  backoff: {base: " + ms(base_ms) + ", max: " + ms(base_ms + between(random, 0, 200)) +
            "}");
  if (random.chance(0.3)) text.line("  on: [connect, reset, timeout, 5xx]");
  bounds.attempts_most = std::max(bounds.attempts_most, attempts);
  bounds.unsent_most = std::max({bounds.unsent_most, unsent, filters::Retry::kNoticesMax});
  bounds.budget_most = std::max(bounds.budget_most, static_cast<double>(share) / 100);

  // -- limits, circuits
  const int64_t outstanding =
      gentle || is_storm || random.chance(0.4) ? 1'024 : between(random, 1, 6);
  const int64_t queue = random.chance(0.5) ? 0 : between(random, 1, 10);
  text.line("limits: {outstanding: " + number(outstanding) + ", queue: " + number(queue) +
            ", queue_wait: " + ms(between(random, 10, 1'000)) +
            (!gentle && random.chance(0.1) ? ", body_bytes: 2KiB" : "") + "}");
  bounds.outstanding_most = std::max(bounds.outstanding_most, outstanding);
  bounds.queue_most = std::max(bounds.queue_most, queue);
  if (gentle || is_storm || random.chance(0.15)) {
    text.line("circuit: off");
  } else {
    text.line("circuit:");
    text.line("  consecutive_failures: {count: " + number(between(random, 2, 8)) +
              ", over: " + ms(between(random, 0, 500)) + "}");
    text.line("  min_requests: " + number(between(random, 3, 20)));
    text.line("  open_for: " + ms(between(random, 50, 2'000)));
    text.line("  open_max: 4s");
    text.line("  probes: " + number(between(random, 1, 3)));
    text.line(random.chance(0.3) ? "  ramp: off" : "  ramp: {steps: [25%, 50%], each: 200ms}");
    if (random.chance(0.2)) text.line("  mode: shadow");
    if (random.chance(0.3)) text.line("  slow_call: 200ms").line("  slow_rate: 60%");
  }
  text.line(random.chance(0.3)
                ? "endpoint_circuit: off"
                : "endpoint_circuit: {consecutive_failures: " + number(between(random, 1, 5)) +
                      ", open_for: " + ms(between(random, 50, 2'000)) + ", open_max: 4s}");

  // -- connections
  std::string pool =
      "pool: {idle: " + (random.chance(0.1) ? std::string("off") : ms(between(random, 50, 5'000)));
  pool += ", idle_unsafe: " + ms(between(random, 0, 1'000));
  if (!gentle && random.chance(0.4)) {
    pool += ", connections: " + number(between(random, 1, 4));
    bounds.has_few_connections = true;
  }
  if (random.chance(0.5)) pool += ", streams: " + number(between(random, 1, 10));
  if (random.chance(0.2)) pool += ", lifetime: " + ms(between(random, 100, 3'000));
  text.line(pool + "}");

  // -- fields and fallbacks
  text.line(std::string("headers: {request: {set: {") + kPolicyField + ": " + service.name +
            "}, remove: [x-secret]}, response: {add: {x-from: outrigger}}}");
  if (service.stale || service.alternate || service.respond || service.omit) {
    text.line("fallback:");
    if (service.alternate) {
      text.line("  - {on: [any], service: " + services[*service.alternate].name +
                (service.alternate_any_method ? ", methods: any" : "") +
                (random.chance(0.5) ? ", within: 100ms" : "") + "}");
    }
    if (service.stale) text.line("  - {on: [any], stale: {max_age: 1m}}");
    if (service.respond) {
      text.line(std::string("  - {on: [circuit_open, connect, timeout], respond: {body: ") +
                kRespondBody + "}}");
    }
    if (service.omit) text.line("  - {on: [any], omit: no_content}");
  }
  if (service.stale) text.line("cache: {key: [accept], entry_bytes: 8KiB}");
  return "  " + service.name + ":\n" + text.str();
}

}  // namespace outrigger::sim
