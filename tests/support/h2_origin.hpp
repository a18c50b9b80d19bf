// A scripted upstream that speaks HTTP/2: it records every request and treats each complete one as
// its script says, as Origin does for HTTP/1. Owned by the test, declared before whatever ends
// first; the town outlives it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "tests/support/h2_peer.hpp"
#include "tests/support/worker_town.hpp"

namespace outrigger::testing {

class H2Origin final : public io::AcceptEvents {
 public:
  class Connection final : public H2Peer {
   public:
    Connection(H2Origin& origin, int number, io::StreamPtr stream)
        : H2Peer(origin.x_loop, http::H2Role::kServer, origin.limits),
          x_origin(origin),
          x_number(number) {
      attach(std::move(stream));
      if (!origin.mute) start();
      if (origin.mute) fall_silent();
    }
    void on_head(H2Side& side) override {
      ++x_origin.heads;
      if (x_origin.on_head) x_origin.on_head(side);
    }
    void on_complete(H2Side& side) override {
      ++x_origin.complete;
      x_origin.requests.push_back(&side);
      if (x_origin.script.empty()) return x_origin.otherwise(side);
      const Behaviour behaviour = std::move(x_origin.script.front());
      x_origin.script.pop_front();
      behaviour(side);
    }

   private:
    http::H2Stream* on_new_stream() override {
      if (x_origin.refuse > 0) {
        --x_origin.refuse;
        return nullptr;
      }
      H2Side& side = sides.emplace_back(*this);
      side.connection = x_number;
      side.takes = x_origin.takes;
      return &side;
    }
    H2Origin& x_origin;
    const int x_number;
  };
  using Behaviour = std::function<void(H2Side&)>;

  H2Origin(Town& town, std::string_view address, const http::H2Limits& of = {})
      : H2Origin(town, town.network, address, of) {}
  H2Origin(Town& town, io::Network& network, std::string_view address,
           const http::H2Limits& of = {})
      : limits(of), x_loop(town.loop) {
    auto opened = network.listen(*Address::parse(address), *this);
    OUTRIGGER_ASSERT(opened);
    x_listener = std::move(*opened);
  }

  http::H2Limits limits;
  std::deque<Behaviour> script;
  Behaviour otherwise = [](H2Side& side) {
    side.answer(200, side.method == http::Method::kHead ? "" : "ok");
  };
  Behaviour on_head;  // before the script sees the whole request
  int refuse = 0;     // so many streams get REFUSED_STREAM
  bool takes = true;  // windows open again
  bool mute = false;  // accepts, and never says a word

  std::vector<std::unique_ptr<Connection>> connections;
  std::vector<H2Side*> requests;  // the complete ones
  size_t heads = 0;
  size_t complete = 0;

  size_t accepted() const { return connections.size(); }
  size_t open_connections() const {
    size_t open = 0;
    for (const auto& one : connections) open += one->is_gone() ? 0 : 1;
    return open;
  }
  Connection& last() { return *connections.back(); }
  H2Side& last_side() { return last().sides.back(); }

  void on_accepted(io::StreamPtr stream) override {
    const int number = static_cast<int>(connections.size());
    connections.push_back(std::make_unique<Connection>(*this, number, std::move(stream)));
  }
  void on_accept_refused() override {}

 private:
  VirtualLoop& x_loop;
  io::ListenerPtr x_listener;
};

}  // namespace outrigger::testing
