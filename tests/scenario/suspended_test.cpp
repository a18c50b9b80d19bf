// The process is suspended: a container that is paused, a machine that is frozen, no share of the
// processor left. Whatever came in time is in time, however late we look.
#include <gtest/gtest.h>

#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";

struct SuspendedTown : Town {
  explicit SuspendedTown(const std::string& policy, const std::string& listener = {})
      : Town("listeners: [{name: outbound, address: ['127.0.0.1:15001']" + listener +
             "}]\nservices: {orders: {endpoints: {static: ['10.0.0.1:80']}" + policy + "}}") {}
};

TEST(Suspended, AnAnswerThatCameMeanwhileIsDeliveredAndNoCircuitOpens) {
  SuspendedTown town(
      ", timeout: {request: 2s}, circuit: {consecutive_failures: 1}, endpoint_circuit: off");
  town.origin(kAt).otherwise = after(500, answers(200));
  Caller one(town);
  Caller other(town);
  one.begin("GET", "/");
  other.begin("POST", "/", {}, "hi");
  town.pass_ms(250);
  town.loop.suspend_ms(4'000);
  EXPECT_EQ(one.next().status(), 200);
  EXPECT_EQ(other.next().status(), 200);
  EXPECT_EQ(town.circuit("orders"), upstream::CircuitState::kClosed);
}

TEST(Suspended, WhoStillSaysNothingIsTooLate) {
  SuspendedTown town(", timeout: {request: 2s}");
  town.origin(kAt).otherwise = stalls();
  Caller caller(town);
  caller.begin("GET", "/");
  town.loop.suspend_ms(4'000);
  EXPECT_EQ(caller.next(0).status(), 504);
}

TEST(Suspended, ARequestThatCameMeanwhileOnAKeptConnectionIsAnswered) {
  SuspendedTown town("", ", timeout: {keepalive: 2s}");
  town.origin(kAt);
  Caller caller(town);
  EXPECT_EQ(caller.get().status(), 200);
  caller.begin("POST", "/", {}, "hi");
  town.loop.suspend_ms(3'000);
  EXPECT_EQ(caller.next().status(), 200);
}

TEST(Suspended, TheRestOfABodyThatCameMeanwhileIsTakenBothWays) {
  SuspendedTown town(", timeout: {idle: 2s}", ", timeout: {body_idle: 2s}");
  town.origin(kAt).otherwise =
      both(sends("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc"), after(500, sends("def")));
  Caller caller(town);
  caller.begin_raw("POST", "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 4\r\n\r\nab");
  town.run();
  caller.send("cd");
  town.loop.suspend_ms(3'000);
  town.loop.suspend_ms(3'000);
  const Message answer = caller.next();
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body, "abcdef");
}

TEST(Suspended, AnHttp2CallerThatTookItsAnswerMeanwhileIsNotStalled) {
  SuspendedTown town(", protocol: http1", ", timeout: {write_stall: 5s}");
  town.origin(kAt).otherwise = answers(200, std::string(200'000, 'x'));
  http::H2Limits narrow;
  narrow.stream_window_bytes = 10'000;
  H2Caller caller(town, narrow);
  H2Side& call = caller.begin("GET", "/");
  call.takes = false;
  town.pass_ms(1'000);
  EXPECT_FALSE(call.is_over());
  call.take_all();
  town.loop.suspend_ms(20'000);
  EXPECT_TRUE(caller.finish(call).done);
  EXPECT_EQ(call.message.body.size(), 200'000u);
}

}  // namespace
}  // namespace outrigger::testing
