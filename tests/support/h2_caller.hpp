// A caller that speaks HTTP/2 with prior knowledge: one connection to a Town's listener, as many
// requests on it as a test likes. Owned by the test; the town outlives it.
#pragma once

#include <memory>
#include <string>

#include "tests/support/h2_peer.hpp"
#include "tests/support/worker_town.hpp"

namespace outrigger::testing {

class H2Caller final : public H2Peer, private io::ConnectEvents {
 public:
  explicit H2Caller(Town& town, const http::H2Limits& limits = {},
                    const std::string& listener = "outbound")
      : H2Peer(town.loop, http::H2Role::kClient, limits), x_town(town) {
    x_connect = town.network.connect(town.address(0, listener), *this);
    town.run();
  }
  // By a network of its own: one with TLS.
  H2Caller(Town& town, io::Network& network)
      : H2Peer(town.loop, http::H2Role::kClient), x_town(town) {
    scheme = "https";
    x_connect = network.connect(town.address(), *this);
    town.run();
  }

  // A request without a body, or with all of it.
  H2Side& begin(std::string_view method, std::string_view target, const H2Fields& fields = {},
                std::string_view body = {}) {
    H2Side& side = sides.emplace_back(*this);
    const bool has_body = !body.empty();
    side.request(method, target, host, fields, has_body ? std::optional(body.size()) : std::nullopt,
                 has_body);
    if (has_body) side.send_data(body, true);
    return side;
  }
  // The body follows by send_data(); its length is not said.
  H2Side& begin_open(std::string_view method, std::string_view target,
                     const H2Fields& fields = {}) {
    H2Side& side = sides.emplace_back(*this);
    side.request(method, target, host, fields, std::nullopt, true);
    return side;
  }
  // Lets time pass until the answer is complete, the stream closed, or the connection gone.
  H2Side& finish(H2Side& side, int64_t limit_ms = 120'000) {
    x_town.loop.run_until([&] { return side.is_over() || is_gone(); }, limit_ms);
    return side;
  }
  H2Side& ask(std::string_view method, std::string_view target, const H2Fields& fields = {},
              std::string_view body = {}) {
    return finish(begin(method, target, fields, body));
  }
  H2Side& get(std::string_view target = "/", const H2Fields& fields = {}) {
    return ask("GET", target, fields);
  }

  std::string host = "orders";

 private:
  void on_connected(io::StreamPtr stream) override {
    attach(std::move(stream));
    start();
  }
  void on_connect_failed(Cause) override {}

  Town& x_town;
  io::OperationPtr x_connect;
};

}  // namespace outrigger::testing
