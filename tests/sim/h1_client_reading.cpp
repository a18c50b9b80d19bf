#include <algorithm>

#include "tests/sim/client.hpp"

namespace outrigger::sim {

void Client::on_read(std::string_view bytes) {
  x_reader.feed(bytes);
  if (!x_reader.wrong().empty()) violation("the answer is not well-formed: " + x_reader.wrong());
  if (x_stream == nullptr) return;
  if (std::exchange(x_stalls_once, false)) {
    x_stream->pause_reading();
    x_read_on.arm_at(x_loop.now_ms() + x_plan.write_stall_ms + between(x_random, 0, 3'000));
  } else if (x_read_pause_ms > 0) {
    x_stream->pause_reading();
    x_read_on.arm_at(x_loop.now_ms() + x_read_pause_ms);
  }
}

void Client::on_end() {
  x_reader.end();
  check_unanswered(false);
  stop("client: the proxy ended");
}

void Client::on_broken() {
  ++x_ledger.clients_broken_off;
  check_unanswered(true);
  stop("client: broken");
}

bool Client::answers_head() const {
  if (x_answered >= x_begun) return false;
  return x_ledger.find(x_requests[x_answered].id)->method == "HEAD";
}

// An answer that does not come must show: the connection has ended, and that it did must have a
// reason.
void Client::check_unanswered(bool reset) {
  if (x_answered >= x_begun || x_left || x_closes) return;
  if (x_plan.gentle) {
    violation(std::string("a good call was ") + (reset ? "reset" : "ended without an answer"));
  }
}

void Client::on_head(const Head& head) {
  if (x_answered >= x_begun) return violation("an answer that nobody asked for: " + head.start);
  const int status = head.status();
  if (status < 200) return check_interim(status);
  if (x_closes) return violation("an answer after the last one");
  if (x_left) check_left();
  check_answer(head);
  const std::string_view options = head.field("connection");
  const bool is_http10 = x_requests[x_answered].is_http10;
  x_closes = options.find("close") != std::string_view::npos ||
             (is_http10 && options.find("keep-alive") == std::string_view::npos);
}

// It has ended its side, which means that it left unless this was its last request. Only where the
// proxy must have seen that at once.
void Client::check_left() {
  constexpr int64_t kOnTheWayMs = 200;
  const Request& request = x_requests[x_answered];
  const bool may_half_close = request.is_http10 || request.head.find("close") != std::string::npos;
  const bool is_seen = !x_pipelines && request.body.empty() && x_read_pause_ms == 0;
  if (may_half_close || !is_seen || x_loop.now_ms() < x_left_ms + kOnTheWayMs) return;
  violation("an answer to one who left");
}

void Client::check_interim(int status) {
  const Request& request = x_requests[x_answered];
  if (request.is_http10) violation("a 1xx to HTTP/1.0");
  if (status == 100 && std::exchange(x_continued, true)) violation("a second 100");
  note("client: interim", request.id, static_cast<uint64_t>(status));
  if (status == 100 && x_answered + 1 == x_begun) go_on();
}

void Client::check_answer(const Head& head) {
  x_status = head.status();
  x_in_body = true;
  x_answer_bytes = 0;
  x_answer_id = static_cast<uint32_t>(head.number("x-id"));
  x_answer_attempt = head.number("x-attempt");
  x_marking = head.field("proxy-status");
  if (x_answer_id == 0) {
    if (!x_marking.starts_with("outrigger")) violation("an answer of nobody: " + head.start);
    return;
  }
  for (const char* gone : {"x-back", "keep-alive"}) {
    if (head.has(gone)) violation(std::string(gone) + " came back");
  }
  if (call().service != x_plan.passthrough() && !head.has("x-from")) {
    violation("the field of the policy is missing");
  }
  const bool is_stale = head.has("cache-status");
  const Call* of = x_ledger.find(x_answer_id);
  const bool fits = of != nullptr && (of->id == call().id || (is_stale && of->path == call().path &&
                                                              of->service == call().service));
  if (!fits) return violation("the answer to call " + std::to_string(x_answer_id));
  if (x_answer_attempt >= of->answers.size()) return violation("an answer nobody made");
  const Answer& answer = of->answers[x_answer_attempt];
  if (answer.status != x_status) violation("another status than the origin's");
  if (is_stale) ++x_ledger.stale_seen;
}

void Client::on_body(std::string_view bytes) {
  if (x_answer_id > 0 &&
      !is_body_at(answer_key(x_answer_id, x_answer_attempt), x_answer_bytes, bytes)) {
    violation("the body is not the origin's, from byte " + std::to_string(x_answer_bytes));
  }
  x_answer_bytes += bytes.size();
}

void Client::on_message_end() {
  if (!x_in_body || x_ledger.is_violated()) return;
  x_in_body = false;
  check_complete();
  ++x_ledger.statuses[x_status];
  note("client: answer", call().id, static_cast<uint64_t>(x_status));
  ++call().answered;
  const bool body_is_held = x_answered + 1 == x_begun && !x_held.empty();
  ++x_answered;
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

void Client::check_complete() {
  if (x_answer_id == 0) {
    ++x_ledger.own_replies_seen;
    if (x_plan.gentle && service().repeatable.has(call().method) &&
        call().body_bytes <= 64 * 1024) {
      violation("a good call that may be repeated got " + x_marking);
    }
    return;
  }
  ++x_ledger.answers_seen;
  const Answer& answer = x_ledger.find(x_answer_id)->answers[x_answer_attempt];
  if (!answer.is_whole) return violation("a broken answer was taken for a whole one");
  const size_t expected = call().method == "HEAD" ? 0 : answer.body_bytes;
  if (x_answer_bytes != expected) {
    violation("an answer of " + std::to_string(x_answer_bytes) + " bytes instead of " +
              std::to_string(expected));
  }
}

}  // namespace outrigger::sim
