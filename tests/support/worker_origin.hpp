// A scripted upstream in memory: it records every request, byte for byte, and treats each as its
// script says: answers, delays, stalls, resets, half-closes, drips, sends nonsense. One behaviour
// is taken from `script` for each request; when that is empty, `otherwise` applies. Owned by the
// Town.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/test_peer.hpp"
#include "tests/support/virtual_loop.hpp"
#include "tests/support/worker_message.hpp"

namespace outrigger::testing {

class Origin final : public io::AcceptEvents {
 public:
  // One accepted connection; lives as long as its origin, its stream may not.
  class Connection final : public TestPeer {
   public:
    Connection(Origin& origin, int number, io::StreamPtr stream)
        : x_origin(origin), x_number(number) {
      attach(std::move(stream));
    }

    VirtualLoop& loop() { return x_origin.x_loop; }
    // The request that is being treated; its body grows.
    const Message& request() const { return x_request; }

    void answer(int status, std::string_view body, std::string_view fields = {}) {
      send_if_open(http_text("HTTP/1.1 " + std::to_string(status) + " Said So", fields, body));
    }
    void send_if_open(std::string_view bytes) {
      if (is_open()) send(bytes);
    }
    // Our FIN, then nothing of the connection is left.
    void close_cleanly() {
      if (!is_open()) return;
      stream().finish();
      loop().context().reaper.doom(take_stream());
    }
    void reset() {
      if (!is_open()) return;
      stream().abort();
      loop().context().reaper.doom(take_stream());
    }
    void after(int64_t ms, std::function<void()> task) {
      x_later.emplace_back(loop(), std::move(task));
      x_later.back().arm_at(loop().now_ms() + ms);
    }

    void on_read(std::string_view bytes) override {
      TestPeer::on_read(bytes);
      x_origin.bytes_received += bytes.size();
      x_unread += bytes;
      read_requests();
    }

   private:
    void read_requests() {
      while (!x_unread.empty() && x_unread.size() >= x_needs) {
        const size_t used = MessageReader::read(x_unread, {}, false, x_request);
        x_needs = used == 0 ? x_request.needs : 0;
        if (!x_request.has_head) return;
        if (!x_begun) {
          x_begun = true;
          ++x_origin.heads;
          if (x_origin.on_head) x_origin.on_head(*this);
        }
        if (used == 0) return;
        x_unread.erase(0, used);
        x_begun = false;
        x_request.at_ms = loop().now_ms();
        x_request.connection = x_number;
        x_origin.treat(*this);
      }
    }

    Origin& x_origin;
    const int x_number;
    Message x_request;
    std::string x_unread;
    size_t x_needs = 0;
    bool x_begun = false;
    std::list<VirtualLoop::Event> x_later;
  };
  using Behaviour = std::function<void(Connection&)>;

  Origin(VirtualLoop& loop, io::Network& network, const Address& at) : x_loop(loop) {
    auto opened = network.listen(at, *this);
    OUTRIGGER_ASSERT(opened);
    x_listener = std::move(*opened);
  }

  std::deque<Behaviour> script;
  Behaviour otherwise = [](Connection& connection) { connection.answer(200, "ok"); };
  // As soon as a head is there, before the script sees the whole request.
  Behaviour on_head;

  std::vector<Message> requests;  // the complete ones
  size_t heads = 0;
  size_t bytes_received = 0;
  std::vector<std::unique_ptr<Connection>> connections;

  size_t accepted() const { return connections.size(); }
  size_t open_connections() const {
    return static_cast<size_t>(std::count_if(
        connections.begin(), connections.end(),
        [](const auto& one) { return one->is_open() && !one->ended && !one->broken; }));
  }
  Connection& last() { return *connections.back(); }
  size_t count(std::string_view method) const {
    return static_cast<size_t>(std::count_if(
        requests.begin(), requests.end(), [&](const auto& one) { return one.method() == method; }));
  }
  // Listens no more; connections that are open stay.
  void close() { x_listener.reset(); }

  void on_accepted(io::StreamPtr stream) override {
    const int number = static_cast<int>(connections.size());
    connections.push_back(std::make_unique<Connection>(*this, number, std::move(stream)));
  }
  void on_accept_refused() override {}

 private:
  void treat(Connection& connection) {
    requests.push_back(connection.request());
    if (script.empty()) return otherwise(connection);
    const Behaviour behaviour = std::move(script.front());
    script.pop_front();
    behaviour(connection);
  }

  VirtualLoop& x_loop;
  io::ListenerPtr x_listener;
};

// What an origin may do with a request.

inline Origin::Behaviour answers(int status, std::string body = "ok", std::string fields = {}) {
  return [=](Origin::Connection& on) { on.answer(status, body, fields); };
}
inline Origin::Behaviour sends(std::string raw) {
  return [=](Origin::Connection& on) { on.send_if_open(raw); };
}
inline Origin::Behaviour stalls() {
  return [](Origin::Connection&) {};
}
inline Origin::Behaviour closes() {
  return [](Origin::Connection& on) { on.close_cleanly(); };
}
inline Origin::Behaviour resets() {
  return [](Origin::Connection& on) { on.reset(); };
}
inline Origin::Behaviour after(int64_t ms, Origin::Behaviour what) {
  return [=](Origin::Connection& on) { on.after(ms, [what, &on] { what(on); }); };
}
inline Origin::Behaviour both(Origin::Behaviour first, Origin::Behaviour then) {
  return [=](Origin::Connection& on) {
    first(on);
    then(on);
  };
}

}  // namespace outrigger::testing
