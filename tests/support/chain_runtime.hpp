// What a chain needs of its worker, without a loop: time and turns move only when a test says so.
// And the sink that stands for the server side: it writes down what it is told, checks that the
// order is a legal one, and ends the exchange as the real one does.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/chain/driver.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/chain/route.hpp"

namespace outrigger::testing {

class TestRuntime final : public chain::ExchangeObserver {
 public:
  explicit TestRuntime(uint64_t seed = 1) : x_random(seed) {}

  chain::Runtime& get() { return x_runtime; }
  ManualClock& clock() { return x_clock; }
  Random& random() { return x_random; }
  Reaper& reaper() { return x_reaper; }
  chain::MemoryBudget& budget() { return x_budget; }

  // What follows each callback of a loop.
  void turn() {
    if (before_turn) before_turn();
    x_driver.run();
  }
  std::function<void()> before_turn;
  // Millisecond by millisecond, with a turn after each timer and a reap after each step.
  void advance_ms(int64_t by) {
    for (int64_t i = 0; i < by; ++i) {
      x_clock.advance_ms(1);
      x_timers.advance(x_clock.now_ms(), [this] { turn(); });
      x_reaper.flush();
    }
  }
  void reap() { x_reaper.flush(); }
  int exchanges_ended() const { return x_ended; }

  void expect_clean() {
    EXPECT_TRUE(x_driver.is_idle());
    reap();
    EXPECT_TRUE(x_reaper.empty());
    EXPECT_EQ(x_pool.in_use(), 0U);
    EXPECT_EQ(x_budget.used(), 0);
    // Slots of the wheel stay marked until they come up: pass them all. What is still armed fires.
    for (int i = 0; i < 300; ++i) {
      x_clock.advance_ms(256);
      x_timers.advance(x_clock.now_ms());
    }
    EXPECT_EQ(x_timers.next_ms(), TimerWheel::kNever);
  }

 private:
  void on_exchange_end(const chain::Exchange& /*exchange*/,
                       const chain::Outcome& /*outcome*/) override {
    ++x_ended;
  }
  ManualClock x_clock;
  TimerWheel x_timers{x_clock.now_ms()};
  Random x_random;
  Reaper x_reaper;
  Inbox x_inbox{[](void*) {}, nullptr};
  io::Outbox x_outbox;
  chain::Driver x_driver;
  chain::ExchangePool x_pool;
  chain::MemoryBudget x_budget{1 << 20};
  int x_ended = 0;
  chain::Runtime x_runtime{
      {x_clock, x_timers, x_random, x_reaper, x_inbox}, x_outbox, x_driver, x_pool, x_budget, this};
};

class RecordingSink final : public chain::ResponseSink {
 public:
  // Of the exchange that it is given to. Ends it at the end of the answer, unless told otherwise.
  void own(chain::Exchange& exchange) { x_exchange = &exchange; }
  void keep_open() { x_ends = false; }
  void set_congested(bool congested) { x_congested = congested; }
  bool owns() const { return x_exchange != nullptr; }
  chain::Exchange& exchange() { return *x_exchange; }
  void end(chain::Outcome::Kind kind, const Error* error = nullptr) {
    if (x_exchange == nullptr) return;
    chain::Exchange& ended = *std::exchange(x_exchange, nullptr);
    ended.end({kind, error});
    facts = ended.facts();
  }

  bool has_answer() const { return complete || aborted; }
  std::string field(std::string_view name) const {
    for (const auto& [key, value] : fields) {
      if (key == name) return value;
    }
    return "";
  }

  std::vector<int> interims;
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;
  http::ResponseHead head;  // its views last as long as the exchange
  std::string body;
  std::string trailers;
  bool complete = false;
  bool aborted = false;
  Cause abort_cause = Cause::kNone;
  int wants = 0;
  chain::Facts facts;  // after the end; its views do not last

 private:
  void send_interim(int interim, std::string_view /*reason*/,
                    const http::Fields& /*fields*/) override {
    EXPECT_EQ(status, 0) << "an interim response after the head";
    interims.push_back(interim);
  }
  void send_head(const http::ResponseHead& sent) override {
    EXPECT_EQ(status, 0) << "two heads";
    status = sent.status;
    head = sent;
    for (const http::Field& f : sent.fields) fields.emplace_back(f.name, f.value);
  }
  void send_body(std::string_view bytes) override {
    EXPECT_NE(status, 0) << "body before the head";
    EXPECT_FALSE(has_answer()) << "body after the end";
    body += bytes;
  }
  void send_end(const http::Fields* sent) override {
    EXPECT_NE(status, 0) << "end before the head";
    EXPECT_FALSE(has_answer()) << "two ends";
    if (sent != nullptr) {
      for (const http::Field& f : *sent)
        trailers += std::string(f.name) + "=" + std::string(f.value);
    }
    complete = true;
    if (x_ends) end(chain::Outcome::Kind::kDone);
  }
  void abort(const Error& error) override {
    EXPECT_NE(status, 0) << "abort before the head";
    EXPECT_FALSE(has_answer()) << "abort after the end";
    aborted = true;
    abort_cause = error.cause;
    if (x_ends) end(chain::Outcome::Kind::kFailed, &error);
  }
  bool is_congested() const override { return x_congested; }
  void want_request_body() override { ++wants; }

  chain::Exchange* x_exchange = nullptr;
  bool x_ends = true;
  bool x_congested = false;
};

}  // namespace outrigger::testing
