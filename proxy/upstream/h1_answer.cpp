// What an attempt over HTTP/1 reads: heads, a body, or a tunnel.
#include <utility>

#include "proxy/chain/driver.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/upstream/h1_call.hpp"

namespace outrigger::upstream {

void H1Call::on_read(std::string_view bytes) {
  if (x_tunnel) return x_tunnel->on_read(bytes);
  upstream().series.upstream_bytes_in.add(bytes.size());
  x_any_byte = true;
  if (!x_unread.empty()) {
    x_unread.append(bytes);
    return read_buffered();
  }
  x_reading = true;
  while (!bytes.empty() && read_some(bytes)) {
  }
  x_reading = false;
  if (!x_over && !x_tunnel) x_unread.append(bytes);
}

// Reads on from x_unread: what was held back, or the rest of a head.
void H1Call::read_buffered() {
  if (x_reading) return;
  x_reading = true;
  std::string_view bytes = x_unread.view();
  while (!bytes.empty() && read_some(bytes)) {
  }
  x_reading = false;
  // What went on its way still points into the buffer.
  upstream().runtime.outbox.flush();
  if (x_over || x_tunnel) return x_unread.clear();
  x_unread.consume(x_unread.size() - bytes.size());
  // What is left then is the beginning of a line that will not come.
  if (x_ended && may_read()) end_of_stream();
}

// Whether there is more to do with the rest of `bytes`, now.
bool H1Call::read_some(std::string_view& bytes) {
  return x_head_read ? read_body(bytes) : read_head(bytes);
}

bool H1Call::read_head(std::string_view& bytes) {
  const auto look = x_head_end.look(bytes, x_settings.head_limits);
  if (look.state == http::HeadEnd::State::kMore) return false;
  if (look.state == http::HeadEnd::State::kRefused) return fail(look.cause), false;
  Arena& arena = x_leg.exchange().arena();
  const std::string_view text = arena.copy(bytes.substr(look.begin, look.end - look.begin));
  bytes.remove_prefix(look.end);
  x_head_end.reset();
  const http::Asked asked{x_leg.request().method, x_leg.request().upgrade};
  auto parsed = http::parse_response_head(text, asked, arena, x_settings.head_limits);
  if (!parsed) return fail(parsed.error()), false;
  auto* head = arena.make<http::ResponseHead>(*parsed);
  if (head->tunnel && !x_proof.is_in(*head)) return fail(Cause::kMalformedResponse), false;
  if (head->status >= 200 || head->tunnel) return take_final_head(*head, bytes);
  if (!take_interim()) return fail(Cause::kMalformedResponse), false;
  x_leg.deliver_interim(head->status, head->reason, head->fields);
  return true;
}

bool H1Call::take_final_head(http::ResponseHead& head, std::string_view behind) {
  x_head_read = true;
  x_reader = http::BodyReader(http::Side::kResponse, head.framing, head.content_length,
                              x_settings.head_limits.head_bytes);
  x_switched = head.tunnel;
  x_reusable = head.keep_alive && head.framing != http::Framing::kUntilClose && !head.tunnel;
  x_keep_alive_s = head.keep_alive_s;
  deliver_head(head);
  if (!is_head_held()) return pass_head(behind);
  if (!x_reader.ended()) return true;
  finish_before(behind);
  return false;
}

// Whether there is more to do with what is behind the head that was delivered.
bool H1Call::pass_head(std::string_view behind) {
  upstream().runtime.driver.run();
  if (x_over) return false;
  if (!x_leg.is_flowing()) {
    x_connection->stream().pause_reading();
    return false;
  }
  if (x_switched) return begin_tunnel(behind), false;
  if (!x_reader.ended()) return true;
  finish_before(behind);
  return false;
}

// Behind a head that is held: a first message lets it go, and is then read as any other.
bool H1Call::look_ahead(std::string_view& bytes) {
  http::BodyReader ahead = x_reader;
  const auto step = ahead.feed(bytes, x_leg.exchange().arena(), upstream().now_ms());
  if (step.kind == http::BodyReader::Kind::kData) {
    release_head();
    return pass_head(bytes);
  }
  bytes.remove_prefix(step.consumed);
  x_reader = ahead;
  if (step.kind == http::BodyReader::Kind::kEnd) finish_before(bytes);
  if (step.kind == http::BodyReader::Kind::kError) fail(step.cause);
  return false;
}

bool H1Call::may_read() const { return (x_leg.is_flowing() || is_head_held()) && !x_congested; }

bool H1Call::read_body(std::string_view& bytes) {
  if (!may_read()) return false;
  if (is_head_held()) return look_ahead(bytes);
  const auto step = x_reader.feed(bytes, x_leg.exchange().arena(), upstream().now_ms());
  bytes.remove_prefix(step.consumed);
  switch (step.kind) {
    case http::BodyReader::Kind::kData:
      settle_body();
      x_leg.push_body(step.data);
      if (x_over) return false;
      if (!x_reader.ended()) return true;
      [[fallthrough]];
    case http::BodyReader::Kind::kEnd:
      return finish_before(bytes), false;
    case http::BodyReader::Kind::kMore:
      return false;
    case http::BodyReader::Kind::kError:
      return fail(step.cause), false;
  }
  return false;
}

void H1Call::on_flow() {
  // The loop that delivered the head goes on by itself.
  if (x_reading) return;
  if (x_connection == nullptr) return finish();
  x_connection->stream().resume_reading();
  if (x_switched) {
    begin_tunnel(x_unread.view());
    upstream().runtime.outbox.flush();
    return x_unread.clear();
  }
  if (x_reader.ended()) return finish_before(x_unread.view());
  read_buffered();
}

void H1Call::on_congestion(bool congested) {
  x_congested = congested;
  if (x_tunnel) return x_tunnel->on_congestion(congested);
  if (x_connection == nullptr) return;
  if (congested) return x_connection->stream().pause_reading();
  x_connection->stream().resume_reading();
  read_buffered();
}

void H1Call::on_end() {
  if (x_tunnel) {
    x_tunnel->on_end();
    return finish_if_tunnel_over();
  }
  if (!x_head_read) return fail_closed(true);
  x_ended = true;
  read_buffered();  // what is held back comes first
}

void H1Call::end_of_stream() {
  x_reusable = false;
  if (x_reader.complete_at_eof()) return finish();
  fail(Cause::kResponseIncomplete);
}

void H1Call::on_broken() {
  if (!x_head_read) return fail_closed(false);
  fail(x_tunnel ? Cause::kReset : Cause::kResponseIncomplete);
}

// ---- a tunnel (RFC 9110 section 7.8)

// `behind` came with the head, or was held back with it.
void H1Call::begin_tunnel(std::string_view behind) {
  x_connection->stream().bound_unacked(0);
  x_tunnel.emplace(x_leg, x_connection->stream(), upstream().series);
  if (!behind.empty()) x_leg.push_body(behind);
  if (x_over) return;
  send_through_tunnel();
}

void H1Call::send_through_tunnel() {
  x_tunnel->send();
  finish_if_tunnel_over();
}

void H1Call::finish_if_tunnel_over() {
  if (!x_over && x_tunnel->is_over()) finish();
}

}  // namespace outrigger::upstream
