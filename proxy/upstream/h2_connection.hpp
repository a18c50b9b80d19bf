// One HTTP/2 connection to an endpoint, shared by many calls (RFC 9113). The session has the
// protocol and each call is a stream of it; here are the bytes, the times and the ends. All that
// happened in a turn is written at once, before the loop sleeps. Owned by its pool; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/intrusive_list.hpp"
#include "proxy/base/reaper.hpp"
#include "proxy/base/timer_wheel.hpp"
#include "proxy/http/h2_session.hpp"
#include "proxy/io/outbox.hpp"
#include "proxy/io/stream.hpp"

namespace outrigger::upstream {

class H2Pool;

struct OwnedByPool;

class H2Connection final : public Reapable,
                           public ListNode<OwnedByPool>,
                           public io::StreamEvents,
                           private http::H2SessionEvents,
                           private io::LateWriter {
 public:
  // Silence for so long while calls wait is answered by a PING, and silence after that by a close.
  static constexpr int64_t kPingAfterMs = 10'000;
  static constexpr int64_t kPingAnswerMs = 5'000;

  H2Connection(H2Pool& pool, io::StreamPtr stream, std::string_view server_name,
               int64_t expires_ms);

  void start();
  H2Pool& pool() const { return x_pool; }
  http::H2Session& session() { return x_session; }
  // Over TLS: whom the certificate was for.
  std::string_view server_name() const { return x_server_name; }

  int64_t opened_ms() const { return x_opened_ms; }
  // Neither lost nor about to end.
  bool is_good(int64_t now_ms) const;
  bool takes_calls(int64_t now_ms) const { return is_good(now_ms) && x_session.may_open(); }
  // By extended CONNECT; nothing: the peer has not said yet.
  std::optional<bool> takes_tunnels() const;
  // A call takes a stream. False: it is the first one on this connection.
  bool note_call();
  // Its stream was released.
  void note_call_over();
  // The peer ended it because it wants HTTP/1.1 (RFC 9113 section 7).
  bool wants_http1() const { return x_wants_http1; }
  // The connection itself is lost, as against one stream of it.
  bool is_lost() const { return x_lost; }

  // No call has a stream, nor waits for what the peer says before it can.
  bool is_idle() const;
  // Takes no new calls; closes when those that run are over.
  void finish();
  // Its pool gave it to the Reaper.
  void die();

 private:
  void on_read(std::string_view bytes) override;
  void on_end() override { lose(); }
  void on_broken() override { lose(); }
  void on_drained() override { on_want_write(); }

  void on_goaway(int32_t last_stream_id, http::H2Code code) override;
  void on_settings() override;
  void on_fault(http::Http2Fault reason, std::string_view text) override;
  void on_want_write() override;

  void write_late() override;
  void on_timer();
  void settle();
  void wait_for_last_bytes();
  void lose();
  int64_t now_ms() const;

  H2Pool& x_pool;
  io::StreamPtr x_stream;
  const std::string x_server_name;
  http::H2Session x_session;
  Timer x_timer = Timer::of<&H2Connection::on_timer>(*this);
  const int64_t x_opened_ms;
  const int64_t x_expires_ms;
  int64_t x_heard_ms;           // or began to wait
  int64_t x_idle_since_ms = 0;  // 0: it is not
  int64_t x_finish_by_ms = 0;   // > 0: nothing but unsent bytes keeps it
  uint64_t x_calls = 0;
  bool x_pinged = false;
  bool x_wants_http1 = false;
  bool x_finishing = false;
  bool x_failed = false;  // the session reads no more
  bool x_lost = false;
  bool x_dead = false;
};

}  // namespace outrigger::upstream
