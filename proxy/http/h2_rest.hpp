// The rest of a request that is answered already: a stream of which nobody listens to any more.
// What comes is dropped, and its windows open again. Part of a session, which owns it.
#pragma once

#include <algorithm>
#include <new>

#include "proxy/base/pool.hpp"
#include "proxy/http/h2_session.hpp"

namespace outrigger::http {

class H2Session::Rest final : public H2Stream, public ListNode<RestTag> {
 public:
  // Of `stream`, whose place it takes.
  static Rest& make(H2Session& session, const H2Stream& stream) {
    void* const memory = Pool::of_thread().allocate(sizeof(Rest));
    if (memory == nullptr) throw std::bad_alloc();
    return *new (memory) Rest(session, stream);
  }
  void destroy() {
    this->~Rest();
    Pool::of_thread().free(this);
  }

  // When it has taken too long. One of which nothing but its end is missing may take longer.
  int64_t ends_ms() const {
    const int64_t at_most = x_begun_ms + kRestMs;
    return x_awaits_end ? at_most : std::min(at_most, x_heard_ms + kRestSilenceMs);
  }

 private:
  friend class H2Session;

  Rest(H2Session& session, const H2Stream& stream)
      : x_session(session),
        x_begun_ms(session.x_clock.now_ms()),
        x_heard_ms(x_begun_ms),
        x_awaits_end(stream.x_due == 0) {
    x_method = stream.x_method;
    x_head_read = x_head_sent = x_sent_all = true;
  }
  ~Rest() override = default;

  Arena& arena() override { return x_arena; }
  void on_data(std::string_view bytes) override {
    x_heard_ms = x_session.x_clock.now_ms();
    x_bytes += static_cast<int64_t>(bytes.size());
    x_session.consume(*this, bytes.size());
    if (x_bytes > kRestMaxBytes) x_session.end_rest(*this);
  }
  void on_end(const Fields*) override {}
  void on_done() override { leave(); }
  void on_closed(const H2Close&) override { leave(); }
  void leave() {
    x_session.release(*this);
    destroy();
  }

  H2Session& x_session;
  Arena x_arena{{}};  // of trailers
  int64_t x_begun_ms;
  int64_t x_heard_ms;
  int64_t x_bytes = 0;
  const bool x_awaits_end;
};

}  // namespace outrigger::http
