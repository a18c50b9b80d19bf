// An HTTP/1.1 server of a few lines over any Network: it writes down what it is asked and answers
// as the test says, at once or later. And what a client::Transport needs, on a VirtualLoop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/chain/driver.hpp"
#include "proxy/chain/exchange.hpp"
#include "tests/support/test_peer.hpp"
#include "tests/support/virtual_loop.hpp"

namespace outrigger::testing {

class HttpServer final : public io::AcceptEvents {
 public:
  class Peer;
  struct Asked {
    std::string line;  // "GET /path"
    std::string head;
    std::string body;
    Peer* peer;
  };

  class Peer final : public TestPeer {
   public:
    Peer(HttpServer& server, io::StreamPtr stream)
        : TestPeer(std::move(stream)), x_server(server) {}

    void answer(int status, std::string_view body, std::string_view fields = "") {
      send("HTTP/1.1 " + std::to_string(status) + " x\r\n" + std::string(fields) +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
    }
    void begin_stream() { send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"); }
    void chunk(std::string_view bytes) {
      char size[20];
      std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
      send(size + std::string(bytes) + "\r\n");
    }
    void end_stream() { send("0\r\n\r\n"); }

   private:
    void on_read(std::string_view bytes) override {
      TestPeer::on_read(bytes);
      if (!x_head.empty() || received.find("\r\n\r\n") != std::string::npos) x_server.look(*this);
    }
    friend class HttpServer;
    HttpServer& x_server;
    std::string x_head;
  };

  HttpServer(io::Network& network, const std::string& at) {
    auto opened = network.listen(*Address::parse(at), *this);
    OUTRIGGER_ASSERT(opened);
    x_listener = std::move(*opened);
  }

  // For each request, when it is there as a whole.
  std::function<void(const Asked&)> on_request;
  std::vector<Asked> asked;

  const Asked& last() const { return asked.back(); }
  void stop_listening() { x_listener.reset(); }

 private:
  void on_accepted(io::StreamPtr stream) override {
    x_peers.push_back(std::make_unique<Peer>(*this, std::move(stream)));
  }
  void on_accept_refused() override {}

  void look(Peer& peer) {
    if (peer.x_head.empty()) peer.x_head = peer.take_head();
    const size_t at = peer.x_head.find("Content-Length: ");
    const size_t length = at == std::string::npos ? 0 : std::stoul(peer.x_head.substr(at + 16));
    if (peer.received.size() < length) return;
    const std::string line = peer.x_head.substr(0, peer.x_head.find(" HTTP/1.1"));
    asked.push_back({line, std::exchange(peer.x_head, {}), peer.take(), &peer});
    if (on_request) on_request(Asked(asked.back()));
  }

  io::ListenerPtr x_listener;
  std::vector<std::unique_ptr<Peer>> x_peers;
};

// The chain runtime of a loop that serves no callers.
struct LoopRuntime {
  explicit LoopRuntime(VirtualLoop& loop)
      : runtime{loop.context(), loop.outbox(), driver, exchanges, bodies} {
    loop.set_after_each([](void* of) { static_cast<chain::Driver*>(of)->run(); }, &driver);
  }

  chain::Driver driver;
  chain::ExchangePool exchanges;
  chain::MemoryBudget bodies{1 << 20};
  chain::Runtime runtime;
};

}  // namespace outrigger::testing
