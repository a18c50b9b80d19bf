// A server side with nothing behind it: the acceptor over the network in memory, a resolver that
// does as a test says, and a terminal that answers at once or when a test says so.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/chain/call_leg.hpp"
#include "proxy/chain/driver.hpp"
#include "proxy/downstream/acceptor.hpp"
#include "proxy/downstream/h1_connection.hpp"
#include "tests/support/pipe_network.hpp"
#include "tests/support/test_peer.hpp"

namespace outrigger::testing {

// What became of one call; outlives it.
struct CallRecord {
  std::optional<chain::CallLeg> leg;  // while it runs
  std::string method;
  std::string target;
  std::string body;  // pulled so far
  bool pulls = true;
  // Answered by this from within on_flow(), as a small upstream answer is.
  std::optional<std::string> flows;
  bool body_ended = false;
  bool flowing = false;
  bool congested = false;
  int congestions = 0;
  bool cancelled = false;

  // Pulls what there is of the request body.
  void pull() {
    while (!leg->body_ready().empty()) {
      const std::string_view ready = leg->body_ready();
      body += ready;
      leg->body_consume(ready.size());
    }
    body_ended = leg->body_ended();
  }
  // `length` < 0: chunked.
  void head(int status, int64_t length, std::string_view field = {}, std::string_view value = {}) {
    Arena& arena = leg->exchange().arena();
    auto* head = arena.make<http::ResponseHead>();
    head->status = status;
    head->content_length = length;
    head->framing = length < 0 ? http::Framing::kChunked : http::Framing::kLength;
    const bool bodiless = status == 204 || status == 304;
    if (bodiless || method == "HEAD") head->framing = http::Framing::kNone;
    if (!field.empty()) head->fields.add(arena, arena.copy(field), arena.copy(value));
    leg->deliver_head(*head);
    leg->exchange().runtime().driver.run();
  }
  void push(std::string_view bytes) { leg->push_body(leg->exchange().arena().copy(bytes)); }
  void end(const http::Fields* trailers = nullptr) {
    const chain::CallLeg ended = *leg;
    ended.push_end(trailers);
  }
  void respond_at_once(int status, std::string_view text) {
    flows = text;
    head(status, static_cast<int64_t>(text.size()));
  }
  void respond(int status, std::string_view text) {
    head(status, static_cast<int64_t>(text.size()));
    if (!leg) return;
    if (!text.empty() && method != "HEAD") push(text);
    end();
  }
};

class FakeTerminal final : public chain::Terminal {
 public:
  // Answers "METHOD target body" as soon as the request is complete.
  bool echoes = true;
  bool pulls = true;
  std::function<void(CallRecord&)> on_start;
  std::vector<std::shared_ptr<CallRecord>> calls;
  CallRecord& last() { return *calls.back(); }

  chain::CallPtr start(chain::CallLeg leg) override {
    auto record = std::make_shared<CallRecord>();
    record->leg = leg;
    record->method = leg.request().method_text;
    record->target = leg.request().target;
    record->pulls = pulls;
    calls.push_back(record);
    auto* call = new FakeCall(*this, record);
    chain::CallPtr owner(call, {&leg.exchange().loop().reaper});
    if (on_start) on_start(*record);
    call->on_request_body();
    return owner;
  }

 private:
  class FakeCall final : public chain::Call {
   public:
    FakeCall(FakeTerminal& terminal, std::shared_ptr<CallRecord> record)
        : x_echoes(terminal.echoes), x_record(std::move(record)) {}

    void on_flow() override {
      x_record->flowing = true;
      if (!x_echoes && !x_record->flows) return;
      const std::string text = x_record->flows.value_or(echo_text());
      if (x_record->method != "HEAD") {
        x_record->push(text);
      }
      x_record->end();
    }
    void on_request_body() override {
      if (x_record->pulls) x_record->pull();
      if (!x_echoes || !x_record->body_ended || x_answered) return;
      x_answered = true;
      const std::string text = echo_text();
      x_record->head(200, static_cast<int64_t>(text.size()));
    }
    void on_congestion(bool congested) override {
      x_record->congested = congested;
      if (congested) ++x_record->congestions;
    }
    void cancel() noexcept override {
      x_record->cancelled = !x_record->flowing || !x_record->leg->exchange().request_complete();
      x_record->leg.reset();
    }

   private:
    std::string echo_text() const {
      return x_record->method + " " + x_record->target + " " + x_record->body;
    }
    bool x_echoes;
    bool x_answered = false;
    std::shared_ptr<CallRecord> x_record;
  };
};

class FakeResolver final : public downstream::Resolver {
 public:
  explicit FakeResolver(const chain::Route& route) : x_route(route) {}

  Cause cause = Cause::kNone;
  int resolved = 0;
  std::vector<std::string> fields;  // of the last request, "name: value"

  downstream::Resolution resolve(const http::RequestHead& request, const Address*,
                                 Arena&) override {
    ++resolved;
    fields.clear();
    for (const http::Field& field : request.fields) {
      fields.push_back(std::string(field.name) + ": " + std::string(field.value));
    }
    if (request.authority == "unknown") return {.cause = Cause::kUnknownHost};
    if (cause != Cause::kNone) return {.route = &x_route, .cause = cause};
    return {&x_route, x_route.chains.front().get(), Cause::kNone};
  }

 private:
  const chain::Route& x_route;
};

// Has the request body kept whole, as retry does.
class RetainingFilter final : public chain::Filter {
 public:
  std::string_view name() const override { return "retaining"; }
  chain::Step on_request(chain::Leg& leg, void*) override {
    const http::RequestHead& request = leg.request();
    const bool counted = request.framing == http::Framing::kLength;
    leg.exchange().body().retain(64 * 1024, counted ? request.content_length : -1);
    return chain::Step::kContinue;
  }
};

struct EndCounter final : chain::ExchangeObserver {
  int done = 0;
  int failed = 0;
  int gone = 0;
  int dropped = 0;
  void on_exchange_end(const chain::Exchange&, const chain::Outcome& outcome) override {
    using Kind = chain::Outcome::Kind;
    done += outcome.kind == Kind::kDone ? 1 : 0;
    failed += outcome.kind == Kind::kFailed ? 1 : 0;
    gone += outcome.kind == Kind::kCallerGone ? 1 : 0;
    dropped += outcome.kind == Kind::kDropped ? 1 : 0;
  }
};

class Server {
 public:
  explicit Server(std::vector<chain::Filter*> with = {}) : filters(std::move(with)) {
    route.service = route.label = "orders";
    route.chains.push_back(std::make_unique<chain::Chain>(filters, terminal));
    loop.set_after_each([](void* of) { static_cast<chain::Driver*>(of)->run(); }, &driver);
    address = *acceptor->listen(network, *Address::from_ip("127.0.0.1", 0));
  }
  // Whatever a test did, nothing may be left.
  ~Server() {
    acceptor->close_all();
    loop.run_until_idle();
    EXPECT_EQ(exchanges.in_use(), 0u);
    EXPECT_EQ(counts.open_connections.load(), 0);
    EXPECT_EQ(series.downstream_connections.value(), 0);
    EXPECT_EQ(retry_bodies.used(), 0);
    acceptor.reset();
  }

  VirtualLoop loop;
  PipeNetwork network{loop};
  chain::Driver driver;
  chain::ExchangePool exchanges;
  chain::MemoryBudget retry_bodies{1 << 20};
  EndCounter ends;
  chain::Runtime runtime{loop.context(), loop.outbox(), driver, exchanges, retry_bodies, &ends};
  FakeTerminal terminal;
  std::vector<chain::Filter*> filters;
  chain::Route route;
  FakeResolver resolver{route};
  metrics::WorkerSeries series;
  downstream::ListenerState counts;
  downstream::ServerContext context{runtime, resolver, series, {}, counts};
  std::unique_ptr<downstream::Acceptor> acceptor = std::make_unique<downstream::Acceptor>(context);
  Address address;
};

// A caller of that server.
class Caller : public TestClient {
 public:
  explicit Caller(Server& server) : TestClient(server.network, server.address), x_server(server) {
    server.loop.run_until_idle();
  }

  // Sends and returns what comes back without time passing.
  std::string ask(std::string_view bytes) {
    send(bytes);
    return wait();
  }
  std::string wait(int64_t ms = 0) {
    if (ms > 0) {
      x_server.loop.advance_ms(ms);
    } else {
      x_server.loop.run_until_idle();
    }
    return take();
  }
  bool is_over() const { return ended || broken; }

 private:
  Server& x_server;
};

inline std::string get(std::string_view target, std::string_view more = {}) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(more) + "\r\n";
}
inline std::string post(std::string_view target, std::string_view body) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}
inline std::string ok(std::string_view text) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" +
         std::string(text);
}

}  // namespace outrigger::testing
