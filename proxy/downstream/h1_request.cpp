#include <algorithm>

#include "proxy/chain/driver.hpp"
#include "proxy/downstream/h1_connection.hpp"
#include "proxy/downstream/request_rules.hpp"
#include "proxy/http/line_scan.hpp"

namespace outrigger::downstream {
namespace {

// Ends of heads in bytes that wait. A body may contain some too: it only makes us stop reading a
// little early.
size_t count_heads(std::string_view bytes) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  size_t count = 0;
  for (size_t at = bytes.find(kEnd); at != std::string_view::npos; at = bytes.find(kEnd, at)) {
    at += kEnd.size();
    ++count;
  }
  return count;
}

// What does not so much as name HTTP in its first line speaks something else, to which an answer in
// HTTP would be one more riddle.
bool names_http(std::string_view text) {
  return http::first_line(text).find(" HTTP/") != std::string_view::npos;
}

}  // namespace

std::string_view H1Connection::take(std::string_view bytes) {
  while (!bytes.empty() && !is_over()) {
    if (x_tunnel) return take_tunnel(bytes), std::string_view();
    if (x_closing || (x_last && x_body == nullptr && !x_upgrading)) {
      // After its last request, whatever else the caller sends is ignored (RFC 9112 section 9.6).
      discard(bytes.size());
      return {};
    }
    if (x_skip > 0) {
      const size_t skipped = std::min<size_t>(x_skip, bytes.size());
      x_skip -= static_cast<uint32_t>(skipped);
      bytes.remove_prefix(skipped);
      continue;
    }
    const bool goes_on = x_rest != nullptr   ? take_rest(bytes)
                         : x_body != nullptr ? take_body(bytes)
                                             : take_head(bytes);
    if (!goes_on) break;
  }
  return bytes;
}

void H1Connection::take_buffered() {
  x_held = false;
  if (x_taking || x_buffer.empty()) return;
  x_taking = true;
  const size_t before = x_buffer.size();
  const size_t rest = take(x_buffer.view()).size();
  x_taking = false;
  if (is_over() || x_buffer.empty()) return;
  // Body pieces may have been gathered as views into the buffer.
  runtime().outbox.flush();
  x_buffer.consume(before - rest);
  if (rest == 0) x_heads = 0;
}

void H1Connection::keep(std::string_view rest) {
  if (rest.empty()) return;
  if (x_exchange == nullptr && x_context.resolver.is_overloaded()) {
    return refuse(nullptr, Cause::kOverload);
  }
  x_ahead = true;
  x_buffer.append(rest);
  if (x_body != nullptr) return;
  x_heads = static_cast<uint16_t>(std::min<size_t>(x_heads + count_heads(rest), UINT16_MAX));
}

bool H1Connection::take_head(std::string_view& bytes) {
  if (!may_begin()) return false;
  const http::HeadEnd::Look look = x_head_end.look(bytes, x_context.head_limits());
  if (look.state == http::HeadEnd::State::kMore) return false;
  if (look.state == http::HeadEnd::State::kRefused) {
    if (!x_used && look.cause == Cause::kMalformedRequest) x_context.series.detect_refused.add();
    refuse(nullptr, look.cause);
    return true;
  }
  const std::string_view text = bytes.substr(look.begin, look.end - look.begin);
  bytes.remove_prefix(look.end);
  x_ahead = !bytes.empty();
  x_head_end.reset();
  if (x_heads > 0) --x_heads;
  if (!x_used) {
    x_used = true;
    if (!names_http(text)) return leave_unanswered(), true;
    x_context.series.detect_http1.add();
  }
  start_request(text);
  // Filters must have seen the head before a body follows it; when the driver is under way already,
  // it comes to this request after the current callback.
  x_held = (x_body != nullptr || x_tunnel) && !runtime().driver.is_idle();
  return !x_held;
}

void H1Connection::make_exchange() {
  x_exchange = chain::Exchange::create(runtime(), *this);
  x_exchange->facts().tls = tls();
}

void H1Connection::start_request(std::string_view text) {
  ++x_begun;
  x_wait = Wait::kNothing;
  make_exchange();
  Arena& arena = x_exchange->arena();
  x_version = http::Version::kHttp11;
  x_method = http::Method::kGet;
  Result<http::RequestHead, Cause> parsed =
      http::parse_request_head(arena.copy(text), arena, x_context.head_limits());
  if (!parsed) return refuse(nullptr, parsed.error());
  http::RequestHead& request = x_exchange->request();
  request = *parsed;
  x_version = request.version;
  x_method = request.method;
  x_expects = request.expects_continue;
  x_last = !request.keep_alive;
  x_half_closes = x_last || x_version == http::Version::kHttp10;
  if (request.framing == http::Framing::kChunked || request.content_length > 0) {
    x_body =
        arena.make<http::BodyReader>(http::Side::kRequest, request.framing, request.content_length,
                                     x_context.head_limits().head_bytes);
  }
  const Admission admission = admit(*x_exchange, original(), x_context);
  if (admission.ends_here) return answer_options();
  const Resolution& found = admission.found;
  if (found.cause != Cause::kNone) return refuse(found.route, found.cause);
  begin(found);
}

void H1Connection::begin(const Resolution& found) {
  x_exchange->facts().service_port = found.service_port;
  x_exchange->set_original_destination(original());
  x_tunnel = x_exchange->request().begins_tunnel();
  x_upgrading = x_exchange->request().asks_tunnel() && !x_tunnel;
  x_exchange->begin(*found.route, *found.chain);
  if (x_body == nullptr && !x_tunnel) x_exchange->finish_request(nullptr);
  runtime().driver.run();
}

void H1Connection::leave_unanswered() {
  x_context.series.detect_refused.add();
  x_last = true;
  begin_close();
}

void H1Connection::answer_options() {
  const http::ResponseHead head = options_head(x_exchange->arena());
  x_exchange->facts().status = head.status;
  send_head(head);
  send_end(nullptr);
}

void H1Connection::refuse(const chain::Route* route, Cause cause) {
  x_last = true;
  if (cause == Cause::kOverload) x_context.series.overload_memory.add();
  if (x_exchange == nullptr) {
    make_exchange();
    x_version = http::Version::kHttp11;
    x_method = http::Method::kGet;
  }
  x_exchange->answer(route, refusal(cause));
}

void H1Connection::fail_body(Cause cause) {
  x_last = true;
  x_exchange->fail(refusal(cause));
}

bool H1Connection::take_body(std::string_view& bytes) {
  chain::Exchange* const exchange = x_exchange;
  http::BodyReader* const reader = x_body;
  while (true) {
    const http::BodyReader::Step step = reader->feed(bytes, exchange->arena(), now_ms());
    bytes.remove_prefix(step.consumed);
    switch (step.kind) {
      case http::BodyReader::Kind::kData:
        exchange->append_request_body(step.data);
        // The answer may have been completed meanwhile.
        if (x_exchange != exchange) return true;
        break;
      case http::BodyReader::Kind::kEnd:
        x_body = nullptr;
        x_ahead = !bytes.empty();
        exchange->finish_request(reader->trailers().empty() ? nullptr : &reader->trailers());
        runtime().driver.run();
        return true;
      case http::BodyReader::Kind::kMore:
        runtime().driver.run();
        return x_exchange != exchange;
      case http::BodyReader::Kind::kError:
        fail_body(step.cause);
        return true;
    }
  }
}

bool H1Connection::take_rest(std::string_view& bytes) {
  while (true) {
    const http::BodyReader::Step step = x_rest->reader.feed(bytes, x_rest->arena, now_ms());
    bytes.remove_prefix(step.consumed);
    x_rest->bytes += step.consumed;
    if (step.kind == http::BodyReader::Kind::kError || x_rest->bytes > kRestMax) {
      x_owes = true;
      begin_close();
      return true;
    }
    if (step.kind == http::BodyReader::Kind::kMore) return false;
    if (step.kind == http::BodyReader::Kind::kData) continue;
    x_rest.reset();
    return true;
  }
}

// The 101 to an Upgrade: whatever came behind its request belongs to the tunnel, and so does the
// rest of a body of known length, which goes up as it is.
void H1Connection::begin_tunnel() {
  x_body = nullptr;
  take_buffered();
  if (x_ended && x_exchange != nullptr) x_exchange->finish_request(nullptr);
}

// Waits in the exchange until the tunnel is accepted.
void H1Connection::take_tunnel(std::string_view bytes) {
  x_exchange->append_request_body(bytes);
  runtime().driver.run();
}

}  // namespace outrigger::downstream
