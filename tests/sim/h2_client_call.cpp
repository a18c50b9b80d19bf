#include "tests/sim/h2_client_call.hpp"

#include <algorithm>
#include <iterator>

#include "tests/sim/h2_client.hpp"

namespace outrigger::sim {

H2ClientCall::H2ClientCall(H2Client& client)
    : x_client(client),
      x_drawn(draw_call(client.context(), true)),
      x_has_body(client.context().ledger.find(x_drawn.id)->has_body),
      x_check(client.context().plan, client.context().ledger, x_drawn.id),
      x_send(client.context().loop, [this] { send_some(); }),
      x_take(client.context().loop, [this] { take(); }),
      x_cancel(client.context().loop, [this] { cancel(); }),
      x_patience(client.context().loop, [this] { lose_patience(); }) {
  x_body = make_body(request_key(x_drawn.id), context().ledger.find(x_drawn.id)->body_bytes);
  draw_manners();
}

const CallerContext& H2ClientCall::context() const { return x_client.context(); }

void H2ClientCall::draw_manners() {
  const bool gentle = context().plan.gentle;
  if (random().chance(0.3)) {
    x_piece_most = random().chance(0.5) ? 2'000 : 20'000;
    x_pause_ms = between(random(), 0, gentle ? 5 : 60);
  }
  x_expects = !x_body.empty() && random().chance(0.15);
  x_sends_trailers = x_has_body && random().chance(0.2);
  if (random().chance(0.2)) x_take_ms = between(random(), 1, 20);
  x_stalls = random().chance(0.08);
  const double awkward = context().plan.awkward;
  x_ends_late = random().chance(awkward / 2);
  if (random().chance(awkward / 5)) x_stall_ms = between(random(), 10, gentle ? 4'000 : 30'000);
  if (random().chance(awkward / 5)) x_cancel_ms = random().below(random().chance(0.5) ? 50 : 3'000);
  if (gentle) return;
  x_stops_sending = random().chance(0.05);
  if (random().chance(0.15)) x_cancel_ms = random().below(random().chance(0.5) ? 50 : 3'000);
}

// ---- what it sends

void H2ClientCall::begin() {
  Call& call = *context().ledger.find(x_drawn.id);
  call.begun = true;
  call.came_ms = now_ms();
  FieldList fields{{":method", call.method},
                   {":scheme", "http"},
                   {":authority", x_drawn.host},
                   {":path", call.path}};
  fields.insert(fields.end(), x_drawn.fields.begin(), x_drawn.fields.end());
  if (x_expects) fields.emplace_back("expect", "100-continue");
  if (x_has_body && !call.is_grpc && random().chance(0.5)) {
    fields.emplace_back("content-length", std::to_string(x_body.size()));
  }
  x_stream = x_client.wire().request(fields, x_has_body || x_ends_late);
  context().ledger.note(now_ms(), "client: calls over HTTP/2", x_drawn.id,
                        static_cast<uint64_t>(x_stream));
  constexpr int64_t kPatienceMs = 800'000;
  // A watch without a deadline lives as long as both ends do.
  constexpr int64_t kWatchMs = 3'600'000;
  if (!context().plan.gentle) {
    x_patience.arm_at(now_ms() + kWatchMs);
  } else if (!x_stalls) {
    x_patience.arm_at(now_ms() + kPatienceMs);
  }
  if (x_cancel_ms) x_cancel.arm_at(now_ms() + *x_cancel_ms);
  // Some do not wait for ever (RFC 9110 section 10.1.1).
  if (x_has_body || x_ends_late)
    x_send.arm_at(now_ms() + (x_expects ? between(random(), 1, 1'500) : 0));
}

void H2ClientCall::send_some() {
  if (x_over || (x_stops_sending && x_body.size() < 100)) return;
  const bool had_all = x_body.empty();
  const size_t count =
      std::min<size_t>(x_body.size(), 1 + random().below(static_cast<uint32_t>(x_piece_most)));
  if (count > 0) x_client.wire().send(x_stream, std::string_view(x_body).substr(0, count));
  x_body.erase(0, count);
  if (x_body.empty() && (had_all || !x_ends_late)) {
    x_client.wire().finish(x_stream,
                           x_sends_trailers ? FieldList{{"x-trailer", "1"}} : FieldList{});
  } else {
    x_send.arm_at(now_ms() + x_pause_ms + std::exchange(x_stall_ms, 0));
  }
  x_client.flush_soon();
}

void H2ClientCall::cancel() {
  constexpr uint32_t kCodes[] = {NGHTTP2_CANCEL, NGHTTP2_CANCEL, NGHTTP2_NO_ERROR,
                                 NGHTTP2_INTERNAL_ERROR};
  x_cancelled = true;
  const uint32_t code = kCodes[random().below(std::size(kCodes))];
  context().ledger.note(now_ms(), "client: resets the stream", x_drawn.id, code);
  x_client.wire().reset(x_stream, code);
  x_client.flush_soon();
}

// ---- what it takes

void H2ClientCall::on_fields(const Head& head) {
  const int status = head.status();
  if (status == 0) {
    x_trailers = head;
  } else if (status >= 200) {
    x_check.head(head);
  } else {
    if (x_check.has_head()) x_check.violation("a 1xx behind the head");
    if (status == 100 && std::exchange(x_continued, true)) x_check.violation("a second 100");
    if (status == 100 && x_expects && x_send.is_armed()) x_send.arm();
  }
}

void H2ClientCall::on_data(std::string_view bytes) {
  x_check.body(bytes);
  x_untaken += bytes.size();
  if (x_stalls) return x_take.arm_at(now_ms() + context().plan.stall_ms);
  const int64_t take_ms = x_client.wire().take_ms(x_take_ms);
  if (take_ms == 0) return take();
  x_take.arm_at(now_ms() + take_ms);
}

void H2ClientCall::take() {
  x_stalls = false;
  if (x_over) return;
  x_client.wire().open_stream(x_stream, std::exchange(x_untaken, 0));
  x_client.flush_soon();
}

void H2ClientCall::on_message_end() {
  if (!x_check.has_head()) return x_check.violation("an end without a head");
  x_complete = true;
  x_check.end(x_trailers ? &*x_trailers : nullptr, now_ms());
}

// ---- ends

// Nobody who stalls may hold up a good one; what nobody ever answers is given up.
void H2ClientCall::lose_patience() {
  if (x_over) return;
  if (!context().plan.gentle) return cancel();
  x_check.violation("a good call waits behind others");
}

void H2ClientCall::on_closed(uint32_t code) {
  if (x_over) return;
  if (!x_complete && !x_cancelled && context().plan.gentle) {
    x_check.violation("a good call was reset with code " + std::to_string(code));
  }
  end("client: stream closed", code);
}

void H2ClientCall::on_lost(bool excused) {
  if (x_over) return;
  if (x_stream > 0 && !x_complete && !excused && context().plan.gentle) {
    x_check.violation("a good call was lost with its connection");
  }
  end("client: stream lost", 0);
}

void H2ClientCall::end(std::string_view why, uint64_t code) {
  x_over = true;
  context().ledger.note(now_ms(), why, x_drawn.id, code);
  for (auto* event : {&x_send, &x_take, &x_cancel, &x_patience}) event->cancel();
  x_client.on_stream_over();
}

}  // namespace outrigger::sim
