// Outstanding limit. Exact over the whole process, with a queue that keeps its word.
#include <gtest/gtest.h>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";

std::string orders(std::string_view limits, std::string_view more = {}) {
  return "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, limits: {" +
         std::string(limits) + "}" + std::string(more) + "}}";
}

using Callers = std::vector<std::unique_ptr<Caller>>;

Callers all_ask(Town& town, unsigned count, unsigned workers = 1) {
  Callers callers;
  for (unsigned i = 0; i < count; ++i)
    callers.push_back(std::make_unique<Caller>(town, i % workers));
  for (auto& caller : callers) {
    caller->begin("GET", "/");
    town.run();
  }
  return callers;
}

TEST(OutstandingLimit, TheCallAboveItFailsAtOnce) {
  Town town(orders("outstanding: 3"));
  Origin& origin = town.origin(kAt);
  origin.otherwise = after(100, answers(200));
  Callers callers = all_ask(town, 4);
  ASSERT_EQ(callers[3]->answers.size(), 1u);
  const Message& refusal = callers[3]->answers[0];
  EXPECT_EQ(refusal.status(), 503);
  EXPECT_NE(refusal.field("proxy-status").find("error=connection_limit_reached"),
            std::string::npos);
  EXPECT_EQ(origin.requests.size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(callers[static_cast<size_t>(i)]->next().status(), 200);
  EXPECT_EQ(Caller(town).get().status(), 200);
}

TEST(OutstandingLimit, IsExactOverTheWorkers) {
  Town town(orders("outstanding: 10"), 4);
  Origin& origin = town.origin(kAt);
  origin.otherwise = after(100, answers(200));
  Callers callers = all_ask(town, 40, 4);
  EXPECT_EQ(origin.requests.size(), 10u);
  int good = 0;
  for (auto& caller : callers) good += caller->next().status() == 200 ? 1 : 0;
  EXPECT_EQ(good, 10);
}

TEST(OutstandingLimit, APermitPassesToAWaiterOfAnotherWorker) {
  Town town(orders("outstanding: 1, queue: 5, queue_wait: 1s"), 2);
  Origin& origin = town.origin(kAt);
  origin.otherwise = after(100, answers(200));
  Callers callers = all_ask(town, 2, 2);
  EXPECT_EQ(origin.requests.size(), 1u);
  EXPECT_EQ(callers[0]->next().status(), 200);
  EXPECT_EQ(callers[1]->next().status(), 200);
  EXPECT_EQ(town.permits_posted, 1);
}

TEST(OutstandingLimit, WaitersOfOneWorkerAreServedInOrder) {
  Town town(orders("outstanding: 1, queue: 10, queue_wait: 5s"));
  Origin& origin = town.origin(kAt);
  origin.otherwise = after(10, answers(200));
  Callers callers;
  for (int i = 0; i < 5; ++i) {
    callers.push_back(std::make_unique<Caller>(town));
    callers.back()->begin("GET", "/" + std::to_string(i));
    town.run();
  }
  for (auto& caller : callers) EXPECT_EQ(caller->next().status(), 200);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(origin.requests[i].target(), "/" + std::to_string(i));
}

TEST(OutstandingLimit, AWaiterWaitsAtMostQueueWait) {
  Town town(orders("outstanding: 1, queue: 1, queue_wait: 250ms"));
  town.origin(kAt).otherwise = after(5'000, answers(200));
  const int64_t began_ms = town.now_ms();
  Callers callers = all_ask(town, 3);
  EXPECT_EQ(callers[2]->answers.size(), 1u);  // the queue is full
  EXPECT_EQ(callers[1]->next().status(), 503);
  EXPECT_EQ(town.now_ms() - began_ms, 250);
  EXPECT_EQ(callers[0]->next().status(), 200);
}

TEST(OutstandingLimit, AWaiterThatLeavesMakesRoomInTheQueue) {
  Town town(orders("outstanding: 1, queue: 1, queue_wait: 10s"));
  Origin& origin = town.origin(kAt);
  origin.otherwise = after(1'000, answers(200));
  Callers callers = all_ask(town, 2);
  callers[1]->abort();
  town.run();
  EXPECT_EQ(town.service("orders").limit().queued(), 0);
  Caller another(town);
  EXPECT_EQ(another.get().status(), 200);
  EXPECT_EQ(callers[0]->next().status(), 200);
  EXPECT_EQ(origin.requests.size(), 2u);
}

TEST(OutstandingLimit, ACallerThatLeavesGivesItsPermitBack) {
  Town town(orders("outstanding: 1"));
  town.origin(kAt).script = {stalls()};
  Callers callers = all_ask(town, 1);
  callers[0]->abort();
  town.run();
  EXPECT_EQ(Caller(town).get().status(), 200);
}

TEST(OutstandingLimit, AStreamLeavesItAtItsHead) {
  Town town(orders("outstanding: 1"));
  town.origin(kAt).script = {
      sends("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            "Transfer-Encoding: chunked\r\n\r\n2\r\n:a\r\n")};
  Callers callers = all_ask(town, 1);
  EXPECT_EQ(callers[0]->partial().status(), 200);
  EXPECT_EQ(Caller(town).get().status(), 200);
}

TEST(OutstandingLimit, APlainAnswerCountsUntilItsLastByte) {
  Town town(orders("outstanding: 1"));
  town.origin(kAt).script = {
      both(sends("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc"), after(1'000, sends("def")))};
  Callers callers = all_ask(town, 1);
  EXPECT_EQ(Caller(town).get().status(), 503);
  EXPECT_EQ(callers[0]->next().body, "abcdef");
  EXPECT_EQ(Caller(town).get().status(), 200);
}

TEST(OutstandingLimit, ShadowRefusesNothing) {
  Town town(orders("outstanding: 1, mode: shadow"));
  town.origin(kAt).otherwise = after(100, answers(200));
  Callers callers = all_ask(town, 3);
  for (auto& caller : callers) EXPECT_EQ(caller->next().status(), 200);
  EXPECT_EQ(town.service("orders").limit().would_refuse(), 2u);
}

TEST(OutstandingLimit, RaisingItLetsWaitersInAndLoweringItEndsNoCall) {
  Town town(orders("outstanding: 1, queue: 5, queue_wait: 10s"), 2);
  Origin& origin = town.origin(kAt);
  origin.otherwise = after(1'000, answers(200));
  Callers callers = all_ask(town, 4, 2);
  EXPECT_EQ(origin.requests.size(), 1u);
  town.take(orders("outstanding: 3, queue: 5, queue_wait: 10s"));
  town.run();
  EXPECT_EQ(origin.requests.size(), 3u);
  town.take(orders("outstanding: 1, queue: 5, queue_wait: 10s"));
  for (auto& caller : callers) EXPECT_EQ(caller->next().status(), 200);
}

TEST(OutstandingLimit, ARequestBodyAboveBodyBytesIs413) {
  Town town(orders("body_bytes: 1KiB"));
  Origin& origin = town.origin(kAt);
  EXPECT_EQ(Caller(town).post("/", std::string(1'025, 'x')).status(), 413);
  EXPECT_EQ(origin.heads, 0u);
  Caller chunked(town);
  chunked.begin_raw("POST",
                    "POST / HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n");
  town.run();
  chunked.send("400\r\n" + std::string(1'024, 'x') + "\r\n1\r\ny\r\n");
  EXPECT_EQ(chunked.next().status(), 413);
  EXPECT_EQ(origin.requests.size(), 0u);
  town.run();
  EXPECT_EQ(origin.open_connections(), 0u);
}

// The end of one that has been long so far is not waited for, and the answer says so.
TEST(OutstandingLimit, AnEarlyAnswerToALongBodyEndsTheConnectionAndToAShortOneDoesNot) {
  for (const bool is_long : {false, true}) {
    const size_t limit = is_long ? 100 << 10 : 1 << 10;
    Town town(orders("body_bytes: " + std::to_string(limit) + "B"));
    town.origin(kAt);
    Caller caller(town);
    caller.begin_raw("POST",
                     "POST / HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t sent = 0; sent <= limit; sent += 1'024) {
      caller.send("400\r\n" + std::string(1'024, 'x') + "\r\n");
      town.run();
    }
    const Message answer = caller.next();
    EXPECT_EQ(answer.status(), 413) << is_long;
    EXPECT_EQ(answer.field("connection"), is_long ? "close" : "");
    if (is_long) continue;
    caller.send("0\r\n\r\n");
    EXPECT_EQ(caller.get().status(), 200);
  }
}

TEST(OutstandingLimit, AResponseHeadAboveHeaderBytesIs502) {
  Town town(orders("header_bytes: 1KiB", ", retry: off"));
  town.origin(kAt).otherwise = answers(200, "ok", "X: " + std::string(2'000, 'x') + "\r\n");
  const Message answer = Caller(town).get();
  EXPECT_EQ(answer.status(), 502);
  EXPECT_NE(answer.field("proxy-status").find("http_response_header_section_size"),
            std::string::npos);
}

// "A route's own limits apply in addition."
TEST(OutstandingLimit, ARoutesOwnLimitAppliesBesidesTheServices) {
  const auto yaml = [](std::string_view limits) {
    return orders("outstanding: 2", ", routes: [{name: reads, match: {path: /r/*}, limits: {" +
                                        std::string(limits) + "}}]");
  };
  for (const char* limits : {"outstanding: 1", "outstanding: 5", "outstanding: off"}) {
    Town town(yaml(limits));
    Origin& origin = town.origin(kAt);
    origin.otherwise = after(100, answers(200));
    Callers callers;
    for (const char* path : {"/r/1", "/r/2", "/r/3", "/w/1", "/w/2"}) {
      callers.push_back(std::make_unique<Caller>(town));
      callers.back()->begin("GET", path);
      town.run();
    }
    EXPECT_EQ(origin.requests.size(), 2u) << limits;
    for (auto& caller : callers) caller->next();
  }
}

// ABUSE 119
TEST(OutstandingLimit, OutOfConnectionsIsA503WithItsReason) {
  Town town(orders("outstanding: off", ", pool: {connections: 2}, timeout: {connect: 200ms}"));
  Origin& origin = town.origin(kAt);
  origin.otherwise = after(1'000, answers(200));
  Callers callers = all_ask(town, 5);
  int refused = 0;
  for (auto& caller : callers) {
    const Message answer = caller->next();
    if (answer.status() == 200) continue;
    ++refused;
    EXPECT_EQ(answer.status(), 503);
    EXPECT_NE(answer.field("proxy-status").find("limit orders"), std::string::npos);
  }
  EXPECT_EQ(refused, 3);
  EXPECT_EQ(origin.accepted(), 2u);
}

}  // namespace
}  // namespace outrigger::testing
