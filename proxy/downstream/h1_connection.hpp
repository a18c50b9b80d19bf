// An H1Connection speaks HTTP/1 with a caller (RFC 9112): one exchange at a time, answers in the
// order of the requests. A request that arrives whole is run to its end within the read callback
// and never copied but for its head. Split over three files: h1_connection.cpp has the events, the
// timers and the ends, h1_request.cpp reads, h1_response.cpp writes. Owned by the Acceptor; one
// thread.
//
//   Bytes go straight from the read buffer to the head or body that is due; what cannot be used yet
//   waits in x_buffer. Reading stops only when that is full or the request body is held back.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/base/buffer.hpp"
#include "proxy/base/timer_wheel.hpp"
#include "proxy/downstream/connection.hpp"
#include "proxy/http/h1_body.hpp"
#include "proxy/http/h1_head.hpp"
#include "proxy/http/linger.hpp"
#include "proxy/io/stream.hpp"

namespace outrigger::downstream {

class H1Connection final : public Connection, public io::StreamEvents, private chain::ResponseSink {
 public:
  H1Connection(ServerContext& context, Arrival arrival, io::StreamPtr stream);
  ~H1Connection() override;

  void start();
  void close_if_idle() override;
  int reset() override;
  Holding holding() override;
  int64_t kernel_bytes() override;
  void shed() override;

 private:
  // What the caller owes us; decides which timer runs.
  enum class Wait : uint8_t {
    kNothing,   // it is our turn
    kRequest,   // the first byte of a request: timeout.keepalive
    kHead,      // the rest of a head: timeout.head, from its first byte
    kBody,      // more of the request body: timeout.body_idle, from the latest byte
    kRest,      // the little that is left of a body whose answer is complete: http::Linger
    kNextTurn,  // nothing: other connections come first
    kPaused,    // we do not read, and look once a second whether the caller is still there
    kClose,     // its end, after ours: http::Linger
  };

  // What is left of a chunked body whose answer is complete.
  struct Rest {
    http::BodyReader reader;
    Arena arena{{}};  // for trailers that nobody reads
    size_t bytes = 0;
  };
  // A longer rest ends the connection, though it is read past as well.
  static constexpr int64_t kRestMax = 64 * 1024;

  // -- h1_connection.cpp: events, timers, ends
  void on_read(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;
  void on_drained() override;
  void on_timer();
  void on_write_timer();
  void look_if_broken();

  bool is_over() const { return x_stream == nullptr; }
  bool may_begin() const;
  bool reads_on() const;
  // After each event: reads or not, and waits for what is due now.
  void settle();
  Wait next_wait() const;
  void wait_for(Wait wait);
  void discard(size_t bytes);
  void begin_close();
  // Ends the exchange, if there is one, and hands everything to the Reaper.
  void end(chain::Outcome::Kind kind);
  void abort(chain::Outcome::Kind kind);

  // -- h1_request.cpp: the reading side
  // Uses as many of `bytes` as can be used now; returns the rest.
  std::string_view take(std::string_view bytes);
  void take_buffered();
  void keep(std::string_view rest);
  // False when the rest of the bytes has to wait.
  bool take_head(std::string_view& bytes);
  bool take_body(std::string_view& bytes);
  bool take_rest(std::string_view& bytes);
  void take_tunnel(std::string_view bytes);
  void begin_tunnel();
  void make_exchange();
  void start_request(std::string_view text);
  void begin(const Resolution& found);
  void answer_options();
  void leave_unanswered();
  // Answers by ourselves; the connection ends with it.
  void refuse(const chain::Route* route, Cause cause);
  // The body broke off: ends what runs upstream, answers if that is still possible.
  void fail_body(Cause cause);

  // -- h1_response.cpp: the writing side
  void send_interim(int status, std::string_view reason, const http::Fields& fields) override;
  void send_head(const http::ResponseHead& head) override;
  void send_body(std::string_view bytes) override;
  void send_end(const http::Fields* trailers) override;
  void send_half_close() override;
  void abort(const Error& error) override;
  bool is_congested() const override { return x_stream->unsent() > 0; }
  Address caller() const override { return x_stream == nullptr ? Address() : x_stream->peer(); }
  void want_request_body() override;
  void write_head(const http::ResponseHead& head, bool close);
  // `write(char*)` fills at most `bound` bytes and returns its end.
  template <class Write>
  void put(size_t bound, Write write);
  // Whether what is missing of the request body may be read past, so that the connection lives on.
  bool can_skip_rest() const;
  void skip_rest();
  int64_t missing_bytes() const;
  void count_sent(size_t bytes);

  chain::Runtime& runtime() { return x_context.runtime; }
  int64_t now_ms() const { return x_context.runtime.loop.clock.now_ms(); }

  io::StreamPtr x_stream;  // null: over
  chain::Exchange* x_exchange = nullptr;
  http::BodyReader* x_body = nullptr;  // in the arena; null: the request is complete
  std::unique_ptr<Rest> x_rest;
  Buffer x_buffer;
  Timer x_timer = Timer::of<&H1Connection::on_timer>(*this);
  Timer x_write_timer = Timer::of<&H1Connection::on_write_timer>(*this);
  http::HeadEnd x_head_end{http::Side::kRequest};
  uint32_t x_written = 0;      // modulo 2^32: only compared for progress
  uint32_t x_taken = 0;        // by the kernel, when the write timer last looked
  uint32_t x_skip = 0;         // bytes of a body that nobody wants any more
  http::Linger x_linger;       // for what comes behind the last request, or is left of one
  uint16_t x_begun = 0;        // requests in this turn
  uint16_t x_heads = 0;        // about so many in x_buffer
  uint16_t x_idle_writes = 0;  // looks of the write timer without progress
  Wait x_wait = Wait::kNothing;
  http::Version x_version = http::Version::kHttp11;  // of the request
  http::Method x_method = http::Method::kGet;
  http::Framing x_framing = http::Framing::kNone;  // of the answer
  bool x_taking : 1 = false;
  bool x_reading : 1 = true;
  bool x_used : 1 = false;         // a head has been seen
  bool x_last : 1 = false;         // no request after this one
  bool x_half_closes : 1 = false;  // an end of the caller's side does not mean that it left
  bool x_held : 1 = false;         // body bytes wait for the filters to see their head
  bool x_expects : 1 = false;      // the caller may wait for a 100 before it sends its body
  bool x_upgrading : 1 = false;    // to be answered by a 101, perhaps: then what comes is no HTTP
  bool x_ahead : 1 = false;        // something has come behind the request
  bool x_tunnel : 1 = false;       // was asked for, or is open: what comes is no HTTP
  bool x_tunnel_open : 1 = false;
  bool x_owes : 1 = false;     // its last request is not complete, or it speaks on behind it
  bool x_closing : 1 = false;  // our sending side has ended
  bool x_ended : 1 = false;    // the caller's has
};

}  // namespace outrigger::downstream
