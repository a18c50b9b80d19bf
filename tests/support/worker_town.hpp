// A Town is a whole data plane in memory and virtual time: workers over one virtual loop and one
// network of pipes, the services of a YAML text, scripted origins, and callers. Nothing of the
// product is faked above the socket. As it goes down it checks that nothing was left behind.
//
//   Town town("services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}");
//   Origin& origin = town.origin("10.0.0.1:80");
//   Caller caller(town);
//   EXPECT_EQ(caller.get("/x").status(), 200);
#pragma once

#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "config/config.hpp"
#include "proxy/app/process.hpp"
#include "proxy/app/snapshot.hpp"
#include "proxy/app/tls_contexts.hpp"
#include "proxy/app/worker.hpp"
#include "tests/support/pipe_network.hpp"
#include "tests/support/virtual_names.hpp"
#include "tests/support/worker_origin.hpp"

namespace outrigger::testing {

inline config::Config config_of(std::string_view yaml) {
  config::Loaded loaded = config::load_text("town.yaml", yaml, {});
  for (const config::Problem& problem : loaded.problems) {
    ADD_FAILURE() << config::to_string(problem);
  }
  OUTRIGGER_ASSERT(loaded.ok());
  return std::move(loaded.config);
}

class Town : public upstream::PermitPost {
 public:
  explicit Town(std::string_view yaml, unsigned worker_count = 1, uint64_t seed = 1)
      : Town(config_of(yaml), worker_count, seed) {}
  Town(const config::Config& config, unsigned worker_count, uint64_t seed)
      : loop(seed), process(config, {.workers = worker_count, .permit_post = this, .seed = seed}) {
    loop.set_after_each([](void* town) { static_cast<Town*>(town)->after_each(); }, this);
    for (unsigned i = 0; i < worker_count; ++i) {
      workers.push_back(
          std::make_unique<app::Worker>(i, loop.context(), loop.outbox(), network, names, process));
    }
    take(config);
    load_tls(config);
    for (auto& worker : workers) {
      for (const config::ListenerConfig& listener : config.listeners) {
        auto at = worker->acceptor_of(listener).listen(network, *Address::from_ip("127.0.0.1", 0));
        process.own_listeners.add(*at);
        x_addresses[listener.name].push_back(*at);
      }
    }
  }
  ~Town() override {
    loop.run_until_idle();
    for (auto& worker : workers) EXPECT_EQ(worker->running(), 0u);
    for (const auto& [name, service] : process.services.services()) check_at_rest(name, *service);
    EXPECT_EQ(process.retry_bodies.used(), 0);
    for (auto& worker : workers) worker->end();
    loop.run_until_idle();
    for (auto& [name, listener] : process.listeners) EXPECT_EQ(listener.open_connections.load(), 0);
    EXPECT_EQ(process.answers.bytes(), 0);
    workers.clear();
    origins.clear();
    // Slots of the wheel that timers have left are looked at once more; then nothing is due, ever.
    EXPECT_TRUE(loop.run_until([&] { return loop.is_empty(); }, kLongestMs));
  }

  Origin& origin(std::string_view address) {
    auto& origin = origins[std::string(address)];
    if (!origin) origin = std::make_unique<Origin>(loop, network, *Address::parse(address));
    return *origin;
  }
  // The caller's way in: of one worker, as if the kernel had chosen it.
  Address address(unsigned worker = 0, const std::string& listener = "outbound") const {
    return x_addresses.at(listener).at(worker);
  }
  upstream::Service& service(std::string_view name) { return *process.services.find(name); }
  upstream::CircuitState circuit(std::string_view name) { return service(name).circuit().state(); }

  // A new configuration for all workers.
  void take(std::string_view yaml) { take(config_of(yaml)); }
  void take(const config::Config& config) {
    const auto snapshot = app::make_snapshot(config, process.services, loop.now_ms());
    for (auto& worker : workers) worker->take(snapshot);
    for (const config::ServiceConfig& of : config.services) {
      if (of.endpoints.kind != config::EndpointSource::Kind::kStatic) continue;
      std::vector<upstream::ListedAddress> list;
      for (const config::StaticEndpoint& endpoint : of.endpoints.endpoints) {
        list.push_back({*Address::parse(endpoint.address), endpoint.weight});
      }
      give(of.name, list);
    }
  }
  // The files as they are now, as when they have changed.
  void load_tls(const config::Config& config) {
    for (const std::string& failure : app::publish_tls(config, process, std::time(nullptr))) {
      ADD_FAILURE() << failure;
    }
  }
  // What discovery says.
  void set_endpoints(const std::string& name, const std::vector<std::string>& addresses) {
    std::vector<upstream::ListedAddress> list;
    for (const std::string& address : addresses) list.push_back({*Address::parse(address)});
    give(name, list);
  }
  void give(const std::string& name, const std::vector<upstream::ListedAddress>& list) {
    const auto set = service(name).set_endpoints(list, loop.now_ms());
    for (auto& worker : workers) worker->take_endpoints(name, set);
  }

  void run() { loop.run_until_idle(); }
  void pass_ms(int64_t ms) { loop.advance_ms(ms); }
  int64_t now_ms() const { return loop.now_ms(); }

  void post_permit(upstream::OutstandingLimit& limit, unsigned worker) noexcept override {
    ++permits_posted;
    loop.post([&limit, worker] { limit.queue(worker).arrive(); });
  }

  VirtualLoop loop;
  PipeNetwork network{loop};
  VirtualNames names{loop};
  app::Process process;
  std::map<std::string, std::unique_ptr<Origin>> origins;
  std::vector<std::unique_ptr<app::Worker>> workers;
  int permits_posted = 0;

 private:
  static constexpr int64_t kLongestMs = 7'200'000;

  void after_each() {
    for (auto& worker : workers) worker->after_each();
  }
  static void check_at_rest(const std::string& name, const upstream::Service& service) {
    EXPECT_EQ(service.limit().outstanding(), 0) << name;
    EXPECT_EQ(service.limit().queued(), 0) << name;
    EXPECT_EQ(service.limit().streams().open(), 0) << name;
    if (const auto set = service.endpoints()) {
      for (const auto& entry : set->entries) {
        EXPECT_EQ(entry.endpoint->outstanding(), 0) << name << " " << entry.endpoint->name();
      }
    }
  }

  std::map<std::string, std::vector<Address>> x_addresses;
};

// A caller with one connection: requests as bytes out, answers as messages in.
class Caller final : public TestClient {
 public:
  explicit Caller(Town& town, unsigned worker = 0, const std::string& listener = "outbound")
      : TestClient(town.network, town.address(worker, listener)), x_town(town) {
    town.run();
  }
  // By a network of its own, such as one with TLS.
  Caller(Town& town, io::Network& network) : TestClient(network, town.address()), x_town(town) {
    town.run();
  }
  // A test may end while a stream is on the stack of nobody: plain destruction closes it.
  ~Caller() override = default;

  // Sends a request and goes on. `fields` are whole lines.
  void begin(std::string_view method, std::string_view target, std::string_view fields = {},
             std::string_view body = {}) {
    std::string head = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\n";
    head += "Host: " + host + "\r\n" + std::string(fields);
    const bool with_length = !body.empty() || method == "POST" || method == "PUT";
    if (with_length) head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    begin_raw(method, head + "\r\n" + std::string(body));
  }
  // Any bytes that begin with a request of that method.
  void begin_raw(std::string_view method, std::string_view bytes) {
    x_asked.emplace_back(method);
    send(bytes);
  }
  void expect_answer_to(std::string_view method) { x_asked.emplace_back(method); }

  // Lets time pass until the next answer is complete, or the connection over. The answer may be
  // incomplete then, or have no head at all.
  Message next(int64_t limit_ms = 120'000) {
    x_town.loop.run_until([&] { return x_taken < answers.size() || is_over(); }, limit_ms);
    if (x_taken < answers.size()) return answers[x_taken++];
    return partial();
  }
  Message ask(std::string_view method, std::string_view target, std::string_view fields = {},
              std::string_view body = {}) {
    begin(method, target, fields, body);
    return next();
  }
  Message get(std::string_view target = "/", std::string_view fields = {}) {
    return ask("GET", target, fields);
  }
  Message post(std::string_view target, std::string_view body, std::string_view fields = {}) {
    return ask("POST", target, fields, body);
  }

  // What there is of an answer that is not complete.
  Message partial() const {
    Message message;
    MessageReader::read(x_unread, asked(), is_over(), message);
    return message;
  }
  bool is_over() const { return ended || broken || !is_open(); }

  std::string host = "orders";
  std::vector<Message> answers;  // the complete ones, without interim ones
  std::vector<Message> interims;

  void on_read(std::string_view bytes) override {
    TestClient::on_read(bytes);
    x_unread += bytes;
    read_answers();
  }
  void on_end() override {
    TestClient::on_end();
    read_answers();
  }

 private:
  std::string_view asked() const {
    return answers.size() < x_asked.size() ? std::string_view(x_asked[answers.size()]) : "GET";
  }
  void read_answers() {
    Message message;
    while (x_unread.size() >= x_needs) {
      const size_t used = MessageReader::read(x_unread, asked(), ended, message);
      x_needs = used == 0 ? message.needs : 0;
      if (used == 0) return;
      x_unread.erase(0, used);
      message.at_ms = x_town.now_ms();
      EXPECT_FALSE(message.malformed) << message.start;
      (message.status() < 200 ? interims : answers).push_back(std::move(message));
    }
  }

  Town& x_town;
  std::vector<std::string> x_asked;
  std::string x_unread;
  size_t x_needs = 0;
  size_t x_taken = 0;
};

}  // namespace outrigger::testing
