// The admin API on a virtual loop, with a Control whose workers take changes when the test says so,
// and a caller that goes through a real exchange. For the tests of this folder; owned by each test.
#pragma once

#include <map>

#include "admin/api.hpp"
#include "admin/service_facts.hpp"
#include "config/text.hpp"
#include "proxy/chain/driver.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/chain/route.hpp"
#include "tests/support/virtual_loop.hpp"

namespace outrigger::admin::testing {

using Headers = std::vector<std::pair<std::string, std::string>>;

inline config::Loaded load(std::string_view text) {
  return config::load_text("f", text, [](const std::string&) { return std::nullopt; });
}

inline constexpr std::string_view kFile = R"(
services:
  orders:
    endpoints: { static: ["10.0.0.1:8080", "10.0.0.2:8080"] }
    circuit: { open_for: 5s, min_requests: 4 }
    headers: { request: { set: { authorization: "Bearer hunter2" } } }
    routes:
      - { name: reads, match: { path: "/v2/*" }, circuit: { open_for: 1s } }
      - { name: plain, match: { path: "/v3/*" } }
      - { name: canary, match: { path: "/v4/*" }, to: { self: 90, stock: 10 } }
  stock:
    endpoints: { static: ["10.0.0.3:8080"] }
)";

class FakeControl final : public Control {
 public:
  explicit FakeControl(const Clock& clock) : x_clock(clock) { take(load(kFile)); }

  const config::Loaded& loaded() const override { return x_loaded; }
  upstream::Services& services() override { return x_services; }
  std::vector<config::Problem> install(config::Loaded next, std::function<void()> taken) override {
    if (!refusal.empty()) return refusal;
    take(std::move(next));
    ++installs;
    if (hold) {
      held.push_back(std::move(taken));
    } else {
      taken();
    }
    return {};
  }
  void reload(std::string_view actor, std::string_view reason,
              std::function<void(const Reloaded&)> done) override {
    reloads.push_back(std::string(actor) + ": " + std::string(reason));
    if (on_reload) on_reload();
    if (!is_disk_dead) done(outcome);
  }
  const ConfigState& config_state() const override { return config; }
  void let_workers_take() {
    for (const auto& taken : std::exchange(held, {})) taken();
  }
  Result<std::string> explain(std::string_view method, std::string_view url) const override {
    if (url.empty()) return failure("no URL");
    return std::string(method) + " " + std::string(url) + "\n";
  }
  std::vector<UnmatchedHost> unmatched() const override { return unmatched_hosts; }
  uint64_t clear_cache(const std::string& service) override {
    cleared.push_back(service);
    return 7;
  }
  void drain() override { ++drains; }
  void deregister(std::function<void()> done) override {
    entries.front().state = "left";
    done();
  }
  std::vector<RegistrationEntry> registrations() const override { return entries; }
  HealthStates health() const override { return states; }
  ProcessState process_state() const override { return process; }

  std::vector<config::Problem> refusal;  // of whatever is installed
  bool hold = false;
  std::vector<std::function<void()>> held;
  int installs = 0;
  int drains = 0;
  std::vector<std::string> reloads;
  Reloaded outcome;  // of each
  std::function<void()> on_reload;
  bool is_disk_dead = false;
  ConfigState config;
  std::vector<std::string> cleared;
  std::vector<UnmatchedHost> unmatched_hosts;
  HealthStates states;
  std::vector<RegistrationEntry> entries{{"consul", "billing", "10.0.0.7:80", "registered", ""}};
  ProcessState process{"1.2.3", 5'000, 40 << 20, 256 << 20};

 private:
  void take(config::Loaded next) {
    EXPECT_TRUE(next.ok()) << config::to_string(next.problems.at(0));
    x_loaded = std::move(next);
    for (const config::ServiceConfig& service : x_loaded.config.services) {
      x_services.service(service.name, service.policy, x_clock.now_ms());
      for (const config::RouteConfig& route : service.routes) {
        if (!route.owns_state()) continue;
        config::for_each_target(
            service.name, route, [&](const std::string& target, const config::Policy& policy) {
              x_services.route(target + "/" + route.name, policy, x_clock.now_ms());
            });
      }
    }
  }

  const Clock& x_clock;
  config::Loaded x_loaded;
  upstream::Services x_services{upstream::UpstreamContext{}};
};

// What a caller got so far.
class Caller final : public chain::ResponseSink {
 public:
  void send_interim(int status_of_it, std::string_view, const http::Fields&) override {
    interim = status_of_it;
  }
  void send_head(const http::ResponseHead& head) override {
    status = head.status;
    framing = head.framing;
    content_length = head.content_length;
    for (const http::Field& field : head.fields) {
      fields[config::to_lower(field.name)] = std::string(field.value);
    }
  }
  void send_body(std::string_view bytes) override {
    body += bytes;
    largest_piece = std::max(largest_piece, bytes.size());
  }
  void send_end(const http::Fields*) override { ended = true; }
  void abort(const Error&) override { aborted = true; }
  bool is_congested() const override { return congested; }
  void want_request_body() override {}

  // The body as a JSON value of the test's library.
  template <class Json>
  Json as() const {
    return Json::parse(body);
  }
  std::string field(const std::string& name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
  }

  int status = 0;
  int interim = 0;
  http::Framing framing = http::Framing::kNone;
  int64_t content_length = -1;
  std::map<std::string, std::string> fields;
  std::string body;
  size_t largest_piece = 0;
  bool ended = false;
  bool aborted = false;
  bool congested = false;
  chain::Exchange* exchange = nullptr;
};

// So many services that were never called.
class IdleFacts final : public metrics::FactsSource {
 public:
  std::vector<metrics::ServiceFacts> services(metrics::FactsCursor& cursor,
                                              size_t most) const override {
    std::vector<metrics::ServiceFacts> slice;
    while (slice.size() < most && cursor.after.size() < count) {
      metrics::ServiceFacts facts;
      facts.service = "idle-" + std::to_string(cursor.after.size());
      slice.push_back(std::move(facts));
      cursor.after.push_back('.');
    }
    return slice;
  }
  // Once for each page.
  metrics::ProcessFacts process() const override {
    ++pages;
    return {};
  }

  size_t count = 0;
  mutable int pages = 0;
};

class AdminTest : public ::testing::Test {
 protected:
  AdminTest() {
    x_loop.set_after_each([](void* driver) { static_cast<chain::Driver*>(driver)->run(); },
                          &x_driver);
  }
  ~AdminTest() override {
    for (const auto& caller : x_callers) end(*caller);
    x_loop.advance_ms(0);
  }

  // Begins a call; what it got so far is in the Caller.
  Caller& begin(std::string_view method, std::string_view target, const Headers& headers = {},
                std::string_view body = {}) {
    return begin_on(x_api, method, target, headers, body);
  }
  Caller& begin_on(AdminApi& api, std::string_view method, std::string_view target,
                   const Headers& headers = {}, std::string_view body = {}) {
    Caller& caller = *x_callers.emplace_back(std::make_unique<Caller>());
    chain::Exchange& exchange = *chain::Exchange::create(x_runtime, caller);
    caller.exchange = &exchange;
    Arena& arena = exchange.arena();
    http::RequestHead& head = exchange.request();
    head.method_text = arena.copy(method);
    head.method = http::method_from(method);
    head.target = arena.copy(target);
    head.authority = "127.0.0.1:9901";
    for (const auto& [name, value] : headers) {
      if (name == "host") {
        head.authority = arena.copy(value);
      } else if (name == "expect") {
        head.expects_continue = true;  // the codec took the field out
      } else {
        head.fields.add(arena, arena.copy(name), arena.copy(value));
      }
    }
    if (!body.empty()) {
      head.framing = http::Framing::kLength;
      head.content_length = static_cast<int64_t>(body.size());
    }
    auto& chain =
        x_chains.emplace_back(std::make_unique<chain::Chain>(std::vector<chain::Filter*>{}, api));
    exchange.begin(x_route, *chain);
    x_driver.run();
    if (!body.empty()) exchange.append_request_body(body);
    exchange.finish_request(nullptr);
    x_driver.run();
    return caller;
  }
  // A call that is over when this returns.
  Caller& call(std::string_view method, std::string_view target, const Headers& headers = {},
               std::string_view body = {}) {
    Caller& caller = begin(method, target, headers, body);
    if (target == "/metrics") x_loop.advance_ms(10);  // a page is made in slices
    EXPECT_TRUE(caller.ended) << method << " " << target;
    return caller;
  }
  Caller& patch(std::string_view target, std::string_view body, Headers headers = {}) {
    headers.emplace_back("content-type", "application/merge-patch+json");
    return call("PATCH", target, headers, body);
  }
  Caller& put(std::string_view target, std::string_view body, Headers headers = {}) {
    headers.emplace_back("content-type", "application/json");
    return call("PUT", target, headers, body);
  }
  void end(Caller& caller, chain::Outcome::Kind kind = chain::Outcome::Kind::kCallerGone) {
    if (caller.exchange == nullptr) return;
    std::exchange(caller.exchange, nullptr)->end({kind, nullptr});
  }

  upstream::Circuit& circuit(const std::string& service, const std::string& route = "") {
    return *find_circuit(x_control.services(), {service, route});
  }
  std::vector<Event> events_of(std::string_view kind) const {
    std::vector<Event> found;
    for (const Event& event : x_events.kept()) {
      if (event.kind == kind) found.push_back(event);
    }
    return found;
  }

  // The pool outlives the loop, whose reaper gives exchanges back.
  chain::ExchangePool x_pool;
  chain::MemoryBudget x_budget{1 << 20};
  outrigger::testing::VirtualLoop x_loop;
  LoopContext x_context = x_loop.context();
  chain::Driver x_driver;
  chain::Runtime x_runtime{x_context, x_loop.outbox(), x_driver, x_pool, x_budget, nullptr};
  chain::Route x_route;

  FakeControl x_control{x_context.clock};
  std::vector<Event> x_logged;
  Events x_events{x_context.clock, [this](const Event& event) { x_logged.push_back(event); }};
  Changes x_changes{x_context, x_control, x_events};
  metrics::Shards x_shards{{1, 10}};
  IdleFacts x_facts;
  metrics::Exporter x_exporter{x_shards, x_facts};
  config::AdminConfig x_admin;
  AccessRules x_rules{x_admin};
  Parts x_parts{x_context, x_control, x_changes, x_events, x_exporter};
  AdminApi x_api{x_parts, x_rules};
  AdminApi x_metrics_api{x_parts};
  std::vector<std::unique_ptr<chain::Chain>> x_chains;
  std::vector<std::unique_ptr<Caller>> x_callers;
};

}  // namespace outrigger::admin::testing
