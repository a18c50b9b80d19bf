// A terminal whose calls do what a script says: answer now or later, with a head, an error or a
// reply of its own, push the body piece by piece, break off, or hang. Each call leaves a record.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/timer_wheel.hpp"
#include "proxy/chain/call_leg.hpp"
#include "proxy/chain/driver.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/chain/grpc_attempt.hpp"
#include "proxy/chain/terminal.hpp"

namespace outrigger::testing {

struct Script {
  enum class Answer : uint8_t { kHead, kError, kReply, kHang };

  Answer answer = Answer::kHead;
  int64_t after_ms = 0;  // 0: from within start()
  int status = 200;
  std::vector<std::pair<std::string, std::string>> fields{};
  int64_t declared_bytes = -1;  // Content-Length
  std::vector<int> interims{};
  std::vector<std::string> body{};
  std::vector<std::pair<std::string, std::string>> trailers{};
  int64_t gap_ms = 0;          // between pieces; 0: all at once
  int64_t end_after_ms = 0;    // of a gRPC answer: from its head, or last piece, to its end
  int64_t hold_head_ms = 100;  // of a gRPC answer
  std::optional<size_t> break_after{};  // pieces, then an error in place of the rest
  Error error{.cause = Cause::kReset};
  bool reads_body = true;
  bool waits_for_body = false;  // sends its own only when the request has come to its end
  bool runs_driver = false;     // from within the callback that delivered, as the forwarder does

  static Script ok(std::string body = "ok") { return {.body = {std::move(body)}}; }
  static Script failing(Cause cause = Cause::kReset, Sent sent = Sent::kMaybe) {
    return {.answer = Answer::kError, .error = {.cause = cause, .sent = sent}};
  }
  static Script answering(int status, std::string body = "") {
    return {.status = status, .body = {std::move(body)}};
  }
  static Script hanging() { return {.answer = Answer::kHang}; }
  // A gRPC answer: a head, messages, and the status in the trailers.
  static Script grpc(int code, std::vector<std::string> messages = {}) {
    return {.fields = {{"content-type", "application/grpc"}},
            .body = std::move(messages),
            .trailers = {{"grpc-status", std::to_string(code)}}};
  }
  Script after(int64_t ms) && {
    after_ms = ms;
    return std::move(*this);
  }
  Script with(std::string name, std::string value) && {
    fields.emplace_back(std::move(name), std::move(value));
    return std::move(*this);
  }
};

struct CallRecord {
  std::string method;
  std::string target;
  Sent sent = Sent::kMaybe;  // what the script's error says of the request
  std::string fields;        // "name=value;" of each, as the attempt sends them
  int64_t start_ms = 0;
  bool replay = false;  // of what died with its connection
  bool alternate = false;
  std::string body;  // read so far
  bool body_ended = false;
  bool cancelled = false;
  bool finished = false;  // pushed its end, reported an error or a reply
  bool flowing = false;
  int congestions = 0;
};

class FakeCall final : public chain::Call {
 public:
  FakeCall(chain::CallLeg leg, Script script, CallRecord& record)
      : x_leg(leg), x_script(std::move(script)), x_record(record) {}

  void start() {
    read_body();
    if (x_script.answer == Script::Answer::kHang) return;
    if (x_script.after_ms == 0) return answer();
    arm(x_script.after_ms);
  }

 private:
  void on_flow() override {
    x_record.flowing = true;
    if (!x_delivering) push();
  }
  void on_request_body() override {
    EXPECT_FALSE(x_record.cancelled);
    read_body();
    if (x_script.waits_for_body && x_leg.is_flowing() && !x_pushing) push();
  }
  void on_congestion(bool congested) override {
    x_congested = congested;
    if (congested) ++x_record.congestions;
    if (!congested && !x_pushing) push();
  }
  void cancel() noexcept override {
    EXPECT_FALSE(x_record.cancelled);
    x_record.cancelled = true;
    x_timer.cancel();
    x_grpc.cancel();
  }

  void read_body() {
    if (!x_script.reads_body) return;
    for (auto piece = x_leg.body_ready(); !piece.empty(); piece = x_leg.body_ready()) {
      x_record.body += piece;
      x_leg.body_consume(piece.size());
    }
    x_record.body_ended = x_leg.body_ended();
  }

  void on_timer() {
    if (!x_answered) return answer();
    x_grpc.is_held() ? read_on() : push();
  }

  void answer() {
    x_answered = true;
    chain::Exchange& exchange = x_leg.exchange();
    for (const int status : x_script.interims) x_leg.deliver_interim(status, {}, {});
    if (x_script.answer == Script::Answer::kError) {
      x_record.finished = true;
      return x_leg.deliver_error(x_script.error);
    }
    if (x_script.answer == Script::Answer::kReply) {
      x_record.finished = true;
      return x_leg.deliver_reply({x_script.status, {}, "own reply"});
    }
    auto* head = exchange.arena().make<http::ResponseHead>();
    head->status = x_script.status;
    head->framing = http::Framing::kChunked;
    head->content_length = x_script.declared_bytes;
    for (const auto& [name, value] : x_script.fields) {
      Arena& arena = exchange.arena();
      head->fields.add(arena, arena.copy(name), arena.copy(value));
    }
    x_delivering = true;
    if (exchange.is_grpc()) {
      x_grpc.deliver(*head, x_script.hold_head_ms);
    } else {
      x_leg.deliver_head(*head);
    }
    if (x_script.runs_driver) exchange.runtime().driver.run();
    x_delivering = false;
    if (x_grpc.is_held()) return read_on();
    if (!x_record.cancelled && x_leg.is_flowing()) return push();
    // Breaks off although nobody takes the body yet.
    if (!x_record.cancelled && x_script.break_after == 0) break_off();
  }

  // What comes behind a head that is held.
  void read_on() {
    const bool ends = x_script.body.empty();
    const int64_t wait_ms = ends ? x_script.end_after_ms : x_script.gap_ms;
    bool& waited = ends ? x_end_waited : x_waited;
    if (wait_ms > 0 && !std::exchange(waited, true)) return arm(wait_ms);
    if (x_script.break_after == 0) return break_off();
    if (!x_script.body.empty()) return x_grpc.release();
    const http::Fields* const with_head = trailers();
    x_trailers_gone = true;
    x_grpc.release_with(with_head);
  }

  const http::Fields* trailers() {
    if (x_script.trailers.empty() || x_trailers_gone) return nullptr;
    Arena& arena = x_leg.exchange().arena();
    auto* fields = arena.make<http::Fields>();
    for (const auto& [name, value] : x_script.trailers) {
      fields->add(arena, arena.copy(name), arena.copy(value));
    }
    return fields;
  }

  void push() {
    if (x_timer.is_armed()) return;
    if (x_script.waits_for_body && !x_record.body_ended) return;
    x_pushing = true;
    while (!x_congested && x_next < x_script.body.size()) {
      if (x_script.break_after == x_next) return break_off();
      if (x_script.gap_ms > 0 && !x_waited) {
        x_waited = true;
        x_pushing = false;
        return arm(x_script.gap_ms);
      }
      x_waited = false;
      x_leg.push_body(x_script.body[x_next++]);
      if (x_record.cancelled) return;
    }
    x_pushing = false;
    if (x_congested || x_record.finished) return;
    if (x_script.break_after && *x_script.break_after <= x_next) return break_off();
    if (x_script.end_after_ms > 0 && !x_trailers_gone && !std::exchange(x_end_waited, true)) {
      return arm(x_script.end_after_ms);
    }
    x_record.finished = true;
    x_leg.push_end(trailers());
  }

  void break_off() {
    x_pushing = false;
    if (std::exchange(x_record.finished, true)) return;
    x_grpc.cancel();
    x_leg.deliver_error(x_script.error);
  }

  void arm(int64_t after_ms) {
    LoopContext& loop = x_leg.exchange().loop();
    loop.timers.arm(x_timer, loop.clock.now_ms() + after_ms);
  }

  const chain::CallLeg x_leg;
  const Script x_script;
  CallRecord& x_record;
  Timer x_timer = Timer::of<&FakeCall::on_timer>(*this, 60'000);
  chain::GrpcHead x_grpc{x_leg};
  size_t x_next = 0;
  bool x_answered = false;
  bool x_delivering = false;
  bool x_pushing = false;
  bool x_waited = false;
  bool x_end_waited = false;
  bool x_trailers_gone = false;  // with the head
  bool x_congested = false;
};

class FakeTerminal final : public chain::Terminal {
 public:
  // The n-th call takes the n-th script; the last one serves all further calls.
  explicit FakeTerminal(std::vector<Script> scripts = {Script::ok()})
      : x_scripts(std::move(scripts)) {}

  chain::CallPtr start(chain::CallLeg leg) override {
    const Script& script = x_scripts[std::min(x_calls.size() - x_first, x_scripts.size() - 1)];
    auto& record = *x_calls.emplace_back(std::make_unique<CallRecord>());
    record.method = leg.request().method_text;
    record.target = leg.request().target;
    if (script.answer == Script::Answer::kError) record.sent = script.error.sent;
    record.start_ms = leg.exchange().loop().clock.now_ms();
    record.replay = leg.is_replay();
    record.alternate = leg.is_alternate();
    http::RequestHead head = leg.request();
    chain::carry_grpc_deadline(leg.exchange(), head);
    for (const auto& f : head.fields) {
      record.fields += std::string(f.name) + "=" + std::string(f.value) + ";";
    }
    auto call = std::make_unique<FakeCall>(leg, script, record);
    call->start();
    return {call.release(), {&leg.exchange().loop().reaper}};
  }

  // For the calls from now on.
  void set_scripts(std::vector<Script> scripts) {
    x_scripts = std::move(scripts);
    x_first = x_calls.size();
  }
  size_t calls() const { return x_calls.size(); }
  const CallRecord& call(size_t index) const { return *x_calls.at(index); }
  size_t cancelled() const {
    size_t count = 0;
    for (const auto& call : x_calls) count += call->cancelled ? 1 : 0;
    return count;
  }

 private:
  std::vector<Script> x_scripts;
  size_t x_first = 0;  // the call that takes the first of them
  std::vector<std::unique_ptr<CallRecord>> x_calls;
};

}  // namespace outrigger::testing
