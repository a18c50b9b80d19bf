#include "proxy/ctl/caller.hpp"

#include <optional>
#include <random>
#include <utility>

#include "proxy/chain/driver.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/io/loop.hpp"
#include "proxy/io/loop_network.hpp"

namespace outrigger::ctl {
namespace {

constexpr int64_t kBodyBytesMax = 1 << 20;
constexpr int64_t kNsPerMs = 1'000'000;

uint64_t fresh_seed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

// Tells the events on, and remembers that the last of them came.
class Until final : public client::AnswerEvents {
 public:
  explicit Until(client::AnswerEvents& events) : x_events(events) {}

  bool is_over() const { return x_is_over; }

 private:
  void on_head(int status, const http::Fields& fields) override {
    x_events.on_head(status, fields);
  }
  void on_body(std::string_view bytes) override { x_events.on_body(bytes); }
  void on_end() override {
    x_is_over = true;
    x_events.on_end();
  }
  void on_failed(const std::string& why) override {
    x_is_over = true;
    x_events.on_failed(why);
  }

  client::AnswerEvents& x_events;
  bool x_is_over = false;
};

}  // namespace

Server Server::at(const Address& address) {
  return {address, address.is_ip() ? address.to_string() : "localhost"};
}

// In the order in which they need each other.
class Caller::Parts {
 public:
  explicit Parts(Server of)
      : server(std::move(of)),
        loop(fresh_seed()),
        network(loop),
        runtime{loop.context(), loop.outbox(), driver, exchanges, bodies},
        // No name is ever looked up: each call connects to the address.
        transport(runtime, network, [] { return nullptr; }) {
    loop.set_after_each([](void* of_loop) { static_cast<chain::Driver*>(of_loop)->run(); },
                        &driver);
    if (server.tls != nullptr) tls.set(server.tls);
    client = std::make_unique<client::Client>(
        transport, Url{server.tls != nullptr, server.authority, ""}, &tls);
  }
  ~Parts() {
    loop.context().reaper.doom(std::move(client));
    loop.context().reaper.flush();
  }

  client::Request to_there(client::Request request) const {
    request.at = server.address;
    return request;
  }

  const Server server;
  chain::ExchangePool exchanges;  // outlives the loop, whose reaper gives exchanges back
  io::Loop loop;
  io::LoopNetwork network;
  chain::Driver driver;
  chain::MemoryBudget bodies{kBodyBytesMax};
  chain::Runtime runtime;
  client::Transport transport;
  Published<io::TlsClientContext> tls;
  std::unique_ptr<client::Client> client;
};

Caller::Caller(Server server) : x_parts(std::make_unique<Parts>(std::move(server))) {}

Caller::~Caller() = default;

const Server& Caller::server() const { return x_parts->server; }

Result<client::Answer> Caller::ask(const client::Request& request, const client::Bounds& bounds) {
  std::optional<Result<client::Answer>> got;
  const io::OperationPtr call = x_parts->client->ask(
      x_parts->to_there(request), bounds, [&](const auto& result) { got.emplace(result); });
  while (!got) x_parts->loop.run_once();
  return std::move(*got);
}

void Caller::follow(const client::Request& request, const client::Bounds& bounds,
                    client::AnswerEvents& events) {
  Until until(events);
  const io::OperationPtr call = x_parts->client->send(x_parts->to_there(request), bounds, until);
  while (!until.is_over()) x_parts->loop.run_once();
}

int64_t Caller::wall_ms() const { return x_parts->loop.context().clock.wall_ms(); }
int64_t Caller::ticks_ms() const { return x_parts->loop.context().clock.precise_ns() / kNsPerMs; }

}  // namespace outrigger::ctl
