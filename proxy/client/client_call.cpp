#include "proxy/client/client_call.hpp"

#include <algorithm>
#include <utility>

namespace outrigger::client {

ClientCall::ClientCall(chain::Runtime& runtime, const chain::Route& route, const Url& url,
                       const Request& request, const Bounds& bounds, AnswerEvents& events)
    : x_exchange(chain::Exchange::create(runtime, *this)),
      x_at(request.at),
      x_bounds(bounds),
      x_server(x_at ? x_at->to_string() : url.origin()),
      x_events(events) {
  write_head(url, request);
  if (x_at) x_exchange->set_original_destination(&*x_at);
  arm(bounds.head_ms);
  x_exchange->begin(route, *route.chains.front());
  if (!request.body.empty()) x_exchange->append_request_body(request.body);
  x_exchange->finish_request(nullptr);
}

ClientCall::~ClientCall() { end(chain::Outcome::Kind::kCallerGone); }

void ClientCall::write_head(const Url& url, const Request& request) {
  Arena& arena = x_exchange->arena();
  http::RequestHead& head = x_exchange->request();
  head.method_text = arena.copy(request.method);
  head.method = http::method_from(head.method_text);
  head.authority = arena.copy(url.authority);
  head.target = arena.concat({url.base, request.target});
  for (const auto& [name, value] : request.fields) {
    head.fields.add(arena, arena.copy(name), arena.copy(value));
  }
  if (request.body.empty()) return;
  head.framing = http::Framing::kLength;
  head.content_length = static_cast<int64_t>(request.body.size());
}

void ClientCall::arm(int64_t ms) {
  const LoopContext& loop = x_exchange->loop();
  loop.timers.arm(x_timer, std::min(loop.clock.now_ms() + ms, x_ends_ms));
}

// ---- the answer

void ClientCall::send_head(const http::ResponseHead& head) {
  if (is_cancelled()) return;
  const chain::Facts& facts = x_exchange->facts();
  x_has_head = true;
  if (facts.own_reply) {
    x_failure = said({.cause = facts.cause, .detail = facts.detail});
    return;
  }
  if (x_bounds.whole_ms > 0) x_ends_ms = x_exchange->loop().clock.now_ms() + x_bounds.whole_ms;
  arm(x_bounds.silence_ms);
  x_events.on_head(head.status, head.fields);
}

void ClientCall::send_body(std::string_view bytes) {
  if (is_cancelled() || !x_failure.empty()) return;
  x_body_bytes += bytes.size();
  if (x_body_bytes > x_bounds.body_bytes) {
    x_failure =
        x_server + ": its answer has more than " + std::to_string(x_bounds.body_bytes) + " bytes";
    return arm(0);
  }
  arm(x_bounds.silence_ms);
  x_events.on_body(bytes);
}

void ClientCall::send_end(const http::Fields* /*trailers*/) {
  end(chain::Outcome::Kind::kDone);
  if (is_cancelled()) return;
  x_failure.empty() ? x_events.on_end() : x_events.on_failed(x_failure);
}

// ---- ends

void ClientCall::abort(const Error& error) { fail(said(error)); }

void ClientCall::on_timer() {
  if (!x_failure.empty()) return fail(x_failure);
  if (x_exchange->loop().clock.now_ms() >= x_ends_ms) {
    return fail(x_server + ": its answer took longer than " +
                std::to_string(x_bounds.whole_ms / 1000) + " s");
  }
  fail(x_server +
       (x_has_head ? ": it fell silent within its answer" : ": it did not answer in time"));
}

void ClientCall::fail(const std::string& why) {
  end(chain::Outcome::Kind::kCallerGone);
  if (!is_cancelled()) x_events.on_failed(why);
}

void ClientCall::end(chain::Outcome::Kind kind) {
  x_timer.cancel();
  if (x_exchange != nullptr) std::exchange(x_exchange, nullptr)->end({kind, nullptr});
}

std::string ClientCall::said(const Error& error) const {
  std::string text = x_server + ": " + std::string(row_of(error.cause).sentence);
  const bool is_known = x_server.find(error.detail) != std::string::npos;
  if (!is_known) text += " (" + std::string(error.detail) + ")";
  return text;
}

}  // namespace outrigger::client
