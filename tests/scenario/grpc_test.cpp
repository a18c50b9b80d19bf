// PRODUCT: gRPC, over the wire that is there: what policies make of statuses in heads and trailers,
// and of a head whose first message is still to come.
#include <gtest/gtest.h>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kFields =
    "Content-Type: application/grpc\r\nTE: trailers\r\nConnection: TE\r\n";
constexpr const char* kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr const char* kMessage = "7\r\nmessage\r\n";

std::string trailers(int code) { return "0\r\ngrpc-status: " + std::to_string(code) + "\r\n\r\n"; }
std::string one(std::string_view policy) {
  return "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, " + std::string(policy) + "}}";
}

struct GrpcTown : Town {
  explicit GrpcTown(std::string_view policy) : Town(one(policy)) {}
  Message call(std::string_view fields = {}) {
    return Caller(*this).post("/shop.Stock/Get", "request",
                              std::string(kFields) + std::string(fields));
  }
  Origin& up = origin("10.0.0.1:80");
};

constexpr std::string_view kRetrying =
    "circuit: off, retry: {attempts: 2, grpc: [/shop.Stock/Get*], backoff: {base: 0, max: 0}}";

TEST(GrpcScenario, AnOwnAnswerIsTrailersOnly) {
  GrpcTown town("timeout: {request: 100ms}");
  town.up.otherwise = stalls();
  const Message answer = town.call();
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.field("content-type"), "application/grpc");
  EXPECT_EQ(answer.field("grpc-status"), "4");
  EXPECT_EQ(answer.field("grpc-message"), "The upstream did not answer in time. (orders)");
  EXPECT_TRUE(answer.has("proxy-status"));
  EXPECT_EQ(answer.body, "");
}

TEST(GrpcScenario, AFailureInTrailersBehindAHeadAloneIsTriedAgain) {
  GrpcTown town(kRetrying);
  town.up.script = {both(sends(kHead), after(20, sends(trailers(14)))),
                    sends(kHead + std::string(kMessage) + trailers(0))};
  const Message answer = town.call();
  EXPECT_EQ(town.up.requests.size(), 2u);
  EXPECT_EQ(answer.body, "message");
  EXPECT_EQ(answer.field("grpc-status"), "0");
  EXPECT_EQ(answer.count("grpc-status"), 1);
}

// The answer is complete, so its connection is as good as before.
TEST(GrpcScenario, WhatIsTriedAgainAfterAWholeAnswerKeepsItsConnection) {
  GrpcTown town(kRetrying);
  town.up.script = {sends(kHead + trailers(14)),
                    both(sends(kHead), after(20, sends(trailers(14))))};
  town.up.otherwise = sends(kHead + std::string(kMessage) + trailers(0));
  EXPECT_EQ(town.call().field("grpc-status"), "14");
  EXPECT_EQ(town.call().field("grpc-status"), "0");
  EXPECT_EQ(town.up.requests.size(), 3u);
  EXPECT_EQ(town.up.accepted(), 1u);
}

TEST(GrpcScenario, AFailureThatIsNotTriedAgainComesOnce) {
  GrpcTown town(kRetrying);
  town.up.otherwise = sends(kHead + trailers(13));
  const Message answer = town.call();
  EXPECT_EQ(town.up.requests.size(), 1u);
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.field("grpc-status"), "13");
  EXPECT_EQ(answer.count("grpc-status"), 1);
  EXPECT_EQ(town.up.open_connections(), 1u);
}

TEST(GrpcScenario, AHeadIsHeldNoLongerThanHoldHead) {
  GrpcTown town(kRetrying);
  town.up.otherwise = both(sends(kHead), after(5'000, sends(kMessage + trailers(0))));
  Caller caller(town);
  caller.begin("POST", "/shop.Stock/Get", kFields, "request");
  town.pass_ms(99);
  EXPECT_FALSE(caller.partial().has_head);
  town.pass_ms(1);
  EXPECT_TRUE(caller.partial().has_head);
  EXPECT_EQ(caller.next().body, "message");
}

TEST(GrpcScenario, AHeadPassesAtOnceWhileTheCallerMaySayMore) {
  GrpcTown town(kRetrying);
  town.up.on_head = sends(kHead);
  town.up.otherwise = sends(kMessage + trailers(0));
  Caller caller(town);
  caller.begin_raw("POST", "POST /shop.Stock/Get HTTP/1.1\r\nHost: orders\r\n" +
                               std::string(kFields) + "Transfer-Encoding: chunked\r\n\r\n" +
                               "2\r\nhi\r\n");
  town.run();
  EXPECT_TRUE(caller.partial().has_head);
  caller.send("0\r\n\r\n");
  EXPECT_EQ(caller.next().body, "message");
}

TEST(GrpcScenario, AHeldHeadWhoseConnectionEndsIsAReset) {
  GrpcTown town(kRetrying);
  town.up.script = {both(sends(kHead), after(20, closes()))};
  town.up.otherwise = sends(kHead + std::string(kMessage) + trailers(0));
  EXPECT_EQ(town.call().body, "message");
  EXPECT_EQ(town.up.requests.size(), 2u);
}

TEST(GrpcScenario, TrailersOpenTheCircuit) {
  GrpcTown town("retry: off, circuit: {consecutive_failures: 2}");
  town.up.otherwise = sends(kHead + std::string(kMessage) + trailers(14));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(town.call().field("grpc-status"), "14");
  EXPECT_EQ(town.circuit("orders"), upstream::CircuitState::kOpen);
  const Message refused = town.call();
  EXPECT_EQ(refused.field("grpc-status"), "14");
  EXPECT_TRUE(refused.has("retry-after"));
}

TEST(GrpcScenario, TheDeadlineIsCarriedOn) {
  GrpcTown town(kRetrying);
  town.up.script = {after(50, sends(kHead + trailers(14))),
                    sends(kHead + std::string(kMessage) + trailers(0))};
  EXPECT_EQ(town.call("grpc-timeout: 2S\r\n").body, "message");
  ASSERT_EQ(town.up.requests.size(), 2u);
  EXPECT_EQ(town.up.requests[0].field("grpc-timeout"), "2000m");
  EXPECT_EQ(town.up.requests[1].field("grpc-timeout"), "1950m");
}

TEST(GrpcScenario, AFallbackAnswersAWholeMessage) {
  GrpcTown town("circuit: off, fallback: [{on: [any], methods: any, omit: empty_message}]");
  town.up.otherwise = sends(kHead + trailers(13));
  const Message answer = town.call();
  EXPECT_EQ(answer.body, std::string(5, '\0'));
  EXPECT_EQ(answer.field("grpc-status"), "0");
}

}  // namespace
}  // namespace outrigger::testing
