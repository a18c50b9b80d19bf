// HTTP/2 on both sides among seeded faults: whatever anybody does and in whatever order, nothing is
// left behind and whoever stays gets an answer.
#include <gtest/gtest.h>

#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kYaml =
    "services: {orders: {endpoints: {static: ['10.0.0.1:80', '10.0.0.2:80']}, circuit: off, "
    "endpoint_circuit: off, retry: {attempts: 2}, pool: {connections: 2, streams: 3}, "
    "timeout: {request: 3s, idle: 3s}}}";

void misbehave(H2Side& on, Random& random) {
  const auto later = [&](std::function<void()> task) {
    on.peer().after(random.below(50), std::move(task));
  };
  switch (random.below(10)) {
    case 0:
      return on.reset(http::H2Code::kInternalError);
    case 1:
      return on.reset(http::H2Code::kRefusedStream);
    case 2:
      return later([&on] { on.peer().break_off(); });
    case 3:
      return later([&on] { on.peer().close_cleanly(); });
    case 4:
      on.peer().session().submit_goaway(http::H2Code::kNoError);
      return on.answer(200, "bye");
    case 5:
      on.answer_head(200);
      on.send_data("begun");
      return later([&on] { on.reset(http::H2Code::kCancel); });
    case 6:
      on.interim(103);
      return on.answer(200, std::string(400'000, 'a'));
    case 7:
      return;  // for ever
    case 8:
      on.answer_head(200);
      on.send_data(std::string(random.below(100'000), 'a'));
      return later([&on] { on.send_trailers({{"x-sum", "1"}}); });
    default:
      return on.answer(200, "ok");
  }
}

void call(H2Caller& caller, Random& random) {
  const std::string body(random.chance(0.5) ? 0 : random.below(200'000), 'b');
  H2Side& side = caller.begin(body.empty() ? "GET" : "PUT", "/", {}, body);
  if (random.chance(0.2)) side.takes = false;
  if (random.chance(0.3)) {
    caller.after(random.below(60), [&side] { side.reset(); });
  }
  if (!side.takes) {
    caller.after(500, [&side] { side.take_all(); });
  }
}

TEST(Http2Faults, NothingIsLeftBehindWhateverHappens) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Town town(kYaml, 1, seed);
    Random random(seed * 7919);
    town.loop.shuffle();
    town.network.defaults.pipe.random_chunks = random.chance(0.5);
    town.network.defaults.pipe.latency_ms = random.below(4);
    H2Origin one(town, "10.0.0.1:80");
    H2Origin two(town, "10.0.0.2:80");
    one.otherwise = two.otherwise = [&](H2Side& on) { misbehave(on, random); };
    if (random.chance(0.3)) one.on_head = one.otherwise, one.otherwise = [](H2Side&) {};
    std::vector<std::unique_ptr<H2Caller>> callers;
    std::vector<std::unique_ptr<Caller>> old;
    for (int i = 0; i < 3; ++i) callers.push_back(std::make_unique<H2Caller>(town));
    for (int i = 0; i < 20; ++i) {
      call(*callers[random.below(3)], random);
      if (random.chance(0.3)) {
        old.push_back(std::make_unique<Caller>(town));
        old.back()->begin("GET", "/");
      }
      if (random.chance(0.5)) town.pass_ms(random.below(20));
    }
    if (random.chance(0.3)) callers[0]->break_off();
    if (random.chance(0.2)) town.set_endpoints("orders", {"10.0.0.2:80"});
    if (random.chance(0.2)) town.workers[0]->begin_last_phase();
    if (random.chance(0.2)) town.workers[0]->end();  // with all that runs
    town.pass_ms(60'000);
    for (const auto& caller : callers) {
      for (const H2Side& side : caller->sides) {
        EXPECT_TRUE(side.is_over() || !side.is_open() || caller->is_gone());
      }
    }
    for (const auto& caller : old) EXPECT_TRUE(caller->is_over() || caller->answers.size() == 1);
    EXPECT_EQ(town.workers[0]->running(), 0u);
  }
}

}  // namespace
}  // namespace outrigger::testing
