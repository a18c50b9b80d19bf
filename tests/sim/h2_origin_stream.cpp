#include "tests/sim/h2_origin_stream.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "tests/sim/h2_origin_connection.hpp"
#include "tests/sim/request_check.hpp"

namespace outrigger::sim {
namespace {

constexpr int64_t kForEverMs = 1'000'000;

std::string number(uint64_t value) { return std::to_string(value); }

}  // namespace

Origin::H2Stream::H2Stream(H2Connection& connection, int32_t stream)
    : x_connection(connection),
      x_stream(stream),
      x_next(connection.loop(), [this] { play(); }),
      x_open(connection.loop(), [this] { open_window(); }) {
  if (random().chance(0.2)) x_take_ms = between(random(), 1, 20);
}

OriginContext& Origin::H2Stream::context() const { return x_connection.origin().x_context; }

void Origin::H2Stream::note(std::string_view what, uint64_t b) {
  context().ledger.note(x_connection.loop().now_ms(), what, x_id, b);
}

void Origin::H2Stream::violation(const std::string& what) {
  context().ledger.violation("at origin " + x_connection.origin().x_address.to_string() +
                             " over HTTP/2, call " + number(x_id) + ": " + what);
}

void Origin::H2Stream::stop() {
  x_next.cancel();
  x_open.cancel();
  if (x_tunnel != nullptr) std::exchange(x_tunnel, nullptr)->on_closed();
}

void Origin::H2Stream::on_flushed() {
  if (x_tunnel != nullptr) x_tunnel->on_flushed();
}

// ---- the request

void Origin::H2Stream::arrive(std::string_view id) {
  std::from_chars(id.data(), id.data() + id.size(), x_id);
  x_connection.origin().x_last_seen_ms = x_connection.loop().now_ms();
  const Call* call = context().ledger.find(x_id);
  if (call == nullptr) return violation("a request of nobody");
  x_asked_tunnel = call->asks == Asks::kUpgrade;
  const Mood& mood = x_connection.origin().x_mood;
  if (random().chance(mood.trouble)) {
    x_behaviour = mood.h2_troubles[random().below(static_cast<uint32_t>(mood.h2_troubles.size()))];
  }
  if (x_behaviour == H2Behaviour::kSentBack &&
      !context().ledger.may_send_back(context().plan.gentle)) {
    x_behaviour = H2Behaviour::kGood;
  }
  if (x_behaviour == H2Behaviour::kRefused || x_behaviour == H2Behaviour::kSentBack) {
    note("origin: does not look at it");
    const bool alone = x_behaviour == H2Behaviour::kRefused;
    step(alone ? Step::Kind::kReset : Step::Kind::kGoAway, random().below(50)).code =
        alone ? NGHTTP2_REFUSED_STREAM : 0;
    return begin_step();
  }
  const size_t service = x_connection.origin().service();
  x_attempt =
      context().ledger.arrived(x_id, service, context().plan.services[service].may_repeat(*call));
  x_arrived = true;
}

void Origin::H2Stream::on_head(const Head& head) {
  if (std::exchange(x_has_head, true) || !x_arrived) return;
  const std::string wrong = wrong_with(head, x_connection.origin().service(), context());
  if (!wrong.empty()) return violation(wrong);
  note("origin: request over HTTP/2", x_attempt);
  if (x_behaviour == H2Behaviour::kStopsTaking) {
    x_take_ms = random().chance(0.3) ? kForEverMs : between(random(), 500, 8'000);
  }
  // As Go's server does to a body that its handler does not read.
  if (x_behaviour == H2Behaviour::kEarly && random().chance(context().plan.awkward)) {
    x_take_ms = kForEverMs;
  }
  if (head.has("expect") && random().chance(0.7)) {
    step(Step::Kind::kInterim).fields = {{":status", "100"}};
    begin_step();
  }
  const bool at_once = x_asked_tunnel || x_behaviour == H2Behaviour::kEarly ||
                       (x_behaviour == H2Behaviour::kResetBeforeHead && random().chance(0.5)) ||
                       (context().ledger.find(x_id)->is_grpc && random().chance(0.2));
  if (at_once) answer();
}

void Origin::H2Stream::on_data(std::string_view bytes) {
  if (x_tunnel != nullptr) return x_tunnel->on_data(bytes);
  if (x_asked_tunnel) return violation("bytes before there is a tunnel");
  if (x_arrived && !is_body_at(request_key(x_id), x_body_read, bytes)) {
    violation("the request body is not the caller's, from byte " + number(x_body_read));
  }
  x_body_read += bytes.size();
  x_untaken += bytes.size();
  const int64_t take_ms = x_connection.wire().take_ms(x_take_ms);
  if (take_ms == 0) return open_window();
  if (take_ms < kForEverMs) x_open.arm_at(x_connection.loop().now_ms() + take_ms);
}

void Origin::H2Stream::open_window() {
  x_connection.wire().open_stream(x_stream, std::exchange(x_untaken, 0));
  x_connection.flush_soon();
}

void Origin::H2Stream::on_message_end() {
  if (x_tunnel != nullptr) return x_tunnel->on_message_end();
  if (x_asked_tunnel) {
    if (!x_begun) violation("an end before there is a tunnel");
    return;
  }
  const Call* call = context().ledger.find(x_id);
  if (!x_arrived || x_sent_back || call == nullptr || context().ledger.is_violated()) return;
  if (x_body_read != call->body_bytes) {
    violation("the request body has " + number(x_body_read) + " bytes instead of " +
              number(call->body_bytes));
  }
  if (!x_answered) answer();
}

void Origin::H2Stream::send_back() {
  stop();
  x_sent_back = true;
  note("origin: sent back", x_attempt);
  context().ledger.sent_back(x_id, x_connection.origin().service(), x_arrived);
}

// ---- the answer

Origin::H2Stream::Step& Origin::H2Stream::step(Step::Kind kind, int64_t after_ms) {
  Step& made = x_script.emplace_back();
  made.kind = kind;
  made.after_ms = after_ms;
  return made;
}

void Origin::H2Stream::answer() {
  x_answered = true;
  write_script();
  begin_step();
}

void Origin::H2Stream::write_head(int status, const Answer& answer, bool bare,
                                  const FieldList& extra) {
  Step& head = step(Step::Kind::kHead);
  head.fields = {{":status", number(static_cast<uint64_t>(status))},
                 {"x-id", number(x_id)},
                 {"x-attempt", number(x_attempt)}};
  const bool says_length = !bare && answer.grpc_status == std::nullopt && random().chance(0.6);
  if (says_length) head.fields.emplace_back("content-length", number(answer.body_bytes));
  if (status >= 500 && random().chance(0.2)) head.fields.emplace_back("retry-after", "1");
  head.fields.insert(head.fields.end(), extra.begin(), extra.end());
  head.has_body = !bare;
}

// A gRPC stream on which nothing comes for long: a watch.
int64_t Origin::H2Stream::draw_silence(const Call& call) const {
  const Plan& plan = context().plan;
  if (!call.is_grpc || !random().chance(plan.awkward / (plan.is_busy ? 40 : 4))) return 0;
  return between(random(), 1'000, plan.gentle ? 120'000 : 30'000);
}

// It may wait for its head, too.
bool Origin::H2Stream::watches(const Call& call) const {
  const auto& services = context().plan.services;
  return services[call.service].watches && services[x_connection.origin().service()].watches;
}

// The first `most` bytes of a body of `size`.
void Origin::H2Stream::write_body(size_t size, size_t most) {
  const std::string body = make_body(answer_key(x_id, x_attempt), size);
  for (size_t at = 0; at < most;) {
    const size_t count = std::min<size_t>(most - at, 1 + random().below(30'000));
    step(Step::Kind::kBody, random().chance(0.8) ? 0 : between(random(), 1, 150)).bytes =
        body.substr(at, count);
    at += count;
  }
}

FieldList Origin::H2Stream::draw_trailers(Answer& answer) {
  constexpr int kCodes[] = {14, 13, 5, 4, 8, 2};
  if (!context().ledger.find(x_id)->is_grpc || answer.status != 200) {
    return random().chance(0.2) ? FieldList{{"x-trailer", "1"}} : FieldList{};
  }
  if (random().chance(0.1)) return {};
  const int code = random().chance(0.7) ? 0 : kCodes[random().below(std::size(kCodes))];
  answer.grpc_status = code;
  return {{"grpc-status", number(static_cast<uint64_t>(code))}, {"grpc-message", "so"}};
}

void Origin::H2Stream::write_script() {
  using Kind = Step::Kind;
  const Call& call = *context().ledger.find(x_id);
  const Mood& mood = x_connection.origin().x_mood;
  H2Behaviour how = x_behaviour;
  constexpr int kErrors[] = {500, 502, 503, 504, 501};
  int status = call.is_grpc ? 200 : random().chance(0.1) ? 404 : random().chance(0.05) ? 204 : 200;
  if (how == H2Behaviour::kServerError) status = kErrors[random().below(std::size(kErrors))];
  size_t size = random().below(static_cast<uint32_t>(mood.body_most));
  const auto is_cut = [](H2Behaviour of) {
    return of == H2Behaviour::kResetInBody || of == H2Behaviour::kStallsInBody ||
           of == H2Behaviour::kDies || of == H2Behaviour::kGarbage;
  };
  // An answer that has no body has nothing to be cut.
  const bool bodiless = call.method == "HEAD" || status == 204;
  if (bodiless && is_cut(how)) how = H2Behaviour::kResetBeforeHead;
  const bool trailers_only = call.is_grpc && !is_cut(how) && random().chance(0.2);
  const bool bare = trailers_only || bodiless;
  if (bare) size = 0;
  if (is_cut(how)) size = std::max<size_t>(size, 2);
  Answer& answer = context().ledger.answer(x_id, x_attempt);
  answer = {status, size, true};
  if (write_tunnel(answer)) return;
  if (x_asked_tunnel) {
    // A 2xx would be a tunnel.
    if (status < 300) answer.status = status = 404;
    if (how == H2Behaviour::kMalformed) how = H2Behaviour::kResetBeforeHead;
  }
  const FieldList trailers = draw_trailers(answer);
  note("origin: answers " + std::to_string(status) + ", " + number(size) + " bytes, way",
       static_cast<uint64_t>(how));
  step(Kind::kWait, random().below(static_cast<uint32_t>(mood.delay_most_ms) + 1));
  const bool breaks =
      is_cut(how) || how == H2Behaviour::kResetBeforeHead || how == H2Behaviour::kSilent;
  if (breaks) answer.is_whole = false;
  if (how == H2Behaviour::kSilent) return;
  if (how == H2Behaviour::kMalformed) return write_malformed();
  if (how == H2Behaviour::kInterim) {
    step(Kind::kInterim).fields = {{":status", random().chance(0.5) ? "103" : "100"}};
  }
  if (how == H2Behaviour::kGarbage && random().chance(0.5)) return (void)step(Kind::kGarbage);
  if (how == H2Behaviour::kResetBeforeHead) {
    constexpr uint32_t kResets[] = {NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_CANCEL,
                                    NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_PROTOCOL_ERROR};
    step(Kind::kReset).code = kResets[random().below(std::size(kResets))];
    return;
  }
  if (how == H2Behaviour::kDies && random().chance(0.3)) return (void)step(Kind::kDie);
  const int64_t silence_ms = draw_silence(call);
  const bool head_first = !watches(call) || random().chance(0.5);
  if (silence_ms > 0 && !head_first) step(Kind::kWait, silence_ms);
  write_head(status, answer, bare, bare ? trailers : FieldList{});
  if (silence_ms > 0 && head_first) step(Kind::kWait, silence_ms);
  if (breaks) {
    write_body(size, size / 2);
    if (how == H2Behaviour::kStallsInBody) return;
    Step& last = step(how == H2Behaviour::kDies      ? Kind::kDie
                      : how == H2Behaviour::kGarbage ? Kind::kGarbage
                                                     : Kind::kReset,
                      random().below(20));
    last.code = random().chance(0.5) ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_NO_ERROR;
    return;
  }
  write_body(size, size);
  if (!bare) step(Kind::kEnd).fields = trailers;
  if (how == H2Behaviour::kEarly && random().chance(0.5)) {
    step(Kind::kReset, 1).code = NGHTTP2_NO_ERROR;
  }
  if (how == H2Behaviour::kLastOne) step(Kind::kGoAway);
}

bool Origin::H2Stream::write_tunnel(Answer& answer) {
  const bool agrees = context().plan.gentle || x_behaviour == H2Behaviour::kGood ||
                      x_behaviour == H2Behaviour::kInterim || x_behaviour == H2Behaviour::kLastOne;
  if (!x_asked_tunnel || !agrees) return false;
  answer = {200, 0, false};
  const Mood& mood = x_connection.origin().x_mood;
  step(Step::Kind::kWait, random().below(static_cast<uint32_t>(mood.delay_most_ms) + 1));
  if (x_behaviour == H2Behaviour::kInterim)
    step(Step::Kind::kInterim).fields = {{":status", "103"}};
  step(Step::Kind::kTunnel);
  if (x_behaviour == H2Behaviour::kLastOne) step(Step::Kind::kGoAway);
  return true;
}

// Each of these is to be refused (RFC 9113 section 8.1.1).
void Origin::H2Stream::write_malformed() {
  Answer& answer = context().ledger.answer(x_id, x_attempt);
  answer = {200, 0, false};
  Step& head = step(Step::Kind::kHead);
  head.fields = {{":status", "200"}, {"x-id", number(x_id)}, {"x-attempt", number(x_attempt)}};
  const bool is_head = context().ledger.find(x_id)->method == "HEAD";
  switch (random().below(is_head ? 4 : 6)) {
    case 0:
      head.fields.erase(head.fields.begin());
      return;
    case 1:
      head.fields[0].second = "20";
      return;
    case 2:
      head.fields.insert(head.fields.begin(), {"x-before-the-status", "1"});
      return;
    case 3:
      head.fields.emplace_back("x-\nsplit", "1");
      return;
    case 4:  // shorter than it says
      head.fields.emplace_back("content-length", "5");
      return;
    default:  // longer; a caller that was told the length may have all of that before it shows
      answer = {200, 5, true};
      head.fields.emplace_back("content-length", "5");
      head.has_body = true;
      write_body(9, 9);
      step(Step::Kind::kEnd);
      return;
  }
}

// ---- playing it

void Origin::H2Stream::begin_step() {
  if (!x_script.empty()) x_next.arm_at(x_connection.loop().now_ms() + x_script.front().after_ms);
}

void Origin::H2Stream::play() {
  while (!x_script.empty()) {
    // A reset would overtake what waits, the head too.
    if (x_script.front().kind == Step::Kind::kReset && !x_connection.wire().is_all_sent(x_stream)) {
      return x_next.arm_at(x_connection.loop().now_ms() + 1);
    }
    const Step step = std::move(x_script.front());
    x_script.pop_front();
    take(step);
    if (!x_script.empty() && x_script.front().after_ms > 0) break;
  }
  x_connection.flush_soon();
  begin_step();
}

void Origin::H2Stream::take(const Step& step) {
  H2Wire& wire = x_connection.wire();
  const bool by_reset = random().chance(0.5);
  switch (step.kind) {
    case Step::Kind::kWait:
      return;
    case Step::Kind::kInterim:
      x_begun = true;
      return wire.interim(x_stream, step.fields);
    case Step::Kind::kHead:
      x_begun = true;
      note("origin: says the head", step.has_body ? 1 : 0);
      return wire.respond(x_stream, step.fields, step.has_body);
    case Step::Kind::kBody:
      return wire.send(x_stream, step.bytes);
    case Step::Kind::kEnd:
      return wire.finish(x_stream, step.fields);
    case Step::Kind::kReset:
      note("origin: resets the stream", step.code);
      return wire.reset(x_stream, step.code);
    case Step::Kind::kDie:
      return x_connection.die_after(random().below(3'000), by_reset);
    case Step::Kind::kGarbage:
      return x_connection.send_garbage();
    case Step::Kind::kTunnel:
      x_begun = true;
      wire.respond(x_stream, {{":status", "200"}}, true);
      x_tunnel = x_connection.carry(x_stream);
      return;
    case Step::Kind::kGoAway:
      if (x_behaviour != H2Behaviour::kSentBack) return x_connection.leave_slowly();
      x_connection.go_away_now();
      // It may have said GOAWAY before.
      if (!x_sent_back) wire.reset(x_stream, NGHTTP2_REFUSED_STREAM);
      return;
  }
}

}  // namespace outrigger::sim
