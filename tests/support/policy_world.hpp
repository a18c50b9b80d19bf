// A service with its policies, the filters made of them, and calls through them to a scripted
// terminal: what a worker puts together, without a loop, sockets or a configuration file. When it
// goes it checks that everything came back: permits, probes, timers, arenas, bodies.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "filters/access_log.hpp"
#include "filters/registry.hpp"
#include "filters/stale_store.hpp"
#include "tests/support/chain_runtime.hpp"
#include "tests/support/chain_terminal.hpp"

namespace outrigger::testing {

struct CallRequest {
  std::string method = "GET";
  std::string target = "/things";
  std::vector<std::pair<std::string, std::string>> fields{};
  std::optional<std::string> body{};  // sent at once
  bool complete = true;               // else finish() sends the last byte
  std::string authority = "orders";
  int64_t declared_bytes = -1;  // Content-Length
};

// One call of the neighbour.
class PolicyCall {
 public:
  PolicyCall(TestRuntime& runtime, const chain::Route& route, const CallRequest& wanted)
      : x_runtime(runtime) {
    chain::Exchange& exchange = *chain::Exchange::create(runtime.get(), sink);
    sink.own(exchange);
    Arena& arena = exchange.arena();
    http::RequestHead& head = exchange.request();
    head.method_text = arena.copy(wanted.method);
    head.method = http::method_from(head.method_text);
    head.tunnel = head.method == http::Method::kConnect;
    head.target = arena.copy(wanted.target);
    head.authority = arena.copy(wanted.authority);
    for (const auto& [name, value] : wanted.fields) {
      head.fields.add(arena, arena.copy(name), arena.copy(value));
    }
    if (wanted.body || !wanted.complete) head.framing = http::Framing::kChunked;
    if (wanted.declared_bytes >= 0) {
      head.framing = http::Framing::kLength;
      head.content_length = wanted.declared_bytes;
    }
    exchange.begin(route, *route.chains.front());
    // Of a request without a body the last byte is known before anything moves.
    if (!wanted.body && wanted.complete) exchange.finish_request(nullptr);
    runtime.turn();
    if (wanted.body) send(*wanted.body);
    if (wanted.complete) finish();
  }

  void send(const std::string& bytes) {
    if (!sink.owns()) return;
    const auto lent = std::make_unique<char[]>(bytes.size());
    bytes.copy(lent.get(), bytes.size());
    sink.exchange().append_request_body({lent.get(), bytes.size()});
    x_runtime.turn();
  }
  void finish() {
    if (!sink.owns() || sink.exchange().request_complete()) return;
    sink.exchange().finish_request(nullptr);
    x_runtime.turn();
  }
  void leave() {
    sink.end(chain::Outcome::Kind::kCallerGone);
    x_runtime.turn();
  }
  int status() const { return sink.status; }
  // Of the answer's Proxy-Status.
  std::string proxy_status() const { return sink.field("proxy-status"); }
  // Both until the exchange is reaped.
  const chain::Facts& facts() { return sink.owns() ? sink.exchange().facts() : sink.facts; }

  RecordingSink sink;

 private:
  TestRuntime& x_runtime;
};

class PolicyWorld {
 public:
  // One service and what a worker makes for it.
  struct Backend {
    Backend(std::string service_name, const config::Policy& wanted, int64_t now_ms)
        : name(std::move(service_name)),
          policy(wanted),
          service(name, policy, upstream::UpstreamContext{}, now_ms) {}

    const std::string name;
    const config::Policy policy;
    metrics::Bounds bounds{1'000'000};
    metrics::ServiceSeries series{bounds};
    upstream::Service service;
    FakeTerminal terminal;
    std::vector<filters::FilterList> filters;
    chain::Route route;
  };

  explicit PolicyWorld(config::Policy policy = {}, uint64_t seed = 1) : x_runtime(seed) {
    orders = &make("orders", std::move(policy));
  }
  ~PolicyWorld() {
    for (const auto& call : x_calls) call->sink.end(chain::Outcome::Kind::kCallerGone);
    x_runtime.turn();
    for (const auto& [name, backend] : x_backends) {
      EXPECT_EQ(backend->service.limit().outstanding(), 0) << name;
      EXPECT_EQ(backend->service.limit().queued(), 0) << name;
      EXPECT_EQ(backend->service.limit().streams().open(), 0) << name;
      EXPECT_EQ(probes_in_flight(*backend), 0) << name;
      EXPECT_EQ(backend->terminal.cancelled(), backend->terminal.calls()) << name;
    }
    x_runtime.expect_clean();
  }

  // Before the first call: another service, which fallbacks may name.
  Backend& add_service(const std::string& name, config::Policy policy = {}) {
    return make(name, std::move(policy));
  }
  // Before the first call.
  void set_filters(std::vector<config::FilterKind> kinds) { x_kinds = std::move(kinds); }
  // Before the first call.
  void log_to(LineSink& lines) {
    const std::shared_ptr<LineSink> lent(std::shared_ptr<void>(), &lines);
    x_access_log = std::make_unique<filters::AccessLog>(config.access_log, lent, x_runtime.get());
  }

  PolicyCall& call(const CallRequest& request = {}) {
    if (!std::exchange(x_built, true)) build();
    x_calls.push_back(std::make_unique<PolicyCall>(x_runtime, orders->route, request));
    return *x_calls.back();
  }
  void pass_ms(int64_t by) { x_runtime.advance_ms(by); }
  int64_t now_ms() { return x_runtime.clock().now_ms(); }

  // The service that is called.
  FakeTerminal& upstream() { return orders->terminal; }
  void script(std::vector<Script> scripts) { orders->terminal.set_scripts(std::move(scripts)); }
  size_t attempts() const { return orders->terminal.calls(); }
  upstream::Circuit& circuit() { return orders->service.circuit(); }
  upstream::CircuitSnapshot snapshot() { return circuit().snapshot(now_ms()); }
  upstream::OutstandingLimit& limit() { return orders->service.limit(); }
  metrics::ServiceSeries& series() { return orders->series; }
  TestRuntime& runtime() { return x_runtime; }

  config::Config config;
  filters::StaleStore stale{1 << 20};
  Backend* orders = nullptr;

 private:
  Backend& make(const std::string& name, config::Policy policy) {
    auto& made = x_backends[name];
    made = std::make_unique<Backend>(name, policy, x_runtime.clock().now_ms());
    return *made;
  }
  int probes_in_flight(Backend& backend) {
    return backend.service.circuit().snapshot(now_ms()).probes_in_flight;
  }

  void build() {
    for (const auto& [name, backend] : x_backends) {
      const filters::Context context{
          .config = config,
          .policy = backend->policy,
          .runtime = x_runtime.get(),
          .worker = 0,
          .label = backend->name,
          .service = backend->service,
          .circuit = &backend->service.circuit(),
          .series = backend->series,
          .stale = stale,
          .access_log = x_access_log.get(),
          .inner_chain = [this](std::string_view wanted) { return inner_chain(wanted); },
      };
      backend->route.service = backend->name;
      backend->route.label = backend->name;
      backend->route.series = &backend->series;
      backend->filters =
          filters::compile_chains({x_kinds}, context, backend->terminal, backend->route);
    }
  }
  std::shared_ptr<const chain::Chain> inner_chain(std::string_view name) const {
    const auto found = x_backends.find(std::string(name));
    if (found == x_backends.end()) return nullptr;
    return {std::shared_ptr<const void>(), found->second->route.inner.get()};
  }

  TestRuntime x_runtime;
  std::vector<config::FilterKind> x_kinds = config::default_filters();
  std::unique_ptr<filters::AccessLog> x_access_log;
  std::map<std::string, std::unique_ptr<Backend>> x_backends;
  std::vector<std::unique_ptr<PolicyCall>> x_calls;
  bool x_built = false;
};

}  // namespace outrigger::testing
