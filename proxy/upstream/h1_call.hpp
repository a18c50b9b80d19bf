// One attempt over HTTP/1.1: gets a connection, sends the request, reads the answer and hands it to
// its leg. It says of each failure whether the request may have been seen. It decides nothing: who
// tries again, and where, is for the retry filter. h1_call.cpp connects, sends and ends,
// h1_answer.cpp reads. Lives in the arena of its exchange; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/buffer.hpp"
#include "proxy/base/timer_wheel.hpp"
#include "proxy/http/h1_body.hpp"
#include "proxy/http/h1_head.hpp"
#include "proxy/http/websocket.hpp"
#include "proxy/io/network.hpp"
#include "proxy/upstream/attempt.hpp"
#include "proxy/upstream/connection_pool.hpp"
#include "proxy/upstream/tunnel.hpp"

namespace outrigger::upstream {

class H1Call final : public Attempt, public io::StreamEvents, public DialEvents, public PoolWaiter {
 public:
  H1Call(chain::CallLeg leg, const CallSettings& settings, ConnectionPool& pool,
         EndpointLease lease, std::string_view name);

  void begin(int64_t connect_by_ms) override;
  void begin_on(io::StreamPtr stream, int64_t connect_by_ms) override;
  void fail_to_connect(Cause cause) override;

 private:
  // -- chain::Call
  void on_flow() override;
  void on_request_body() override;
  void on_congestion(bool congested) override;
  int64_t kernel_bytes() const override;
  void cancel() noexcept override;
  void reap() override { this->~H1Call(); }

  // -- getting a connection
  void on_pool_ready() override;
  void on_dialled(io::StreamPtr stream, std::string_view alpn) override;
  void on_dial_failed(Cause cause) override;
  void on_connect_timeout();
  void acquire();
  std::string_view tls_name() const;
  void use(H1Connection& connection);

  // -- sending
  void send_head();
  void send_body();
  void send_body_piece(std::string_view piece);
  void count_written(int64_t bytes);

  // -- io::StreamEvents of the connection
  void on_read(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;
  void on_drained() override;
  bool read_some(std::string_view& bytes);
  bool read_head(std::string_view& bytes);
  bool read_body(std::string_view& bytes);
  void read_buffered();
  bool may_read() const;  // of the body
  bool look_ahead(std::string_view& bytes);
  bool pass_head(std::string_view behind);
  bool take_final_head(http::ResponseHead& head, std::string_view behind);
  void end_of_stream();
  void begin_tunnel(std::string_view behind);
  void send_through_tunnel();
  void finish_if_tunnel_over();

  // -- ends
  void finish_before(std::string_view behind);
  void finish();
  void give_back_connection();
  void finish_held(const http::Fields* trailers);
  void fail(Cause cause, Sent sent = Sent::kMaybe);
  void fail_closed(bool clean);
  void drop_connection();

  ConnectionPool& x_pool;
  io::OperationPtr x_connect;
  std::optional<PoolSlot> x_slot;
  H1Connection* x_connection = nullptr;
  Timer x_connect_timer = Timer::of<&H1Call::on_connect_timeout>(*this);
  Buffer x_unread;  // an incomplete head, or what came before the body may flow
  http::HeadEnd x_head_end{http::Side::kResponse};
  http::BodyReader x_reader;
  std::optional<Tunnel> x_tunnel;  // after a 101
  http::WebSocketProof x_proof;
  int64_t x_connect_by_ms = 0;
  int64_t x_keep_alive_s = 0;
  const bool x_may_be_repeated;
  bool x_reusable = false;
  bool x_head_read = false;
  bool x_switched = false;  // it was a 101
  bool x_body_sent = false;
  bool x_sends_chunks = false;
  bool x_any_byte = false;  // of a response
  bool x_reading = false;   // within on_read or read_buffered
  bool x_congested = false;
  bool x_trailers_gone = false;  // with the head
  bool x_ended = false;          // the peer's end is still to be acted on
  bool x_over = false;           // cancelled, failed or complete
};

}  // namespace outrigger::upstream
