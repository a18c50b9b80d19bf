// Time. What bounds a call, and what its caller gets when the time is over.
#include <gtest/gtest.h>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

std::string orders(std::string_view policy) {
  return "services: {orders: {endpoints: {static: ['10.0.0.1:80', '10.0.0.2:80']}, circuit: off, " +
         std::string(policy) + "}}";
}
// One instance only.
std::string order(std::string_view policy) {
  return "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, circuit: off, " +
         std::string(policy) + "}}";
}

TEST(Time, RequestBoundsTheWaitForTheHeadToTheMillisecond) {
  Town town(order("timeout: {request: 2s}"));
  Origin& origin = town.origin("10.0.0.1:80");
  origin.otherwise = stalls();
  Caller caller(town);
  const int64_t began_ms = town.now_ms();
  const Message answer = caller.get();
  EXPECT_EQ(answer.status(), 504);
  EXPECT_EQ(answer.field("proxy-status"),
            "outrigger; error=http_response_timeout; details=\"timeout orders request\"");
  EXPECT_EQ(answer.at_ms - began_ms, 2000);
  town.run();
  EXPECT_EQ(origin.open_connections(), 0u);  // its answer would belong to nobody
}

TEST(Time, AnswersJustBeforeTheRequestTimeoutAreGiven) {
  Town town(order("timeout: {request: 2s}"));
  town.origin("10.0.0.1:80").otherwise = after(1999, answers(200));
  EXPECT_EQ(Caller(town).get().status(), 200);
}

TEST(Time, RequestRunsFromTheLastRequestByte) {
  Town town(order("timeout: {request: 2s}"));
  Origin& origin = town.origin("10.0.0.1:80");
  origin.otherwise = after(1500, answers(200));
  Caller caller(town);
  caller.begin_raw("POST", "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 6\r\n\r\nabc");
  town.pass_ms(5000);
  EXPECT_TRUE(caller.answers.empty());
  EXPECT_FALSE(caller.is_over());
  caller.send("def");
  EXPECT_EQ(caller.next().status(), 200);
}

TEST(Time, RequestDoesNotBoundTheBody) {
  Town town(order("timeout: {request: 1s}"));
  town.origin("10.0.0.1:80").otherwise =
      both(sends("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc"), after(5000, sends("def")));
  EXPECT_EQ(Caller(town).get().body, "abcdef");
}

TEST(Time, IdleBoundsTheSilenceWithinABodyAndTheCallerSeesTheTruncation) {
  Town town(order("timeout: {idle: 3s}"));
  town.origin("10.0.0.1:80").otherwise =
      both(sends("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), after(2900, sends("def")));
  Caller caller(town);
  const int64_t began_ms = town.now_ms();
  const Message answer = caller.get();
  EXPECT_FALSE(answer.complete);
  EXPECT_EQ(answer.body, "abcdef");
  EXPECT_TRUE(caller.broken);
  EXPECT_EQ(town.now_ms() - began_ms, 5900);
}

std::string upload(size_t bytes) {
  return "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n";
}

TEST(Time, IdleBoundsAnUploadOfWhichTheUpstreamTakesNothing) {
  Town town(order("timeout: {idle: 2s}"));
  TestOrigin server(town.network, *Address::parse("10.0.0.1:80"));
  constexpr size_t kBytes = 1'000'000;
  Caller caller(town);
  caller.begin_raw("POST", upload(kBytes));
  town.run();
  server.last().pause();
  caller.send(std::string(kBytes, 'x'));
  town.pass_ms(1'900);
  EXPECT_TRUE(caller.answers.empty());
  town.pass_ms(200);
  const Message answer = caller.next();
  EXPECT_EQ(answer.status(), 504);
  EXPECT_NE(answer.field("proxy-status").find("timeout orders idle"), std::string::npos);
  EXPECT_EQ(town.process.services.find("orders")->limit().outstanding(), 0);
}

TEST(Time, IdleDoesNotBoundAnUploadWhoseCallerPauses) {
  Town town(order("timeout: {idle: 2s}"));
  town.origin("10.0.0.1:80").otherwise = answers(200);
  Caller caller(town);
  caller.begin_raw("POST", upload(6) + "abc");
  town.pass_ms(30'000);
  caller.send("def");
  EXPECT_EQ(caller.next().status(), 200);
}

TEST(Time, StreamIdleGuardsAnEventStreamInsteadOfIdle) {
  Town town(order("timeout: {idle: 3s, stream_idle: 20s}"));
  town.origin("10.0.0.1:80").otherwise =
      both(sends("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n2\r\n:a\r\n"),
           after(15'000, sends("2\r\n:b\r\n")));
  Caller caller(town);
  const int64_t began_ms = town.now_ms();
  const Message answer = caller.get();
  EXPECT_FALSE(answer.complete);
  EXPECT_EQ(answer.body, ":a:b");
  EXPECT_EQ(town.now_ms() - began_ms, 35'000);
}

TEST(Time, TotalBoundsEverything) {
  Town town(order("timeout: {total: 4s, idle: 3s}"));
  town.origin("10.0.0.1:80").otherwise = [](Origin::Connection& on) {
    on.send_if_open("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 10; ++i) {
      on.after(i * 1000, [&on] { on.send_if_open("1\r\nx\r\n"); });
    }
  };
  Caller caller(town);
  const int64_t began_ms = town.now_ms();
  EXPECT_FALSE(caller.get().complete);
  EXPECT_EQ(town.now_ms() - began_ms, 4000);
}

TEST(Time, AConnectThatHangsFailsAfterConnectAndGoesElsewhere) {
  Town town(orders("balance: round_robin"));
  town.network.at(*Address::parse("10.0.0.1:80")).fate = AddressOptions::Fate::kBlackhole;
  town.origin("10.0.0.2:80");
  for (int i = 0; i < 2; ++i) {
    Caller caller(town);
    EXPECT_EQ(caller.post("/", "x").status(), 200);
  }
  EXPECT_EQ(town.origin("10.0.0.2:80").requests.size(), 2u);
}

TEST(Time, AHangingConnectIs504WithItsOwnType) {
  Town town(order("retry: {unsent: 0}"));
  town.network.at(*Address::parse("10.0.0.1:80")).fate = AddressOptions::Fate::kBlackhole;
  Caller caller(town);
  const int64_t began_ms = town.now_ms();
  const Message answer = caller.get();
  EXPECT_EQ(answer.status(), 504);
  EXPECT_NE(answer.field("proxy-status").find("error=connection_timeout"), std::string::npos);
  EXPECT_EQ(answer.at_ms - began_ms, 1000);
}

// ABUSE 142
TEST(Time, AttemptsTogetherNeverExceedTheRequestTimeout) {
  Town town(orders("timeout: {request: 1s, attempt: 700ms}, retry: {attempts: 5}"));
  for (const char* at : {"10.0.0.1:80", "10.0.0.2:80"}) town.origin(at).otherwise = stalls();
  Caller caller(town);
  const int64_t began_ms = town.now_ms();
  EXPECT_EQ(caller.get().status(), 504);
  EXPECT_EQ(caller.answers[0].at_ms - began_ms, 1000);
  EXPECT_EQ(town.origin("10.0.0.1:80").heads + town.origin("10.0.0.2:80").heads, 2u);
}

TEST(Time, AutoIsTheRequestTimeDividedByTheAttempts) {
  Town town(orders("timeout: {request: 4s}, retry: {attempts: 2}, balance: round_robin"));
  for (const char* at : {"10.0.0.1:80", "10.0.0.2:80"}) {
    town.origin(at).otherwise = after(3000, answers(200));
    town.origin(at).script = {stalls()};
  }
  town.origin("10.0.0.2:80").script = {};
  town.origin("10.0.0.2:80").otherwise = answers(200, "second");
  town.origin("10.0.0.1:80").otherwise = stalls();
  Caller caller(town);
  for (int i = 0; i < 2; ++i) {
    const int64_t began_ms = town.now_ms();
    const Message answer = caller.get();
    EXPECT_EQ(answer.body, "second");
    const int64_t took_ms = answer.at_ms - began_ms;
    EXPECT_TRUE(took_ms == 0 || (took_ms >= 2000 && took_ms <= 2030)) << took_ms;
  }
}

// "The caller's own deadline always runs from the first byte and wins when it is shorter."
TEST(Time, TheCallersDeadlineRunsFromTheFirstByte) {
  Town town(order("deadline_header: x-deadline-ms, timeout: {request: 10s}"));
  town.origin("10.0.0.1:80").otherwise = stalls();
  Caller caller(town);
  const int64_t began_ms = town.now_ms();
  caller.begin_raw("POST",
                   "POST / HTTP/1.1\r\nHost: orders\r\nX-Deadline-Ms: 900\r\n"
                   "Content-Length: 2\r\n\r\na");
  town.pass_ms(500);
  caller.send("b");
  EXPECT_EQ(caller.next().status(), 504);
  EXPECT_EQ(town.now_ms() - began_ms, 900);
}

TEST(Time, EachAttemptCarriesWhatIsReallyLeft) {
  Town town(
      orders("deadline_header: x-deadline-ms, retry: {attempts: 2, backoff: {base: 1ms, "
             "max: 1ms}}, balance: round_robin, timeout: {attempt: 5s}"));
  for (const char* at : {"10.0.0.1:80", "10.0.0.2:80"}) {
    town.origin(at).script = {after(300, answers(503))};
  }
  Caller caller(town);
  EXPECT_EQ(caller.get("/", "X-Deadline-Ms: 1000\r\n").status(), 503);
  std::vector<int> left;
  for (const char* at : {"10.0.0.1:80", "10.0.0.2:80"}) {
    ASSERT_EQ(town.origin(at).requests.size(), 1u);
    left.push_back(std::stoi(town.origin(at).requests[0].field("x-deadline-ms")));
  }
  std::sort(left.begin(), left.end());
  EXPECT_EQ(left[1], 1000);
  EXPECT_GE(left[0], 698);
  EXPECT_LE(left[0], 700);
}

TEST(Time, ADeadlineThatHasPassedNeverReachesTheUpstream) {
  Town town(order("deadline_header: x-deadline-ms"));
  Caller caller(town);
  EXPECT_EQ(caller.get("/", "X-Deadline-Ms: 0\r\n").status(), 504);
  EXPECT_EQ(town.origin("10.0.0.1:80").heads, 0u);
}

TEST(Time, QueueingCountsTowardsTheRequestTimeout) {
  Town town(order("timeout: {request: 1s}, limits: {outstanding: 1, queue: 5, queue_wait: 10s}"));
  town.origin("10.0.0.1:80").script = {both(stalls(), after(5000, answers(200)))};
  Caller first(town);
  first.begin("GET", "/1");
  town.pass_ms(500);
  Caller second(town);
  const int64_t began_ms = town.now_ms();
  second.begin("GET", "/2");
  EXPECT_EQ(first.next().status(), 504);
  // The first one's permit came free at its own timeout.
  EXPECT_EQ(second.next().status(), 200);
  EXPECT_EQ(town.now_ms() - began_ms, 500);
}

// Somebody sets the system's clock while calls run and a circuit is open.
TEST(Time, Case155AJumpOfTheWallClockMovesNoTimer) {
  for (const int64_t jump_ms : {3'600'000, -3'600'000}) {
    Town town(
        "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, retry: off, timeout: {request: "
        "2s}, circuit: {consecutive_failures: 1, failure_rate: off, ramp: off, open_for: 5s}}}");
    Origin& origin = town.origin("10.0.0.1:80");
    origin.otherwise = stalls();
    Caller caller(town);
    const int64_t began_ms = town.now_ms();
    caller.begin("GET", "/");
    town.pass_ms(500);
    town.loop.jump_wall_ms(jump_ms);
    const Message late = caller.next();
    EXPECT_EQ(late.status(), 504);
    EXPECT_EQ(late.at_ms - began_ms, 2000);
    ASSERT_EQ(town.circuit("orders"), upstream::CircuitState::kOpen);
    town.loop.jump_wall_ms(-2 * jump_ms);
    origin.otherwise = answers(200);
    Caller refused(town);
    EXPECT_EQ(refused.get().status(), 503);
    town.pass_ms(6'300);
    EXPECT_EQ(refused.get().status(), 200);
  }
}

}  // namespace
}  // namespace outrigger::testing
