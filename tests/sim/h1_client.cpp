#include "tests/sim/h1_client.hpp"

#include <algorithm>

namespace outrigger::sim {

H1Client::H1Client(const CallerContext& context, int calls, int64_t at_ms)
    : x_context(context),
      x_start(context.loop, [this] { start(); }),
      x_send(context.loop, [this] { send_some(); }),
      x_expect(context.loop, [this] { go_on(); }),
      x_leave(context.loop, [this] { leave(x_leaves_by_reset); }),
      x_read_on(context.loop, [this] { x_stream->resume_reading(); }) {
  for (int i = 0; i < calls; ++i) draw_request(i + 1 == calls);
  draw_manners();
  x_start.arm_at(at_ms);
}

std::string H1Client::state() const {
  return "call " + std::to_string(x_requests[std::min(x_answered, x_requests.size() - 1)].id) +
         ", " + std::to_string(x_begun) + " begun, " + std::to_string(x_answered) + " answered" +
         (x_stream == nullptr ? ", not connected" : "");
}

void H1Client::violation(const std::string& what) {
  const size_t at = std::min(x_answered, x_requests.size() - 1);
  x_context.ledger.violation("at the caller, call " + std::to_string(x_requests[at].id) + ": " +
                             what);
}

// ---- what it will do

void H1Client::draw_request(bool is_last) {
  const DrawnCall drawn = draw_call(x_context, false);
  const Call& call = *x_context.ledger.find(drawn.id);
  Request request;
  request.id = call.id;
  request.is_http10 = random().chance(0.08);
  request.is_last = is_last;
  std::string& head = request.head;
  head = call.method + " " + call.path + (request.is_http10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  head += "Host: " + drawn.host + "\r\n";
  for (const auto& [name, value] : drawn.fields) head += name + ": " + value + "\r\n";
  std::string options = random().chance(0.3) ? "x-hop" : "";
  if (!options.empty()) head += "x-hop: private\r\n";
  if (is_last && random().chance(0.3)) options += options.empty() ? "close" : ", close";
  if (request.is_http10 && !is_last) options += options.empty() ? "keep-alive" : ", keep-alive";
  if (!options.empty()) head += "Connection: " + options + "\r\n";
  if (random().chance(0.1)) head += "Keep-Alive: timeout=5\r\n";
  if (call.has_body) request.body = draw_body(call, request);
  head += "\r\n";
  x_requests.push_back(std::move(request));
}

std::string H1Client::draw_body(const Call& call, Request& request) {
  const std::string body = make_body(request_key(call.id), call.body_bytes);
  const bool chunked = !request.is_http10 && random().chance(0.4);
  request.expects = !request.is_http10 && call.body_bytes > 0 && random().chance(0.15);
  if (request.expects) request.head += "Expect: 100-continue\r\n";
  if (!chunked) {
    request.head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return body;
  }
  request.head += "Transfer-Encoding: chunked\r\n";
  request.is_chunked = true;
  std::string wire;
  const bool one_by_one = body.size() <= 30'000 && random().chance(x_context.plan.awkward / 2);
  const uint32_t most = one_by_one ? 1 : 20'000;
  for (size_t at = 0; at < body.size();) {
    const size_t count = std::min<size_t>(body.size() - at, 1 + random().below(most));
    char line[24];
    const int written = std::snprintf(line, sizeof line, "%zx\r\n", count);
    wire.append(line, static_cast<size_t>(written));
    wire.append(body, at, count).append("\r\n");
    at += count;
  }
  return wire + (random().chance(0.2) ? "0\r\nx-trailer: 1\r\n\r\n" : "0\r\n\r\n");
}

void H1Client::draw_manners() {
  x_pipelines = random().chance(0.3);
  x_lingers = random().chance(0.3);
  if (random().chance(0.25)) {
    x_drop_bytes = random().chance(0.5) ? between(random(), 1, 200) : between(random(), 200, 9'000);
    x_drop_ms = between(random(), 0, x_context.plan.gentle ? 5 : 60);
  }
  if (random().chance(0.2)) x_read_pause_ms = between(random(), 1, 20);
  if (random().chance(x_context.plan.awkward / 4)) {
    x_stalls_at_byte = random().below(static_cast<uint32_t>(total_bytes() + 1));
    x_stall_ms = between(random(), 10, x_context.plan.gentle ? 4'000 : 30'000);
  }
  if (x_context.plan.gentle) return;
  x_stalls_once = random().chance(0.05);
  if (x_stalls_once) x_read_pause_ms = std::max<int64_t>(x_read_pause_ms, 1);
  x_half_closes = random().chance(0.1);
  x_leaves_by_reset = random().chance(0.6);
  if (random().chance(0.15)) {
    x_leaves_at_byte = random().below(static_cast<uint32_t>(total_bytes() + 1));
  }
}

size_t H1Client::total_bytes() const {
  size_t bytes = 0;
  for (const Request& request : x_requests) bytes += request.head.size() + request.body.size();
  return bytes;
}

// ---- sending

void H1Client::start() {
  note("client: comes", x_requests.front().id, x_requests.size());
  const Address to = *Address::parse(kOutbound);
  x_connect = x_context.network.connect(to, *this);
}

void H1Client::on_connected(io::StreamPtr stream) {
  x_context.loop.context().reaper.doom(std::move(x_connect));
  x_stream = std::move(stream);
  x_stream->start(*this);
  if (!x_context.plan.gentle && random().chance(0.15)) {
    x_leave.arm_at(now_ms() + random().below(random().chance(0.5) ? 50 : 3'000));
  }
  begin_request();
}

void H1Client::on_connect_failed(Cause) {
  x_context.loop.context().reaper.doom(std::move(x_connect));
  const bool is_due = x_context.plan.drains || x_context.ledger.may_refuse(now_ms());
  if (!is_due) violation("the proxy does not accept");
  stop("client: is refused");
}

void H1Client::begin_request() {
  if (x_begun == x_requests.size() || x_closes || !x_held.empty()) return;
  const Request& request = x_requests[x_begun++];
  Call& call = *x_context.ledger.find(request.id);
  call.begun = true;
  call.came_ms = now_ms();
  x_out += request.head;
  if (request.expects) {
    // Some do not wait for ever (RFC 9110 section 10.1.1).
    x_held = request.body;
    x_expect.arm_at(now_ms() + between(random(), 1, 1'500));
  } else {
    x_out += request.body;
    if (x_pipelines) begin_request();
  }
  send_some();
}

// The body that was held back may go.
void H1Client::go_on() {
  x_expect.cancel();
  if (x_held.empty() || x_stream == nullptr) return;
  x_out += std::exchange(x_held, {});
  if (x_pipelines) begin_request();
  send_some();
}

void H1Client::send_some() {
  while (!x_out.empty() && x_stream != nullptr && !x_send.is_armed()) {
    size_t count = x_out.size();
    if (x_drop_bytes > 0) {
      count = std::min<size_t>(count, 1 + random().below(static_cast<uint32_t>(x_drop_bytes)));
    }
    if (x_stalls_at_byte && x_sent == *x_stalls_at_byte) {
      x_stalls_at_byte.reset();
      x_send.arm_at(now_ms() + x_stall_ms);
      return;
    }
    if (x_stalls_at_byte) count = std::min<size_t>(count, *x_stalls_at_byte - x_sent);
    if (x_leaves_at_byte) count = std::min<size_t>(count, *x_leaves_at_byte - x_sent);
    x_stream->write(std::string_view(x_out).substr(0, count));
    x_out.erase(0, count);
    x_sent += count;
    if (x_leaves_at_byte && x_sent >= *x_leaves_at_byte) return leave(x_leaves_by_reset);
    if (x_drop_bytes > 0 && !x_out.empty()) x_send.arm_at(now_ms() + x_drop_ms);
  }
  const bool all = x_out.empty() && x_held.empty() && x_begun == x_requests.size();
  if (!all || x_stream == nullptr || x_left) return;
  if (x_half_closes) return leave(false);
  if (x_answered == x_requests.size() && !x_lingers && !x_closes) stop("client: is served");
}

// By a reset it is gone. By an end it listens on, as one that half-closes may.
void H1Client::leave(bool reset) {
  if (x_stream == nullptr) return;
  x_left = true;
  x_left_ms = now_ms();
  x_leaves_at_byte.reset();
  note(reset ? "client: resets" : "client: ends", x_requests[x_begun - 1].id, x_sent);
  if (!reset) {
    x_out.clear();
    x_held.clear();
    x_begun = x_requests.size();
    return x_stream->finish();
  }
  x_stream->abort();
  stop("client: is gone");
}

void H1Client::stop(std::string_view why) {
  note(why, x_requests.front().id, x_answered);
  x_over = true;
  for (auto* event : {&x_send, &x_expect, &x_leave, &x_read_on}) event->cancel();
  if (x_stream != nullptr) x_context.loop.context().reaper.doom(std::move(x_stream));
}

}  // namespace outrigger::sim
