// One attempt over HTTP/2: one stream of a connection that it shares with others. It hands the
// answer to its leg and says of each failure whether the request may have been seen. What comes
// before the caller can take it waits here, bounded by the window of the stream, which opens again
// only as bytes go on. Lives in the arena of its exchange; one thread.
//
// An Upgrade goes by extended CONNECT (RFC 8441): what the caller sends waits for the answer.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/buffer.hpp"
#include "proxy/base/timer_wheel.hpp"
#include "proxy/http/h2_stream.hpp"
#include "proxy/upstream/attempt.hpp"
#include "proxy/upstream/h2_pool.hpp"

namespace outrigger::upstream {

class H2Call final : public Attempt, private http::H2Stream, private H2Waiter {
 public:
  H2Call(chain::CallLeg leg, const CallSettings& settings, H2Pool& pool, EndpointLease lease,
         std::string_view name);

  void begin(int64_t connect_by_ms) override;
  void begin_on(io::StreamPtr stream, int64_t connect_by_ms) override;
  void fail_to_connect(Cause cause) override;

 private:
  enum class Tunnel : uint8_t {
    kNone,  // is not asked for
    kAsked,
    kRefused,   // something else was answered
    kAccepted,  // but the answer has not gone to the caller yet
    kOpen,
  };

  // -- chain::Call
  void on_flow() override;
  void on_request_body() override;
  void on_congestion(bool congested) override;
  void cancel() noexcept override;
  void reap() override { this->~H2Call(); }

  // -- H2Waiter
  std::string_view wanted_name() const override {
    return x_pool.tls().is_on() ? server_name() : std::string_view();
  }
  bool wants_tunnel() const override { return x_tunnel != Tunnel::kNone; }
  int64_t opened_since_ms() const override { return x_opened_since_ms; }
  void on_h2_ready(H2Connection& connection) override { use(connection); }
  void on_h2_failed(Cause cause) override { fail(cause, Sent::kNever); }
  void on_connect_timeout();
  void use(H2Connection& connection);

  // -- http::H2Stream
  Arena& arena() override;
  const http::HeadLimits* head_limits() const override { return &x_settings.head_limits; }
  void on_response(http::ResponseHead& head) override;
  void on_data(std::string_view bytes) override;
  void on_end(const http::Fields* trailers) override;
  void on_done() override;
  void on_closed(const http::H2Close& close) override;
  std::string_view body_ready() override;
  void body_sent(size_t bytes) override { x_leg.body_consume(bytes); }
  bool body_ended() const override;
  const http::Fields* trailers_out() const override;

  bool may_push() const { return x_leg.is_flowing() && !x_congested; }
  bool is_tunnel() const { return x_tunnel == Tunnel::kAccepted || x_tunnel == Tunnel::kOpen; }
  void answer_tunnel(http::ResponseHead& head);
  void push_held();
  void consume_owed();
  // The answer is complete, and nothing is held: the leg may end.
  void finish_if_complete();
  Sent sent_of(const http::H2Close& close) const;
  void fail(Cause cause, Sent sent, http::H2Code code = http::H2Code::kNoError);
  void fail_late();
  void drop();
  // Parts from the connection.
  void leave();

  H2Pool& x_pool;
  H2Connection* x_connection = nullptr;  // null also once both sides are complete
  Timer x_connect_timer = Timer::of<&H2Call::on_connect_timeout>(*this);
  Buffer x_held;  // of the answer, that may not be pushed yet
  int64_t x_opened_since_ms = 0;
  size_t x_owed = 0;  // pushed, but not yet gone on: the window stays closed by so much
  const http::Fields* x_trailers = nullptr;
  std::string_view x_protocol;  // that a tunnel is to speak
  Tunnel x_tunnel = Tunnel::kNone;
  bool x_reused = false;  // the connection had calls before
  bool x_head_read = false;
  bool x_peer_done = false;    // the whole answer is here
  bool x_done = false;         // both sides are complete
  bool x_half_closed = false;  // the leg was told that nothing more comes of a tunnel
  bool x_congested = false;
  bool x_pushing = false;
  bool x_over = false;  // cancelled, failed or complete
};

}  // namespace outrigger::upstream
