// Answers that are complete before their requests are (RFC 9113 section 8.1).
#include "proxy/http/h2_rest.hpp"

#include <nghttp2/nghttp2.h>

namespace outrigger::http {

// Many a client takes RST_STREAM for a failure, though the answer is complete; and most are about
// to end their request, if only by a frame of its own.
void H2Session::read_past(H2Stream& stream) {
  forget(stream);
  Rest& rest = Rest::make(*this, stream);
  attach(rest, stream.x_id);
  nghttp2_session_set_stream_user_data(x_session, rest.x_id, &rest);
  x_rests.push_back(rest);
  stream.on_done();
  x_events.on_rest();
}

void H2Session::end_rest(Rest& rest) {
  reset(rest, H2Code::kNoError);
  rest.leave();
}

int64_t H2Session::end_rests() {
  const int64_t now_ms = x_clock.now_ms();
  int64_t next_ms = 0;
  x_rests.for_each([&](Rest& rest) {
    const int64_t left_ms = rest.ends_ms() - now_ms;
    if (left_ms <= 0) {
      end_rest(rest);
    } else if (next_ms == 0 || left_ms < next_ms) {
      next_ms = left_ms;
    }
  });
  return next_ms;
}

}  // namespace outrigger::http
