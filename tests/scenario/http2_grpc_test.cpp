// gRPC calls through a whole worker.
#include <gtest/gtest.h>

#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";
const H2Fields kGrpc = {{"content-type", "application/grpc"}, {"te", "trailers"}};
const std::string kMessage("\0\0\0\0\3abc", 8);

struct GrpcTown : Town {
  explicit GrpcTown(std::string_view policy = {})
      : Town("services: {orders: {endpoints: {static: ['10.0.0.1:80']}" + std::string(policy) +
             "}}") {}
};

const H2Origin::Behaviour kAnswers = [](H2Side& on) {
  on.answer_head(200, {{"content-type", "application/grpc"}});
  on.send_data(kMessage);
  on.send_trailers({{"grpc-status", "0"}});
};

H2Origin::Behaviour fails_with(const std::string& status) {
  return [=](H2Side& on) {
    on.answer_head(200, {{"content-type", "application/grpc"}, {"grpc-status", status}}, false);
  };
}

TEST(Http2Grpc, AUnaryCallPassesWithItsTrailers) {
  GrpcTown town;
  H2Origin origin(town, kAt);
  origin.otherwise = kAnswers;
  H2Caller caller(town);
  H2Side& side = caller.ask("POST", "/shop.Stock/Get", kGrpc, kMessage);
  EXPECT_EQ(side.status(), 200);
  EXPECT_EQ(side.message.body, kMessage);
  EXPECT_EQ(side.trailers.field("grpc-status"), "0");
  EXPECT_EQ(origin.requests[0]->message.field("te"), "trailers");
}

// An answer without a message whose head says so; that it is good is told by its trailers.
TEST(Http2Grpc, AnEmptyAnswerThatDeclaresItsLengthIsJudgedByItsTrailers) {
  for (const char* policy :
       {", circuit: {consecutive_failures: 1}, endpoint_circuit: {consecutive_failures: 1}",
        ", retry: {attempts: 3, on: [grpc-unknown], grpc: ['/shop.Stock/*']}",
        ", fallback: [{on: [any], grpc: ['/shop.Stock/*'], respond: {grpc_status: 9}}]"}) {
    GrpcTown town(policy);
    H2Origin origin(town, kAt);
    origin.otherwise = [](H2Side& on) {
      on.answer_head(200, {{"content-type", "application/grpc"}}, true, 0);
      on.peer().after(1, [&on] { on.send_trailers({{"grpc-status", "0"}}); });
    };
    H2Caller caller(town);
    for (size_t i = 1; i <= 3; ++i) {
      H2Side& side = caller.ask("POST", "/shop.Stock/Get", kGrpc, kMessage);
      const bool in_head = side.message.has("grpc-status");
      EXPECT_EQ((in_head ? side.message : side.trailers).field("grpc-status"), "0") << policy;
      EXPECT_EQ(origin.requests.size(), i) << policy;
    }
    EXPECT_EQ(town.circuit("orders"), upstream::CircuitState::kClosed);
  }
}

// Trailers behind fewer bytes than were declared would be malformed.
TEST(Http2Grpc, AnAnswerThatDeclaredItsLengthIsResetWhereItIsCut) {
  GrpcTown town;
  H2Origin origin(town, kAt);
  origin.otherwise = [](H2Side& on) {
    on.answer_head(200, {{"content-type", "application/grpc"}}, true, 100);
    on.send_data(kMessage);
    on.peer().after(5, [&on] { on.peer().break_off(); });
  };
  H2Caller caller(town);
  H2Side& side = caller.ask("POST", "/shop.Stock/Get", kGrpc, kMessage);
  EXPECT_EQ(side.message.body, kMessage);
  EXPECT_TRUE(side.closed);
  EXPECT_FALSE(caller.is_gone());
}

TEST(Http2Grpc, AStreamAboveTheLimitIsRefusedAndEndsAtItsUpstream) {
  GrpcTown town(", limits: {streams: 2}, retry: {attempts: 3, methods: any}");
  H2Origin origin(town, kAt);
  std::vector<H2Side*> open;
  origin.otherwise = [&](H2Side& on) {
    on.answer_head(200, {{"content-type", "application/grpc"}});
    on.send_data(kMessage);
    open.push_back(&on);
  };
  H2Caller caller(town);
  H2Side& first = caller.begin("POST", "/shop.Stock/Watch", kGrpc, kMessage);
  caller.begin("POST", "/shop.Stock/Watch", kGrpc, kMessage);
  town.run();
  EXPECT_EQ(first.message.body, kMessage);
  EXPECT_EQ(town.service("orders").limit().streams().open(), 2);
  EXPECT_EQ(town.service("orders").limit().outstanding(), 0);

  H2Side& third = caller.ask("POST", "/shop.Stock/Watch", kGrpc, kMessage);
  EXPECT_EQ(third.status(), 200);
  EXPECT_EQ(third.message.field("grpc-status"), "8");
  EXPECT_NE(third.message.field("proxy-status").find("limit orders limits.streams"),
            std::string::npos);
  ASSERT_EQ(open.size(), 3u);  // our own refusal is not tried again
  EXPECT_TRUE(open[2]->is_over());
  EXPECT_EQ(town.circuit("orders"), upstream::CircuitState::kClosed);

  open[0]->send_trailers({{"grpc-status", "0"}});
  EXPECT_EQ(caller.finish(first).trailers.field("grpc-status"), "0");
  EXPECT_EQ(town.service("orders").limit().streams().open(), 1);
  H2Side& fourth = caller.begin("POST", "/shop.Stock/Watch", kGrpc, kMessage);
  town.run();
  EXPECT_EQ(fourth.message.body, kMessage);
}

TEST(Http2Grpc, AFailureInTheTrailersIsRetriedWhereTheMethodMayBe) {
  GrpcTown town(", retry: {attempts: 2, grpc: ['/shop.Stock/Get*']}");
  H2Origin origin(town, kAt);
  origin.otherwise = kAnswers;
  origin.script = {fails_with("14")};
  H2Caller caller(town);
  H2Side& side = caller.ask("POST", "/shop.Stock/GetOne", kGrpc, kMessage);
  EXPECT_EQ(side.trailers.field("grpc-status"), "0");
  EXPECT_EQ(origin.requests.size(), 2u);
  origin.script = {[](H2Side& on) {
    on.answer_head(200, {{"content-type", "application/grpc"}});
    on.send_trailers({{"grpc-status", "14"}});
  }};
  H2Side& late = caller.ask("POST", "/shop.Stock/GetOne", kGrpc, kMessage);
  EXPECT_EQ(late.trailers.field("grpc-status"), "0");
  EXPECT_EQ(origin.requests.size(), 4u);
  origin.script = {fails_with("14")};
  H2Side& buys = caller.ask("POST", "/shop.Stock/Buy", kGrpc, kMessage);
  EXPECT_EQ(buys.message.field("grpc-status"), "14");
  EXPECT_EQ(origin.requests.size(), 5u);
}

TEST(Http2Grpc, TheDeadlineGoesOnAndEndsTheCall) {
  GrpcTown town;
  H2Origin origin(town, kAt);
  origin.otherwise = [](H2Side&) {};
  H2Caller caller(town);
  H2Fields fields = kGrpc;
  fields.emplace_back("grpc-timeout", "500m");
  const int64_t began_ms = town.now_ms();
  H2Side& side = caller.ask("POST", "/shop.Stock/Get", fields, kMessage);
  EXPECT_EQ(side.message.field("grpc-status"), "4");
  EXPECT_NEAR(static_cast<double>(town.now_ms() - began_ms), 500, 3);
  EXPECT_FALSE(origin.requests[0]->message.field("grpc-timeout").empty());
  town.run();
  EXPECT_TRUE(origin.requests[0]->closed);
}

// As grpc-go's server does either way, whose timer may be ahead of ours.
TEST(Http2Grpc, AServerThatEndsACallAtItsDeadlineIsNoFailure) {
  for (const bool with_head : {false, true}) {
    GrpcTown town;
    H2Origin origin(town, kAt);
    origin.otherwise = [=, count = 0](H2Side& on) mutable {
      if (with_head) {
        on.answer_head(200, {{"content-type", "application/grpc"}});
        on.send_data(kMessage);
      }
      const bool resets = ++count % 2 == 0;
      on.peer().after(99, [&on, resets, with_head] {
        if (resets) return on.reset(http::H2Code::kCancel);
        if (!with_head) on.answer_head(200, {{"content-type", "application/grpc"}});
        on.send_trailers({{"grpc-status", "4"}});
      });
    };
    H2Caller caller(town);
    H2Fields fields = kGrpc;
    fields.emplace_back("grpc-timeout", "100m");
    for (int i = 0; i < 30; ++i) {
      H2Side& side = caller.ask("POST", "/shop.Stock/Get", fields, kMessage);
      const bool trailers_only = side.message.has("grpc-status");
      EXPECT_EQ((trailers_only ? side.message : side.trailers).field("grpc-status"), "4") << i;
    }
    EXPECT_EQ(origin.requests.size(), 30U);
    origin.otherwise = [](H2Side& on) {
      on.answer_head(200, {{"content-type", "application/grpc"}});
      on.send_trailers({{"grpc-status", "0"}});
    };
    EXPECT_EQ(caller.ask("POST", "/shop.Stock/Get", kGrpc, kMessage).trailers.field("grpc-status"),
              "0");
  }
}

TEST(Http2Grpc, AServerThatResetsACallBeforeItsDeadlineHasFailed) {
  GrpcTown town;
  H2Origin origin(town, kAt);
  origin.otherwise = [](H2Side& on) {
    on.peer().after(90, [&on] { on.reset(http::H2Code::kCancel); });
  };
  H2Caller caller(town);
  H2Fields fields = kGrpc;
  fields.emplace_back("grpc-timeout", "100m");
  H2Side& side = caller.ask("POST", "/shop.Stock/Get", fields, kMessage);
  EXPECT_EQ(side.message.field("grpc-status"), "14");
}

TEST(Http2Grpc, OurOwnAnswersAreTrailersOnly) {
  GrpcTown town;
  town.network.at(*Address::parse(kAt)).fate = AddressOptions::Fate::kRefuse;
  H2Caller caller(town);
  H2Side& side = caller.ask("POST", "/shop.Stock/Get", kGrpc, kMessage);
  EXPECT_EQ(side.status(), 200);
  EXPECT_EQ(side.message.field("grpc-status"), "14");
  EXPECT_EQ(side.message.field("content-type"), "application/grpc");
  EXPECT_TRUE(side.message.body.empty());
  EXPECT_TRUE(side.message.complete);
}

TEST(Http2Grpc, AStreamMayBeginWithTheServersHead) {
  GrpcTown town;
  H2Origin origin(town, kAt);
  origin.on_head = [](H2Side& on) { on.answer_head(200, {{"content-type", "application/grpc"}}); };
  origin.otherwise = [](H2Side& on) { on.send_trailers({{"grpc-status", "0"}}); };
  H2Caller caller(town);
  H2Side& side = caller.begin_open("POST", "/shop.Stock/Watch", kGrpc);
  town.run();
  EXPECT_EQ(side.status(), 200);
  for (int i = 0; i < 5; ++i) {
    side.send_data(kMessage);
    town.pass_ms(65'000);  // longer than body_idle
    EXPECT_EQ(origin.last_side().message.body.size(), kMessage.size() * (i + 1));
    origin.last_side().send_data(kMessage);
    town.run();
    EXPECT_EQ(side.message.body.size(), kMessage.size() * (i + 1));
  }
  side.send_data({}, true);
  EXPECT_EQ(caller.finish(side).trailers.field("grpc-status"), "0");
}

TEST(Http2Grpc, AServerMayEndAStreamBeforeItsCaller) {
  GrpcTown town;
  H2Origin origin(town, kAt);
  origin.on_head = kAnswers;
  H2Caller caller(town);
  H2Side& side = caller.begin_open("POST", "/shop.Stock/Watch", kGrpc);
  side.send_data(kMessage);
  EXPECT_EQ(caller.finish(side).trailers.field("grpc-status"), "0");
  town.run();
  EXPECT_EQ(town.service("orders").limit().outstanding(), 0);
}

TEST(Http2Grpc, AFallbackMayBeAnEmptyMessage) {
  GrpcTown town(", fallback: [{on: [any], grpc: ['/shop.*'], omit: empty_message}]");
  town.network.at(*Address::parse(kAt)).fate = AddressOptions::Fate::kRefuse;
  H2Caller caller(town);
  H2Side& side = caller.ask("POST", "/shop.Stock/Get", kGrpc, kMessage);
  EXPECT_EQ(side.status(), 200);
  EXPECT_EQ(side.message.body, std::string(5, '\0'));
  EXPECT_EQ(side.trailers.field("grpc-status"), "0");
}

}  // namespace
}  // namespace outrigger::testing
