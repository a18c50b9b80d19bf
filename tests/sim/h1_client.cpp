#include "tests/sim/client.hpp"

#include <algorithm>

namespace outrigger::sim {

Client::Client(const Plan& plan, Random& random, Ledger& ledger, testing::VirtualLoop& loop,
               testing::PipeNetwork& network, int calls, int64_t at_ms)
    : x_plan(plan),
      x_random(random),
      x_ledger(ledger),
      x_loop(loop),
      x_network(network),
      x_start(loop, [this] { start(); }),
      x_send(loop, [this] { send_some(); }),
      x_expect(loop, [this] { go_on(); }),
      x_leave(loop, [this] { leave(x_leaves_by_reset); }),
      x_read_on(loop, [this] { x_stream->resume_reading(); }) {
  for (int i = 0; i < calls; ++i) draw_request(i + 1 == calls);
  draw_manners();
  x_start.arm_at(at_ms);
}

std::string Client::state() const {
  return "call " + std::to_string(x_requests[std::min(x_answered, x_requests.size() - 1)].id) +
         ", " + std::to_string(x_begun) + " begun, " + std::to_string(x_answered) + " answered" +
         (x_stream == nullptr ? ", not connected" : "");
}

void Client::violation(const std::string& what) {
  const size_t at = std::min(x_answered, x_requests.size() - 1);
  x_ledger.violation("at the caller, call " + std::to_string(x_requests[at].id) + ": " + what);
}

// ---- what it will do

void Client::draw_request(bool is_last) {
  constexpr const char* kMethods[] = {"GET",    "GET",  "POST",    "PUT",
                                      "DELETE", "HEAD", "OPTIONS", "PATCH"};
  Call& call = x_ledger.add_call();
  call.service = x_random.below(static_cast<uint32_t>(x_plan.services.size()));
  if (call.service == x_plan.passthrough() && x_random.chance(0.7)) call.service = 0;
  call.method = kMethods[x_random.below(std::size(kMethods))];
  const ServicePlan& service = x_plan.services[call.service];
  // Some are for the same thing, so that a stale answer to another call may stand in.
  const bool is_shared = service.stale && call.method == "GET" && x_random.chance(0.7);
  call.path =
      is_shared ? "/shared/" + std::to_string(x_random.below(3)) : "/c/" + std::to_string(call.id);

  Request request;
  request.id = call.id;
  request.is_http10 = x_random.chance(0.08);
  request.is_last = is_last;
  std::string& head = request.head;
  head = call.method + " " + call.path + (request.is_http10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  head += "Host: " + service.name + "\r\nx-id: " + std::to_string(call.id) + "\r\nAccept: */*\r\n";
  if (service.has_deadline_header && x_random.chance(0.5)) {
    call.deadline_ms = between(x_random, 1, 3'000);
    head += "x-deadline: " + std::to_string(call.deadline_ms) + "\r\n";
  }
  std::string options = x_random.chance(0.3) ? "x-hop" : "";
  if (!options.empty()) head += "x-hop: private\r\n";
  head += "x-secret: none of theirs\r\n";
  if (is_last && x_random.chance(0.3)) options += options.empty() ? "close" : ", close";
  if (request.is_http10 && !is_last) options += options.empty() ? "keep-alive" : ", keep-alive";
  if (!options.empty()) head += "Connection: " + options + "\r\n";
  if (x_random.chance(0.1)) head += "Keep-Alive: timeout=5\r\n";
  request.body = draw_body(call, request);
  head += "\r\n";
  x_requests.push_back(std::move(request));
}

std::string Client::draw_body(const Call& made, Request& request) {
  Call& call = *x_ledger.find(made.id);
  const bool takes_body = call.method == "POST" || call.method == "PUT" || call.method == "PATCH" ||
                          x_random.chance(0.03);
  if (!takes_body || x_random.chance(0.2)) return {};
  const uint32_t most[] = {10, 2'000, 30'000, 400'000};
  call.body_bytes = x_random.below(most[x_random.below(x_random.chance(0.2) ? 4 : 2)]);
  call.has_body = true;
  const std::string body = make_body(request_key(call.id), call.body_bytes);
  const bool chunked = !request.is_http10 && x_random.chance(0.4);
  request.expects = !request.is_http10 && call.body_bytes > 0 && x_random.chance(0.15);
  if (request.expects) request.head += "Expect: 100-continue\r\n";
  if (!chunked) {
    request.head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return body;
  }
  request.head += "Transfer-Encoding: chunked\r\n";
  std::string wire;
  for (size_t at = 0; at < body.size();) {
    const size_t count = std::min<size_t>(body.size() - at, 1 + x_random.below(20'000));
    char line[24];
    const int written = std::snprintf(line, sizeof line, "%zx\r\n", count);
    wire.append(line, static_cast<size_t>(written));
    wire.append(body, at, count).append("\r\n");
    at += count;
  }
  return wire + (x_random.chance(0.2) ? "0\r\nx-trailer: 1\r\n\r\n" : "0\r\n\r\n");
}

void Client::draw_manners() {
  x_pipelines = x_random.chance(0.3);
  x_lingers = x_random.chance(0.3);
  if (x_random.chance(0.25)) {
    x_drop_bytes = x_random.chance(0.5) ? between(x_random, 1, 200) : between(x_random, 200, 9'000);
    x_drop_ms = between(x_random, 0, x_plan.gentle ? 5 : 60);
  }
  if (x_random.chance(0.2)) x_read_pause_ms = between(x_random, 1, 20);
  if (x_plan.gentle) return;
  x_stalls_once = x_random.chance(0.05);
  if (x_stalls_once) x_read_pause_ms = std::max<int64_t>(x_read_pause_ms, 1);
  x_half_closes = x_random.chance(0.1);
  x_leaves_by_reset = x_random.chance(0.6);
  if (x_random.chance(0.15)) {
    size_t bytes = 0;
    for (const Request& request : x_requests) bytes += request.head.size() + request.body.size();
    x_leaves_at_byte = x_random.below(static_cast<uint32_t>(bytes + 1));
  }
}

// ---- sending

void Client::start() {
  note("client: comes", x_requests.front().id, x_requests.size());
  const Address to = *Address::parse("127.0.0.1:15001");
  x_connect = x_network.connect(to, *this);
}

void Client::on_connected(io::StreamPtr stream) {
  x_loop.context().reaper.doom(std::move(x_connect));
  x_stream = std::move(stream);
  x_stream->start(*this);
  if (!x_plan.gentle && x_random.chance(0.15)) {
    x_leave.arm_at(x_loop.now_ms() + x_random.below(x_random.chance(0.5) ? 50 : 3'000));
  }
  begin_request();
}

void Client::on_connect_failed(Cause) {
  x_loop.context().reaper.doom(std::move(x_connect));
  if (!x_plan.drains) violation("the proxy does not accept");
  stop("client: is refused");
}

void Client::begin_request() {
  if (x_begun == x_requests.size() || x_closes || !x_held.empty()) return;
  const Request& request = x_requests[x_begun++];
  x_out += request.head;
  if (request.expects) {
    // Some do not wait for ever (RFC 9110 section 10.1.1).
    x_held = request.body;
    x_expect.arm_at(x_loop.now_ms() + between(x_random, 1, 1'500));
  } else {
    x_out += request.body;
    if (x_pipelines) begin_request();
  }
  send_some();
}

// The body that was held back may go.
void Client::go_on() {
  x_expect.cancel();
  if (x_held.empty() || x_stream == nullptr) return;
  x_out += std::exchange(x_held, {});
  if (x_pipelines) begin_request();
  send_some();
}

void Client::send_some() {
  while (!x_out.empty() && x_stream != nullptr && !x_send.is_armed()) {
    size_t count = x_out.size();
    if (x_drop_bytes > 0) {
      count = std::min<size_t>(count, 1 + x_random.below(static_cast<uint32_t>(x_drop_bytes)));
    }
    if (x_leaves_at_byte) count = std::min<size_t>(count, *x_leaves_at_byte - x_sent);
    x_stream->write(std::string_view(x_out).substr(0, count));
    x_out.erase(0, count);
    x_sent += count;
    if (x_leaves_at_byte && x_sent >= *x_leaves_at_byte) return leave(x_leaves_by_reset);
    if (x_drop_bytes > 0 && !x_out.empty()) x_send.arm_at(x_loop.now_ms() + x_drop_ms);
  }
  const bool all = x_out.empty() && x_held.empty() && x_begun == x_requests.size();
  if (!all || x_stream == nullptr || x_left) return;
  if (x_half_closes) return leave(false);
  if (x_answered == x_requests.size() && !x_lingers && !x_closes) stop("client: is served");
}

// By a reset it is gone. By an end it listens on, as one that half-closes may.
void Client::leave(bool reset) {
  if (x_stream == nullptr) return;
  x_left = true;
  x_left_ms = x_loop.now_ms();
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

void Client::stop(std::string_view why) {
  note(why, x_requests.front().id, x_answered);
  x_over = true;
  for (auto* event : {&x_send, &x_expect, &x_leave, &x_read_on}) event->cancel();
  if (x_stream != nullptr) x_loop.context().reaper.doom(std::move(x_stream));
}

}  // namespace outrigger::sim
