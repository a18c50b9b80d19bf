// The rest of a request that is answered already: a stream of which nobody listens to any more.
// What comes is dropped, and its windows open again. Part of a session, which owns it.
#pragma once

#include <new>

#include "proxy/base/pool.hpp"
#include "proxy/http/h2_session.hpp"
#include "proxy/http/linger.hpp"

namespace outrigger::http {

class H2Session::Rest final : public H2Stream, public ListNode<RestTag> {
 public:
  // Made for `stream`, whose place it takes.
  static Rest& make(H2Session& session, const H2Stream& stream) {
    void* const memory = Pool::of_thread().allocate(sizeof(Rest));
    if (memory == nullptr) throw std::bad_alloc();
    return *new (memory) Rest(session, stream);
  }
  void destroy() {
    this->~Rest();
    Pool::of_thread().free(this);
  }

  // When it has taken too long.
  int64_t ends_ms() const { return x_ends_ms; }

 private:
  friend class H2Session;

  Rest(H2Session& session, const H2Stream& stream)
      : x_session(session), x_awaits_end(stream.x_due == 0) {
    const int64_t now_ms = session.x_clock.now_ms();
    x_linger.begin(now_ms);
    x_ends_ms = x_awaits_end ? now_ms + Linger::kTotalMs : x_linger.due_ms(now_ms);
    x_method = stream.x_method;
    x_head_read = x_head_sent = x_sent_all = true;
  }
  ~Rest() override = default;

  Arena& arena() override { return x_arena; }
  void on_data(std::string_view bytes) override {
    if (!x_awaits_end) x_ends_ms = x_linger.due_ms(x_session.x_clock.now_ms());
    x_session.consume(*this, bytes.size());
    if (!x_linger.take(bytes.size())) x_session.end_rest(*this);
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
  Linger x_linger;
  int64_t x_ends_ms;
  const bool x_awaits_end;  // nothing else is missing, so silence does not count
};

}  // namespace outrigger::http
