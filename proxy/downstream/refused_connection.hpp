// A RefusedConnection is one that was answered before anything of it was read. What its caller
// sends all the same is read past until that has gone, since a close over unread bytes is a reset,
// which takes the answer away (RFC 9112 section 9.6). Where many are refused we are short of
// something, so of each listener only the latest are kept, on each worker. Owned by the list in its
// ServerContext; one thread.
#pragma once

#include <string_view>

#include "proxy/base/timer_wheel.hpp"
#include "proxy/downstream/connection.hpp"
#include "proxy/http/linger.hpp"
#include "proxy/io/stream.hpp"

namespace outrigger::downstream {

class RefusedConnection final : public Connection, public io::StreamEvents {
 public:
  static constexpr int kMost = 1024;

  // It has no place under limits.connections any more. An empty answer is a mere end.
  static void refuse(ServerContext& context, io::StreamPtr stream, std::string_view answer);

  void close_if_idle() override {}
  int reset() override;
  Holding holding() override { return {}; }

 private:
  RefusedConnection(ServerContext& context, io::StreamPtr stream);

  void on_read(std::string_view bytes) override;
  void on_end() override { end(); }
  void on_broken() override { end(); }
  void on_drained() override {}
  void end();
  void arm();

  io::StreamPtr x_stream;
  Timer x_timer = Timer::of<&RefusedConnection::end>(*this);
  http::Linger x_linger;
};

// Answers of a listener that takes no connection.
inline constexpr std::string_view kTooManyConnections =
    "HTTP/1.1 503 Service Unavailable\r\n"
    "Proxy-Status: outrigger; error=proxy_internal_error; details=\"connections\"\r\n"
    "Content-Length: 0\r\n"
    "Connection: close\r\n\r\n";
inline constexpr std::string_view kNoMemory =
    "HTTP/1.1 503 Service Unavailable\r\n"
    "Proxy-Status: outrigger; error=proxy_internal_error; details=\"overload\"\r\n"
    "Content-Length: 0\r\n"
    "Connection: close\r\n\r\n";

}  // namespace outrigger::downstream
