#include "admin/call.hpp"

#include "admin/api.hpp"
#include "proxy/chain/exchange.hpp"

namespace outrigger::admin {

void add_fields(http::Fields& fields, Arena& arena, const Answer& answer) {
  fields.add(arena, http::Name::kContentType, arena.copy(answer.content_type));
  for (const auto& [name, value] : answer.fields) {
    fields.add(arena, arena.copy(name), arena.copy(value));
  }
  fields.add(arena, http::Name::kCacheControl, "no-store");
  fields.add(arena, "X-Content-Type-Options", "nosniff");
}

void deliver(chain::Leg& leg, const Answer& answer) {
  Arena& arena = leg.exchange().arena();
  chain::LocalReply reply;
  reply.status = answer.status;
  add_fields(reply.fields, arena, answer);
  reply.body = arena.copy(answer.body);
  leg.deliver_reply(reply);
}

void AdminCall::read_body(const Operation& operation, Request request) {
  x_operation = &operation;
  x_request = std::move(request);
  constexpr int kContinue = 100;
  if (x_leg.request().expects_continue) x_leg.deliver_interim(kContinue, {});
  on_request_body();
}

void AdminCall::on_request_body() {
  if (x_operation == nullptr) return;
  for (std::string_view piece = x_leg.body_ready(); !piece.empty(); piece = x_leg.body_ready()) {
    if (x_request.body.size() + piece.size() > AdminApi::kBodyBytesMax) {
      x_operation = nullptr;
      return deliver(x_leg, problem(413, "a body has at most 64 KiB"));
    }
    x_request.body += piece;
    x_leg.body_consume(piece.size());
  }
  if (!x_leg.body_ended()) return;
  const Operation& operation = *std::exchange(x_operation, nullptr);
  conclude(operation.serve(x_parts, x_request));
}

void AdminCall::conclude(Answer answer) {
  if (!answer.change || x_parts.changes.is_taken(*answer.change)) return deliver(x_leg, answer);
  x_parts.changes.wait(*answer.change, *this);
  x_answer = std::move(answer);
  x_parts.loop.timers.arm(x_timer, x_parts.loop.clock.now_ms() + AdminApi::kTakenMs);
}

void AdminCall::on_taken() {
  x_timer.cancel();
  deliver(x_leg, *std::exchange(x_answer, std::nullopt));
}

// It goes on; the event tells when it is done.
void AdminCall::on_late() {
  constexpr int kAccepted = 202;
  ChangeWaiter::unlink();
  x_answer->status = kAccepted;
  deliver(x_leg, *std::exchange(x_answer, std::nullopt));
}

void AdminCall::cancel() noexcept {
  x_operation = nullptr;
  ChangeWaiter::unlink();
  x_timer.cancel();
}

}  // namespace outrigger::admin
