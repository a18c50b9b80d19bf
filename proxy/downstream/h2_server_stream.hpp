// One request of an HTTP/2 caller: the stream of the session on one side, the sink of an exchange
// on the other. What the exchange pushes waits here until the caller's windows take it; what the
// caller sends is credited as the exchange reads it on. Owned by its connection; one thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/byte_account.hpp"
#include "proxy/base/pool.hpp"
#include "proxy/base/reaper.hpp"
#include "proxy/base/timer_wheel.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/http/h2_stream.hpp"

namespace outrigger::downstream {

class H2Connection;

struct OwnedByConnection;
struct PulledTag;

class H2ServerStream final : public http::H2Stream,
                             public Reapable,
                             public ListNode<OwnedByConnection>,
                             public ListNode<PulledTag>,
                             private chain::ResponseSink {
 public:
  // An answer that nobody takes on fills at most that, and what one push was over.
  static constexpr size_t kOutMax = 64 * 1024;
  static constexpr size_t kSmallMax = 1024;
  // A caller that takes less within write_stall stalls.
  static constexpr int64_t kSlowestPerS = 512;

  explicit H2ServerStream(H2Connection& connection);
  static void* operator new(size_t bytes);
  static void operator delete(void* memory) { Pool::of_thread().free(memory); }

  // Leaves the session and ends the exchange, now; the rest is the Reaper's.
  void end(chain::Outcome::Kind kind, const Error* error = nullptr);
  // The session took some of the answer.
  void after_pull();
  // It is a tunnel that is over for the caller, and not yet for the upstream.
  bool outlives_caller() const { return x_session_done; }
  // Its request head is complete.
  bool has_head() const { return x_has_head; }
  // About what it holds in memory. Requires: it is not over.
  int64_t held_bytes() const { return static_cast<int64_t>(waiting()) + x_exchange->held_bytes(); }
  int64_t kernel_bytes() const { return x_exchange->kernel_bytes(); }
  // For want of memory: 503 where no answer has begun, else a reset. Requires: it is not over.
  void shed();
  // The answer ends here, by a reset, and with it what waits for the caller.
  void cut_off(const Error& error);

 private:
  // -- http::H2Stream
  Arena& arena() override { return x_exchange->arena(); }
  void on_request(http::RequestHead& head, Cause cause) override;
  void on_data(std::string_view bytes) override;
  void on_end(const http::Fields* trailers) override;
  void on_done() override;
  void on_closed(const http::H2Close& close) override;
  std::string_view body_ready() override { return x_small.empty() ? x_out.view() : x_small; }
  void body_sent(size_t bytes) override;
  bool body_ended() const override { return x_complete || x_half_closed; }
  const http::Fields* trailers_out() const override { return x_trailers; }

  // -- chain::ResponseSink
  void send_interim(int status, std::string_view reason, const http::Fields& fields) override;
  void send_head(const http::ResponseHead& head) override;
  void send_body(std::string_view bytes) override;
  void send_end(const http::Fields* trailers) override;
  void send_half_close() override;
  void abort(const Error& error) override;
  bool is_congested() const override { return waiting() >= kOutMax; }
  void want_request_body() override;
  Address caller() const override;

  void refuse(const chain::Route* route, Cause cause);
  void refuse_tunnel();
  http::H2Code code_of(const Error& error) const;
  void end_with_status(const Error& error);
  void answer_options();
  void submit(const http::ResponseHead& head, bool has_body);
  bool is_answered() const { return x_complete || x_error != nullptr; }
  size_t waiting() const { return x_small.size() + x_out.size(); }
  void give_credit();
  void watch();
  void on_timer();
  void on_stall();

  H2Connection& x_connection;
  chain::Exchange* x_exchange;  // null: over
  std::string_view x_small;     // of the body: the first piece, if it fits into the arena
  CountedBuffer x_out;          // what follows
  const http::Fields* x_trailers = nullptr;
  const http::ResponseHead* x_lone_head = nullptr;  // without a body: goes with the end
  const Error* x_error = nullptr;                   // why it ends before its answer was complete
  Timer x_timer = Timer::of<&H2ServerStream::on_timer>(*this);
  int64_t x_credited = 0;
  int64_t x_taken = 0;  // of the answer, since the timer was set for it
  int64_t x_stalled_ms = 0;
  bool x_has_head = false;
  bool x_stalling = false;  // the timer runs for the caller to take what waits
  bool x_complete = false;  // the exchange has nothing more to send
  bool x_bodiless = false;
  bool x_has_length = false;    // the head says how long the body is
  bool x_tunnel = false;        // is open
  bool x_half_closed = false;   // nothing more comes of the upstream's side of it
  bool x_session_done = false;  // the session is through with it
  bool x_body_begun = false;
};

}  // namespace outrigger::downstream
