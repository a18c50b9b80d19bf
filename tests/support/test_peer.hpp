// The other side of a connection in a test: it records what it receives, and sends, finishes,
// pauses and breaks off as told. A TestClient makes one by connecting, a TestOrigin for each
// connection it accepts. They work over any Network.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/io/network.hpp"

namespace outrigger::testing {

class TestPeer : public io::StreamEvents {
 public:
  TestPeer() = default;
  explicit TestPeer(io::StreamPtr stream) { attach(std::move(stream)); }
  virtual ~TestPeer() = default;
  TestPeer(const TestPeer&) = delete;
  TestPeer& operator=(const TestPeer&) = delete;

  void attach(io::StreamPtr stream) {
    x_stream = std::move(stream);
    x_stream->start(*this);
  }

  void send(std::string_view bytes) { x_stream->write(bytes); }
  void finish() { x_stream->finish(); }
  void pause() { x_stream->pause_reading(); }
  void resume() { x_stream->resume_reading(); }
  void abort() {
    x_stream->abort();
    x_stream.reset();
  }
  void close() { x_stream.reset(); }

  bool is_open() const { return x_stream != nullptr; }
  io::Stream& stream() { return *x_stream; }
  // For a test that ends the connection from within a callback.
  io::StreamPtr take_stream() { return std::move(x_stream); }
  // What has been received since the last call.
  std::string take() { return std::exchange(received, {}); }
  // The head of a message at its front, without its body; empty while it is not all there.
  std::string take_head() {
    const size_t end = received.find("\r\n\r\n");
    if (end == std::string::npos) return {};
    std::string head = received.substr(0, end + 4);
    received.erase(0, end + 4);
    return head;
  }

  std::string received;
  size_t reads = 0;
  bool ended = false;
  bool broken = false;
  int drained = 0;

  void on_read(std::string_view bytes) override {
    received += bytes;
    ++reads;
  }
  void on_end() override { ended = true; }
  void on_broken() override { broken = true; }
  void on_drained() override { ++drained; }

 private:
  io::StreamPtr x_stream;
};

class TestClient : public TestPeer, public io::ConnectEvents {
 public:
  TestClient(io::Network& network, const Address& to) : x_connect(network.connect(to, *this)) {}

  void cancel() { x_connect.reset(); }

  bool connected = false;
  std::optional<Cause> failed;

  void on_connected(io::StreamPtr stream) override {
    connected = true;
    attach(std::move(stream));
  }
  void on_connect_failed(Cause cause) override { failed = cause; }

 private:
  io::OperationPtr x_connect;
};

class TestOrigin : public io::AcceptEvents {
 public:
  TestOrigin() = default;
  virtual ~TestOrigin() = default;
  // Requires: the address is free.
  TestOrigin(io::Network& network, const Address& at) { listen(network, at); }

  void listen(io::Network& network, const Address& at) {
    auto opened = network.listen(at, *this);
    OUTRIGGER_ASSERT(opened);
    x_listener = std::move(*opened);
  }
  void serve(io::ListenerPtr listener) { x_listener = std::move(listener); }
  void close() { x_listener.reset(); }
  Address address() const { return x_listener->address(); }

  std::vector<std::unique_ptr<TestPeer>> peers;
  int refused = 0;

  TestPeer& last() { return *peers.back(); }

  void on_accepted(io::StreamPtr stream) override {
    peers.push_back(std::make_unique<TestPeer>(std::move(stream)));
  }
  void on_accept_refused() override { ++refused; }

 private:
  io::ListenerPtr x_listener;
};

}  // namespace outrigger::testing
