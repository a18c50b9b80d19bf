#include "admin/call.hpp"

#include "admin/api.hpp"
#include "admin/later.hpp"
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

Answer too_large(size_t bytes_max) {
  return problem(413, "a body has at most " + std::to_string(bytes_max / 1024) + " KiB");
}

void deliver(chain::CallLeg leg, const Answer& answer) {
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
  if (x_leg.request().expects_continue) x_leg.deliver_interim(kContinue, {}, {});
  on_request_body();
}

void AdminCall::on_request_body() {
  if (x_operation == nullptr) return;
  const size_t most = body_bytes_max(x_operation->body);
  for (std::string_view piece = x_leg.body_ready(); !piece.empty(); piece = x_leg.body_ready()) {
    if (x_request.body.size() + piece.size() > most) {
      x_operation = nullptr;
      return deliver(x_leg, too_large(most));
    }
    x_request.body += piece;
    x_leg.body_consume(piece.size());
  }
  if (!x_leg.body_ended()) return;
  const Operation& operation = *std::exchange(x_operation, nullptr);
  conclude(operation.serve(x_parts, x_request));
}

void AdminCall::conclude(Answer answer) {
  if (answer.later != nullptr) {
    if (auto given = answer.later->take()) return conclude(std::move(*given));
    answer.later->set_waiter([this] { on_given(); });
    return await(std::move(answer));
  }
  const Awaited awaited = answer.awaited;
  if (x_parts.changes.is_done(awaited)) {
    x_timer.cancel();
    x_answer = std::move(answer);
    return finish();
  }
  x_parts.changes.wait(awaited, *this);
  await(std::move(answer));
}

// All waits of one call together take no longer.
void AdminCall::await(Answer answer) {
  x_answer = std::move(answer);
  if (x_timer.is_armed()) return;
  x_parts.loop.timers.arm(x_timer, x_parts.loop.clock.now_ms() + AdminApi::kTakenMs);
}

void AdminCall::on_given() {
  const std::shared_ptr<LaterAnswer> later = std::move(x_answer->later);
  conclude(*later->take());
}

void AdminCall::on_taken() {
  x_timer.cancel();
  finish();
}

void AdminCall::finish() {
  Answer answer = *std::exchange(x_answer, std::nullopt);
  if (const auto is_kept = x_parts.changes.is_kept(answer.awaited.save)) {
    const std::string_view rest = std::string_view(answer.body).substr(1);
    answer.body = std::string("{\"persisted\":") + (*is_kept ? "true" : "false") +
                  (rest == "}" ? "" : ",") + std::string(rest);
  }
  deliver(x_leg, answer);
}

// It goes on; the event tells when it is done.
void AdminCall::on_late() {
  constexpr int kAccepted = 202;
  ChangeWaiter::unlink();
  if (x_answer->later != nullptr) x_answer->later->set_waiter(nullptr);
  x_answer->status = kAccepted;
  finish();
}

void AdminCall::cancel() noexcept {
  x_operation = nullptr;
  ChangeWaiter::unlink();
  if (x_answer && x_answer->later != nullptr) x_answer->later->set_waiter(nullptr);
  x_timer.cancel();
}

}  // namespace outrigger::admin
