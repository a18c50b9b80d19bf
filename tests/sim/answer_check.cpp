#include "tests/sim/answer_check.hpp"

namespace outrigger::sim {

void AnswerCheck::violation(const std::string& what) {
  x_ledger.violation("at the caller, call " + std::to_string(x_call) + ": " + what);
}

void AnswerCheck::head(const Head& head) {
  if (has_head()) return violation("a second head: " + head.start);
  x_head = head;
  x_id = static_cast<uint32_t>(head.number("x-id"));
  x_attempt = head.number("x-attempt");
  if (x_id == 0) {
    if (!head.field("proxy-status").starts_with("outrigger")) {
      violation("an answer of nobody: " + head.start);
    }
    if (call().is_grpc && !head.has("grpc-status")) violation("an own answer that is not gRPC");
    return;
  }
  for (const char* gone : {"x-back", "keep-alive"}) {
    if (head.has(gone)) violation(std::string(gone) + " came back");
  }
  if (call().service != x_plan.passthrough() && !head.has("x-from")) {
    violation("the field of the policy is missing");
  }
  const bool is_stale = head.has("cache-status");
  const Call* of = x_ledger.find(x_id);
  const bool fits =
      of != nullptr &&
      (of->id == x_call || (is_stale && of->path == call().path && of->service == call().service));
  if (!fits) return violation("the answer to call " + std::to_string(x_id));
  if (x_attempt >= of->answers.size()) return violation("an answer nobody made");
  if (of->answers[x_attempt].status != head.status()) {
    violation("another status than the origin's");
  }
  if (is_stale) ++x_ledger.stale_seen;
}

void AnswerCheck::body(std::string_view bytes) {
  if (x_id > 0 && !is_body_at(answer_key(x_id, x_attempt), x_bytes, bytes)) {
    violation("the body is not the origin's, from byte " + std::to_string(x_bytes));
  }
  x_bytes += bytes.size();
}

void AnswerCheck::end(const Head* trailers, int64_t now_ms) {
  if (x_ledger.is_violated()) return;
  check_end(trailers);
  ++x_ledger.statuses[x_head.status()];
  x_ledger.note(now_ms, "caller: answer", x_call, static_cast<uint64_t>(x_head.status()));
  ++call().answered;
}

void AnswerCheck::check_end(const Head* trailers) {
  const ServicePlan& service = x_plan.services[call().service];
  if (x_id == 0) {
    ++x_ledger.own_replies_seen;
    if (x_plan.gentle && x_head.status() < 500 && call().asks == Asks::kMessage &&
        !call().is_grpc) {
      violation("an honest call is refused: " + x_head.start);
    }
    const bool is_message = call().asks == Asks::kMessage;
    if (x_plan.gentle && is_message && service.may_repeat(call()) &&
        call().body_bytes <= 64 * 1024) {
      violation("a good call that may be repeated got " +
                std::string(x_head.field("proxy-status")));
    }
    return;
  }
  if (is_cut(trailers)) {
    if (trailers->number("grpc-status") == 0) violation("an answer that was cut says it is good");
    return;
  }
  ++x_ledger.answers_seen;
  if (x_id == x_call) ++call().served;
  const Answer& answer = x_ledger.find(x_id)->answers[x_attempt];
  if (!answer.is_whole) return violation("a broken answer was taken for a whole one");
  const size_t expected = call().method == "HEAD" ? 0 : answer.body_bytes;
  if (x_bytes != expected) {
    violation("an answer of " + std::to_string(x_bytes) + " bytes instead of " +
              std::to_string(expected));
  }
  if (call().is_grpc) check_grpc_status(answer, trailers);
}

// The proxy says in trailers why it ends a gRPC answer before its time; the message of an origin is
// always the same.
bool AnswerCheck::is_cut(const Head* trailers) {
  if (!call().is_grpc || trailers == nullptr || !trailers->has("grpc-message")) return false;
  return trailers->field("grpc-message") != "so";
}

// What the origin said, once, be it in trailers or in a head without a message.
void AnswerCheck::check_grpc_status(const Answer& answer, const Head* trailers) {
  constexpr const char* kName = "grpc-status";
  const int64_t count = x_head.count(kName) + (trailers != nullptr ? trailers->count(kName) : 0);
  if (!answer.grpc_status) {
    if (count > 0) violation("a grpc-status that the origin did not say");
    return;
  }
  if (count != 1) return violation("grpc-status came " + std::to_string(count) + " times");
  const uint64_t said = (x_head.has(kName) ? x_head : *trailers).number(kName);
  if (static_cast<int>(said) != *answer.grpc_status) violation("another grpc-status");
}

}  // namespace outrigger::sim
