#include "tests/sim/h1_origin_connection.hpp"

#include <charconv>

#include "proxy/http/websocket.hpp"
#include "tests/sim/request_check.hpp"

namespace outrigger::sim {
namespace {

using Loop = testing::VirtualLoop;

constexpr std::string_view kIdField = "x-id: ";

bool is_bodiless(const std::string& method, int status) {
  return method == "HEAD" || status == 204 || status == 304;
}

std::string in_chunks(std::string_view bytes, size_t of) {
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += of) {
    char line[24];
    const std::string_view chunk = bytes.substr(at, of);
    const int written = std::snprintf(line, sizeof line, "%zx\r\n", chunk.size());
    text.append(line, static_cast<size_t>(written)).append(chunk).append("\r\n");
  }
  return text;
}

// The start of a head is malformed in one of these ways.
constexpr std::string_view kMalformed[] = {
    "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "garbage\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: "
    "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: bad\rfield\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
};

}  // namespace

Origin::H1Connection::H1Connection(Origin& origin, Loop& loop, io::StreamPtr stream,
                                   std::string_view begun)
    : x_origin(origin),
      x_loop(loop),
      x_stream(std::move(stream)),
      x_next(loop, [this] { play(); }),
      x_idle(loop, [this] { on_idle(); }) {
  x_stream->start(*this);
  on_read(begun);
}

void Origin::H1Connection::violation(const std::string& what) {
  context().ledger.violation("at origin " + x_origin.x_address.to_string() + ", call " +
                             std::to_string(x_id) + ": " + what);
}

// ---- events

void Origin::H1Connection::on_read(std::string_view bytes) {
  x_idle.cancel();
  if (x_finished) {
    const bool said_so = !x_may_be_reused && x_reader.is_between();
    if (said_so) violation("bytes on a connection that was said to end");
    return;
  }
  x_reader.feed(bytes);
  if (!x_reader.wrong().empty()) violation("the request is not well-formed: " + x_reader.wrong());
  if (x_asked_tunnel && !x_reader.is_between()) violation("bytes before there is a tunnel");
}

void Origin::H1Connection::on_end() {
  note("origin: the proxy ended");
  drop(false);
}

void Origin::H1Connection::on_broken() {
  note("origin: broken");
  if (x_served > 0) x_origin.note_death();
  drop(false);
}

void Origin::H1Connection::drop(bool reset) {
  if (x_stream == nullptr) return;
  const uint32_t id = id_of(x_reader.partial_head());
  if (context().ledger.find(id) != nullptr) {
    const ServicePlan& plan = context().plan.services[x_origin.x_service];
    context().ledger.arrived(id, x_origin.x_service, plan.may_repeat(*context().ledger.find(id)));
  }
  x_next.cancel();
  x_idle.cancel();
  if (reset) x_stream->abort();
  x_loop.context().reaper.doom(std::move(x_stream));
}

// An idle connection is closed, maybe just when the proxy is about to use it.
void Origin::H1Connection::on_idle() {
  if (x_stream->unsent() > 0) return x_idle.arm_at(x_loop.now_ms() + 1);
  if (!context().plan.gentle && x_late_bytes_ms == 0 && random().chance(0.2)) {
    note("origin: bytes on an idle one");
    x_late_bytes_ms = x_loop.now_ms();
    return x_stream->write("late bytes");
  }
  note("origin: closes an idle one");
  x_origin.note_death();
  drop(!context().plan.gentle && random().chance(0.3));
}

// ---- requests

uint32_t Origin::H1Connection::id_of(std::string_view head) {
  const size_t at = head.find(kIdField);
  if (at == std::string_view::npos) return 0;
  const size_t end = head.find('\r', at);
  if (end == std::string_view::npos) return 0;
  uint32_t id = 0;
  std::from_chars(head.data() + at + kIdField.size(), head.data() + end, id);
  return id;
}

bool Origin::H1Connection::check_head(const Head& head) {
  x_id = static_cast<uint32_t>(head.number("x-id"));
  if (x_answering) return violation("a request before the last one was answered"), false;
  const int64_t on_the_way_ms = x_origin.x_chops ? 2'000 : 200;
  const int64_t now_ms = x_loop.now_ms();
  const int64_t late_ms =
      now_ms - x_late_bytes_ms - context().ledger.paused_ms(x_late_bytes_ms, now_ms);
  if (x_late_bytes_ms > 0 && late_ms > on_the_way_ms) {
    return violation("a connection is used on which bytes came that nobody asked for"), false;
  }
  if (!x_may_be_reused) return violation("a connection is used again that must not be"), false;
  if (const std::string wrong = wrong_with(head, x_origin.x_service, context()); !wrong.empty()) {
    return violation(wrong), false;
  }
  const Call* call = context().ledger.find(x_id);
  const bool has_body = head.has("transfer-encoding") || head.number("content-length") > 0;
  if (call->body_bytes > 0 && !has_body) return violation("the body was lost"), false;
  return true;
}

void Origin::H1Connection::on_head(const Head& head) {
  if (!check_head(head)) return;
  x_origin.x_last_seen_ms = x_loop.now_ms();
  Call& call = *context().ledger.find(x_id);
  const ServicePlan& plan = context().plan.services[x_origin.x_service];
  x_method = call.method;
  x_expects = head.has("expect");
  x_asked_tunnel = call.asks == Asks::kUpgrade;
  x_websocket_key = head.field("sec-websocket-key");
  x_attempt = context().ledger.arrived(x_id, x_origin.x_service, plan.may_repeat(call));
  x_body_read = 0;
  x_answered = false;
  x_reading_request = true;
  note("origin: request " + x_method, x_attempt);
  const Mood& mood = x_origin.x_mood;
  x_behaviour = random().chance(mood.trouble)
                    ? mood.troubles[random().below(static_cast<uint32_t>(mood.troubles.size()))]
                    : Behaviour::kGood;
  if (x_behaviour == Behaviour::kEarly) return answer();
  if (x_expects && random().chance(0.7)) x_stream->write("HTTP/1.1 100 Continue\r\n\r\n");
  if (x_behaviour == Behaviour::kStopsReading) {
    x_stream->pause_reading();
    step(Step::Kind::kResume, between(random(), 10, 3'000));
    begin_step();
  }
  const bool at_once = x_behaviour == Behaviour::kResetBeforeHead && random().chance(0.5);
  if (at_once || (x_behaviour == Behaviour::kEndBeforeHead && random().chance(0.5))) answer();
}

void Origin::H1Connection::on_body(std::string_view bytes) {
  if (!is_body_at(request_key(x_id), x_body_read, bytes)) {
    violation("the request body is not the caller's, from byte " + std::to_string(x_body_read));
  }
  x_body_read += bytes.size();
}

void Origin::H1Connection::on_message_end() {
  x_reading_request = false;
  const Call* call = context().ledger.find(x_id);
  if (call == nullptr || context().ledger.is_violated()) return;
  if (x_body_read != call->body_bytes) {
    violation("the request body has " + std::to_string(x_body_read) + " bytes instead of " +
              std::to_string(call->body_bytes));
  }
  if (!x_answered) answer();
}

// ---- answers

void Origin::H1Connection::step(Step::Kind kind, int64_t after_ms, std::string bytes) {
  x_script.push_back({kind, after_ms, std::move(bytes)});
}

void Origin::H1Connection::send(std::string bytes) {
  const int64_t pause_ms = random().chance(0.8) ? 0 : between(random(), 1, 150);
  step(Step::Kind::kSend, pause_ms, std::move(bytes));
}

void Origin::H1Connection::answer() {
  x_answered = x_answering = true;
  write_script();
  if (!x_next.is_armed()) begin_step();
}

std::string Origin::H1Connection::head_of(int status, const std::string& framing) {
  std::string head = "HTTP/1.1 " + std::to_string(status) +
                     " Fine\r\nx-id: " + std::to_string(x_id) +
                     "\r\nx-attempt: " + std::to_string(x_attempt) + "\r\nConnection: x-back" +
                     (x_may_be_reused ? std::string() : std::string(", close")) +
                     "\r\nx-back: private\r\n" + framing;
  if (x_may_be_reused && random().chance(0.1)) head += "Keep-Alive: timeout=2\r\n";
  if (status >= 500 && random().chance(0.2)) head += "Retry-After: 1\r\n";
  return head + "\r\n";
}

// In one way or another; where the head is right, it says whose it is.
std::string Origin::H1Connection::malformed() {
  std::string text(kMalformed[random().below(std::size(kMalformed))]);
  const std::string mine =
      "x-id: " + std::to_string(x_id) + "\r\nx-attempt: " + std::to_string(x_attempt) + "\r\n";
  const size_t body_at = text.find("hello");
  if (body_at != std::string::npos) {
    text.replace(body_at, 5, make_body(answer_key(x_id, x_attempt), 5));
  }
  return text.insert(text.find("\r\n") + 2, mine);
}

// The first `most` bytes of a body of `size`.
void Origin::H1Connection::send_body(size_t size, bool chunked, size_t most) {
  const std::string body = make_body(answer_key(x_id, x_attempt), size);
  const bool one_by_one = size <= 100'000 && random().chance(context().plan.awkward / 3);
  size_t at = 0;
  while (at < most) {
    const size_t count = std::min<size_t>(most - at, 1 + random().below(30'000));
    send(chunked ? in_chunks(std::string_view(body).substr(at, count), one_by_one ? 1 : count)
                 : body.substr(at, count));
    at += count;
  }
  if (chunked && most == size)
    send(random().chance(0.2) ? "0\r\nx-trailer: 1\r\n\r\n" : "0\r\n\r\n");
}

void Origin::H1Connection::write_script() {
  using Kind = Step::Kind;
  const Mood& mood = x_origin.x_mood;
  const auto delay_ms =
      static_cast<int64_t>(random().below(static_cast<uint32_t>(mood.delay_most_ms) + 1));
  Behaviour how = x_behaviour;
  const int errors[] = {500, 502, 503, 504, 501};
  int status = random().chance(0.1) ? 404 : random().chance(0.05) ? 204 : 200;
  if (how == Behaviour::kServerError) status = errors[random().below(5)];
  size_t size = random().below(static_cast<uint32_t>(mood.body_most));
  const bool bare = is_bodiless(x_method, status);
  if (bare) {
    size = 0;
    if (how == Behaviour::kUntilClose || how == Behaviour::kTruncated ||
        how == Behaviour::kResetInBody || how == Behaviour::kStallsInBody) {
      how = Behaviour::kGood;
    }
  }
  const bool breaks = how == Behaviour::kTruncated || how == Behaviour::kResetInBody ||
                      how == Behaviour::kStallsInBody;
  if (breaks && size < 2) size = 2;
  const bool until_close = how == Behaviour::kUntilClose;
  const bool chunked = !until_close && !bare && random().chance(0.4);
  if (until_close || how == Behaviour::kLastOne) x_may_be_reused = false;
  // Before it has read all: some go on reading, some do not.
  const bool early_close = how == Behaviour::kEarly && random().chance(0.5);
  Answer& answer = context().ledger.answer(x_id, x_attempt);
  answer = {status, size, true};
  note("origin: answers " + std::to_string(status) + ", " + std::to_string(size) + " bytes, way",
       static_cast<uint64_t>(how));
  step(Kind::kWait, delay_ms);
  step(Kind::kResume);
  if (agrees_to_tunnel()) {
    answer = {101, 0, false};
    if (how == Behaviour::kInterim) send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    step(Kind::kSwitch);
    return;
  }
  const std::string framing = chunked ? "Transfer-Encoding: chunked\r\n"
                              : until_close || bare
                                  ? ""
                                  : "Content-Length: " + std::to_string(size) + "\r\n";
  switch (how) {
    case Behaviour::kResetBeforeHead:
    case Behaviour::kEndBeforeHead:
      answer.is_whole = x_may_be_reused = false;
      step(how == Behaviour::kEndBeforeHead ? Kind::kFinish : Kind::kReset);
      return;
    case Behaviour::kSilent:
      answer.is_whole = x_may_be_reused = false;
      return;
    case Behaviour::kMalformed:
      // Of an answer to HEAD nobody sees the body, nor, where it comes later, that there is one.
      answer = {200, 0, x_method == "HEAD"};
      if (x_method != "HEAD" || !x_origin.x_chops) x_may_be_reused = false;
      send(malformed());
      step(Kind::kDone);
      return;
    case Behaviour::kResetInHead: {
      answer.is_whole = x_may_be_reused = false;
      const std::string head = head_of(status, framing);
      send(head.substr(0, 1 + random().below(static_cast<uint32_t>(head.size()) - 1)));
      step(random().chance(0.5) ? Kind::kReset : Kind::kFinish, random().below(5));
      return;
    }
    case Behaviour::kInterim:
      send(random().chance(0.5) ? "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                                : "HTTP/1.1 100 Continue\r\n\r\n");
      break;
    default:
      break;
  }
  if (breaks) {
    answer.is_whole = x_may_be_reused = false;
    send(head_of(status, framing));
    send_body(size, chunked, random().below(static_cast<uint32_t>(size)));
    if (how == Behaviour::kStallsInBody) return;
    step(how == Behaviour::kResetInBody ? Kind::kReset : Kind::kFinish, random().below(20));
    return;
  }
  send(head_of(status, framing));
  send_body(size, chunked, size);
  if (how == Behaviour::kExtraBytes) {
    x_script.back().bytes += "these bytes belong to nobody";
    // Where they come later than the response, nobody can know that they will.
    if (!x_origin.x_chops) x_may_be_reused = false;
  }
  step(Kind::kDone);
  if (until_close || early_close || how == Behaviour::kLastOne) step(Kind::kFinish);
}

bool Origin::H1Connection::agrees_to_tunnel() const {
  const bool fine = x_behaviour == Behaviour::kGood || x_behaviour == Behaviour::kInterim;
  return x_asked_tunnel && (fine || x_origin.x_context.plan.gentle);
}

void Origin::H1Connection::switch_to_tunnel() {
  note("origin: switches");
  Arena arena({});
  x_stream->write(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Accept: " +
      std::string(http::websocket_accept_of(x_websocket_key, arena)) + "\r\n\r\n");
  x_tunnel = std::make_unique<Tunnel>(x_origin, x_loop, std::move(x_stream), std::string_view());
}

void Origin::H1Connection::begin_step() {
  if (!x_script.empty()) x_next.arm_at(x_loop.now_ms() + x_script.front().after_ms);
}

void Origin::H1Connection::play() {
  while (!x_script.empty() && x_stream != nullptr) {
    const Step step = std::move(x_script.front());
    x_script.pop_front();
    switch (step.kind) {
      case Step::Kind::kSend:
        x_stream->write(step.bytes);
        break;
      case Step::Kind::kFinish:
        note("origin: finishes");
        if (x_served > 0) x_origin.note_death();
        x_finished = true;
        x_stream->finish();
        break;
      case Step::Kind::kReset:
        note("origin: resets");
        if (x_served > 0) x_origin.note_death();
        return drop(true);
      case Step::Kind::kWait:
        break;
      case Step::Kind::kSwitch:
        return switch_to_tunnel();
      case Step::Kind::kResume:
        x_stream->resume_reading();
        break;
      case Step::Kind::kDone:
        x_answering = x_asked_tunnel = false;
        ++x_served;
        note("origin: done");
        if (x_origin.x_mood.closes_idle && x_may_be_reused && !x_reading_request &&
            random().chance(0.4)) {
          x_idle.arm_at(x_loop.now_ms() + random().below(random().chance(0.5) ? 5 : 2'000));
        }
        break;
    }
    if (!x_script.empty() && x_script.front().after_ms > 0) break;
  }
  if (x_stream != nullptr) begin_step();
}

}  // namespace outrigger::sim
