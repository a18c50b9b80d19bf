#include <algorithm>

#include "tests/sim/h1_client.hpp"

namespace outrigger::sim {

void H1Client::on_read(std::string_view bytes) {
  x_reader.feed(bytes);
  if (!x_reader.wrong().empty()) violation("the answer is not well-formed: " + x_reader.wrong());
  if (x_stream == nullptr) return;
  if (std::exchange(x_stalls_once, false)) {
    x_stream->pause_reading();
    x_read_on.arm_at(now_ms() + x_context.plan.write_stall_ms + between(random(), 0, 3'000));
  } else if (x_read_pause_ms > 0) {
    x_stream->pause_reading();
    x_read_on.arm_at(now_ms() + x_read_pause_ms);
  }
}

void H1Client::on_end() {
  x_reader.end();
  check_unanswered(false);
  stop("client: the proxy ended");
}

void H1Client::on_broken() {
  ++x_context.ledger.clients_broken_off;
  check_unanswered(true);
  stop("client: broken");
}

bool H1Client::answers_head() const {
  if (x_answered >= x_begun) return false;
  return x_context.ledger.find(x_requests[x_answered].id)->method == "HEAD";
}

// An answer that does not come must show: the connection has ended, and that it did must have a
// reason.
void H1Client::check_unanswered(bool reset) {
  if (x_answered >= x_begun || x_left || x_closes) return;
  // The rest of a body whose answer came early is read past within bounds: of a chunked one the
  // proxy learns how long it is when its answer has left.
  constexpr size_t kReadPastBytes = 64 * 1024;
  constexpr int64_t kReadPastMs = 30'000;
  constexpr int64_t kSilenceMs = 5'000;
  const Request* last = x_answered == 0 ? nullptr : &x_requests[x_answered - 1];
  if (last != nullptr && last->is_chunked && last->body.size() > kReadPastBytes) return;
  if (last != nullptr && !last->body.empty()) {
    // Nor does it come while the process is paused, of which this caller is a part.
    const bool was_paused = x_context.ledger.paused_ms(x_answered_ms, now_ms()) > 0;
    if (now_ms() >= x_answered_ms + (was_paused ? kSilenceMs : kReadPastMs)) return;
  }
  if (x_context.plan.gentle) {
    violation(std::string("a good call was ") + (reset ? "reset" : "ended without an answer"));
  }
}

void H1Client::on_head(const Head& head) {
  if (x_answered >= x_begun) return violation("an answer that nobody asked for: " + head.start);
  const int status = head.status();
  if (status < 200) return check_interim(status);
  if (x_closes) return violation("an answer after the last one");
  if (x_left) check_left();
  x_answer.emplace(x_context.plan, x_context.ledger, x_requests[x_answered].id);
  x_answer->head(head);
  const std::string_view options = head.field("connection");
  const bool is_http10 = x_requests[x_answered].is_http10;
  x_closes = options.find("close") != std::string_view::npos ||
             (is_http10 && options.find("keep-alive") == std::string_view::npos);
}

// It has ended its side, which means that it left unless this was its last request. Only where the
// proxy must have seen that at once: not while it did not run.
void H1Client::check_left() {
  constexpr int64_t kOnTheWayMs = 200;
  constexpr uint64_t kSoonThereBytes = 4'000;
  const Request& request = x_requests[x_answered];
  const bool may_half_close = request.is_http10 || request.head.find("close") != std::string::npos;
  const bool is_seen =
      !x_pipelines && request.body.empty() && x_read_pause_ms == 0 && x_sent < kSoonThereBytes;
  const int64_t waited_ms = now_ms() - x_left_ms - x_context.ledger.paused_ms(x_left_ms, now_ms());
  if (may_half_close || !is_seen || waited_ms < kOnTheWayMs) return;
  violation("an answer to one who left");
}

void H1Client::check_interim(int status) {
  const Request& request = x_requests[x_answered];
  if (request.is_http10) violation("a 1xx to HTTP/1.0");
  if (status == 100 && std::exchange(x_continued, true)) violation("a second 100");
  note("client: interim", request.id, static_cast<uint64_t>(status));
  if (status == 100 && x_answered + 1 == x_begun) go_on();
}

void H1Client::on_body(std::string_view bytes) {
  if (x_answer) x_answer->body(bytes);
}

void H1Client::on_message_end() {
  if (!x_answer || x_context.ledger.is_violated()) return;
  x_answer->end(nullptr, now_ms());
  x_answer.reset();
  const bool body_is_held = x_answered + 1 == x_begun && !x_held.empty();
  ++x_answered;
  x_answered_ms = now_ms();
  if (x_answered < x_begun) x_context.ledger.find(x_requests[x_answered].id)->came_ms = now_ms();
  x_continued = false;
  if (body_is_held) {
    x_expect.cancel();
    // Whether the body is still due cannot be told: one of the two ways out of RFC 9110, 10.1.1.
    x_held.clear();
    x_out.clear();
    return stop("client: keeps its body");
  }
  if (x_answered == x_requests.size() && !x_left) {
    if (!x_lingers && !x_closes && x_out.empty()) stop("client: is served");
  } else if (x_answered == x_begun) {
    begin_request();
  }
}

}  // namespace outrigger::sim
