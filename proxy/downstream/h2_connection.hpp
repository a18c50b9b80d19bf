// An H2Connection speaks HTTP/2 with a caller (RFC 9113): many exchanges at once, each on a stream
// of its own (h2_server_stream.hpp). The session has the protocol; here are the bytes, the times
// and the ends. All that happened in a turn is written at once, before the loop sleeps. Owned by
// the Acceptor; one thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/buffer.hpp"
#include "proxy/base/timer_wheel.hpp"
#include "proxy/downstream/connection.hpp"
#include "proxy/downstream/h2_server_stream.hpp"
#include "proxy/http/h2_session.hpp"
#include "proxy/io/outbox.hpp"
#include "proxy/io/stream.hpp"

namespace outrigger::downstream {

class H2Connection final : public Connection,
                           public io::StreamEvents,
                           private http::H2SessionEvents,
                           private io::LateWriter {
 public:
  H2Connection(ServerContext& context, Arrival arrival, io::StreamPtr stream);
  ~H2Connection() override;

  void start();
  void close_if_idle() override;
  int reset() override;
  Holding holding() override;
  int64_t kernel_bytes() override;
  void shed() override;

  // -- for its streams
  ServerContext& context() { return x_context; }
  using Connection::original;
  using Connection::tls;
  http::H2Session& session() { return x_session; }
  const io::Stream& stream() const { return *x_stream; }
  Address caller() const { return is_over() ? Address() : x_stream->peer(); }
  int64_t now_ms() const { return x_context.runtime.loop.clock.now_ms(); }
  void note_pulled(H2ServerStream& stream);
  void note_ended();

 private:
  // What the caller owes us; decides which timer runs.
  enum class Wait : uint8_t {
    kNothing,   // it is our turn
    kSettings,  // its SETTINGS, and that it has seen ours: timeout.head
    kHead,      // the rest of a request head, without which nothing else can come: timeout.head
    kRequest,   // the next stream: timeout.keepalive
    kShutdown,  // nothing: time for streams that were on their way before the final GOAWAY
    kClose,     // its end, after ours
  };

  // -- io::StreamEvents
  void on_read(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;
  void on_drained() override;

  // -- http::H2SessionEvents
  http::H2Stream* on_new_stream() override;
  void on_rest() override;
  void on_full(bool full) override;
  void on_fault(http::Http2Fault reason, std::string_view text) override;
  void on_want_write() override { x_context.runtime.outbox.write_later(*this); }

  // The stream that holds most; null: there is none.
  H2ServerStream* largest_stream();

  void take(std::string_view bytes);
  void on_next_turn();
  void write_late() override;
  void settle();
  Wait next_wait();
  void wait_for(Wait wait);
  void on_timer();
  void end_rests();
  void watch_writing();
  void on_write_timer();
  void begin_close();
  void end_if_done();
  void lose_caller();
  // Ends all exchanges and hands everything to the Reaper.
  int end(chain::Outcome::Kind kind);
  bool is_over() const { return x_stream == nullptr; }

  io::StreamPtr x_stream;  // null: over
  http::H2Session x_session;
  List<H2ServerStream, OwnedByConnection> x_streams;
  List<H2ServerStream, PulledTag> x_pulled;
  Buffer x_rest;    // of what was read: for the next turn; until then nothing is read
  Buffer x_taking;  // that of the turn before
  Timer x_turn_timer = Timer::of<&H2Connection::on_next_turn>(*this);
  Timer x_timer = Timer::of<&H2Connection::on_timer>(*this);
  Timer x_rest_timer = Timer::of<&H2Connection::end_rests>(*this);
  Timer x_write_timer = Timer::of<&H2Connection::on_write_timer>(*this);
  uint64_t x_written = 0;
  uint64_t x_taken = 0;  // by the kernel, when the write timer last looked
  Wait x_wait = Wait::kNothing;
  int64_t x_begun = 0;       // requests in this turn
  int64_t x_stalled_ms = 0;  // since the kernel last took anything
  bool x_full = false;       // as many streams are open as may be
  bool x_failed = false;     // the session reads no more
  bool x_shutting = false;   // the first of two GOAWAY went out
  bool x_closing = false;    // our sending side has ended
  bool x_ended = false;      // the caller's has
};

}  // namespace outrigger::downstream
