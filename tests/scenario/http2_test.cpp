// HTTP/2 on either side: what a message is on one side it is on the other.
#include <gtest/gtest.h>

#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";

std::string orders(std::string_view policy = {}) {
  return "services: {orders: {endpoints: {static: ['10.0.0.1:80']}" + std::string(policy) + "}}";
}

struct H2Town : Town {
  explicit H2Town(std::string_view policy = ", protocol: http2") : Town(orders(policy)) {}
};

TEST(Http2, ACallPassesFromHttp2ToHttp2) {
  H2Town town;
  H2Origin origin(town, kAt);
  H2Caller caller(town);
  H2Side& side = caller.get("/a?b=c", {{"x-one", "1"}});
  EXPECT_EQ(side.status(), 200);
  EXPECT_EQ(side.message.body, "ok");
  ASSERT_EQ(origin.requests.size(), 1u);
  const Message& request = origin.requests[0]->message;
  EXPECT_EQ(request.method(), "GET");
  EXPECT_EQ(request.target(), "/a?b=c");
  EXPECT_EQ(request.field("host"), "orders");
  EXPECT_EQ(request.field("x-one"), "1");
}

TEST(Http2, WithoutAProtocolTheEndpointIsSpokenToAsItsCallerSpoke) {
  H2Town town("");
  {
    H2Origin origin(town, kAt);
    H2Caller caller(town);
    EXPECT_EQ(caller.get().status(), 200);
    EXPECT_EQ(origin.requests.size(), 1u);
  }
  town.run();
  Origin& origin = town.origin(kAt);
  EXPECT_EQ(Caller(town).get().status(), 200);
  EXPECT_EQ(origin.requests.size(), 1u);
}

TEST(Http2, ManyCallsShareOneConnectionOnEachSide) {
  H2Town town;
  H2Origin origin(town, kAt);
  H2Caller caller(town);
  std::vector<H2Side*> sides;
  for (int i = 0; i < 50; ++i) sides.push_back(&caller.begin("GET", "/" + std::to_string(i)));
  for (H2Side* side : sides) EXPECT_EQ(caller.finish(*side).message.body, "ok");
  EXPECT_EQ(origin.accepted(), 1u);
  EXPECT_EQ(origin.requests.size(), 50u);
}

TEST(Http2, ABodyOfKnownOrUnknownLengthArrivesWhole) {
  const std::string body(300'000, 'b');
  H2Town town;
  H2Origin origin(town, kAt);
  origin.otherwise = [](H2Side& on) { on.answer(200, on.message.body); };
  H2Caller caller(town);
  H2Side& known = caller.ask("POST", "/", {}, body);
  EXPECT_EQ(known.message.body, body);
  EXPECT_EQ(origin.requests[0]->message.field("content-length"), "300000");
  H2Side& open = caller.begin_open("POST", "/");
  town.run();
  open.send_data(std::string_view(body).substr(0, 1000));
  town.run();
  EXPECT_EQ(origin.last_side().message.body.size(), 1000u);
  open.send_data(std::string_view(body).substr(1000), true);
  EXPECT_EQ(caller.finish(open).message.body, body);
  EXPECT_FALSE(origin.requests[1]->message.has("content-length"));
}

TEST(Http2, BodiesPassBetweenHttp2AndHttp1) {
  const std::string body(200'000, 'b');
  H2Town town(", protocol: http1");
  Origin& origin = town.origin(kAt);
  origin.otherwise = [](Origin::Connection& on) { on.answer(200, on.request().body); };
  H2Caller caller(town);
  EXPECT_EQ(caller.ask("POST", "/", {}, body).message.body, body);
  EXPECT_EQ(origin.requests[0].field("content-length"), "200000");
  H2Side& open = caller.begin_open("PUT", "/");
  open.send_data("in two ");
  town.run();
  open.send_data("pieces", true);
  EXPECT_EQ(caller.finish(open).message.body, "in two pieces");
  EXPECT_EQ(origin.requests[1].field("transfer-encoding"), "chunked");
}

TEST(Http2, BodiesPassBetweenHttp1AndHttp2) {
  const std::string body(200'000, 'b');
  H2Town town;
  H2Origin origin(town, kAt);
  origin.otherwise = [](H2Side& on) { on.answer(200, on.message.body); };
  Caller caller(town);
  EXPECT_EQ(caller.post("/", body).body, body);
  caller.begin_raw("POST",
                   "POST / HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(caller.next().body, "abc");
  EXPECT_FALSE(origin.requests[1]->message.has("content-length"));
}

TEST(Http2, AnAnswerThatIsCompleteBeforeItsCallerTakesItPasses) {
  for (const size_t size : {65'536, 70'000, 130'000, 200'000}) {
    H2Town town(", protocol: http1");
    Origin& origin = town.origin(kAt);
    origin.otherwise = answers(200, std::string(size, 'a'));
    http::H2Limits small;
    small.stream_window_bytes = 1'000;
    H2Caller caller(town, small);
    EXPECT_EQ(caller.get().message.body.size(), size);
    EXPECT_EQ(caller.get().message.body.size(), size);
  }
}

TEST(Http2, TrailersPassBothWays) {
  H2Town town;
  H2Origin origin(town, kAt);
  origin.otherwise = [](H2Side& on) {
    on.answer_head(200);
    on.send_data("body");
    on.send_trailers({{"x-sum", "42"}});
  };
  H2Caller caller(town);
  H2Side& side = caller.begin_open("POST", "/");
  side.send_data("abc");
  town.run();
  side.send_trailers({{"x-mine", "7"}});
  caller.finish(side);
  EXPECT_EQ(side.message.body, "body");
  EXPECT_EQ(side.trailers.field("x-sum"), "42");
  ASSERT_EQ(origin.requests.size(), 1u);
  EXPECT_EQ(origin.requests[0]->trailers.field("x-mine"), "7");
}

TEST(Http2, TrailersPassBetweenTheVersions) {
  {
    H2Town town;
    H2Origin origin(town, kAt);
    origin.otherwise = [](H2Side& on) {
      on.answer_head(200);
      on.send_data("body");
      on.send_trailers({{"x-sum", "42"}});
    };
    Caller caller(town);
    caller.begin_raw("POST",
                     "POST / HTTP/1.1\r\nHost: orders\r\nTE: trailers\r\nTransfer-Encoding: "
                     "chunked\r\n\r\n3\r\nabc\r\n0\r\nx-mine: 7\r\n\r\n");
    const Message answer = caller.next();
    EXPECT_EQ(answer.body, "body");
    EXPECT_EQ(answer.field("x-sum"), "42");
    EXPECT_EQ(origin.requests[0]->trailers.field("x-mine"), "7");
  }
  H2Town town(", protocol: http1");
  Origin& origin = town.origin(kAt);
  origin.otherwise = sends(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-sum: 42\r\n\r\n");
  H2Caller caller(town);
  H2Side& side = caller.begin_open("POST", "/");
  side.send_data("abc");
  side.send_trailers({{"x-mine", "7"}});
  caller.finish(side);
  EXPECT_EQ(side.trailers.field("x-sum"), "42");
  EXPECT_EQ(origin.requests[0].field("x-mine"), "7");
}

TEST(Http2, HeadAndNoContentHaveNoBody) {
  for (const char* policy : {", protocol: http2", ", protocol: http1"}) {
    H2Town town(policy);
    std::optional<H2Origin> modern;
    if (std::string_view(policy).ends_with('2')) {
      modern.emplace(town, kAt);
      modern->script = {[](H2Side& on) {
                          on.answer(200, "", {{"x-a", "b"}});
                        },
                        [](H2Side& on) { on.answer(204, ""); },
                        [](H2Side& on) {
                          on.answer_head(200, {}, true);
                          on.peer().after(5, [&on] { on.send_data({}, true); });
                        }};
    } else {
      town.origin(kAt).script = {sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx-a: b\r\n\r\n"),
                                 sends("HTTP/1.1 204 No Content\r\n\r\n"), answers(200, "")};
    }
    H2Caller caller(town);
    H2Side& head = caller.ask("HEAD", "/");
    EXPECT_EQ(head.status(), 200) << policy;
    EXPECT_EQ(head.message.field("x-a"), "b");
    EXPECT_TRUE(head.message.body.empty());
    EXPECT_TRUE(head.message.complete);
    EXPECT_EQ(caller.get().status(), 204);
    H2Side& late = caller.ask("HEAD", "/");
    EXPECT_EQ(late.status(), 200);
    EXPECT_FALSE(late.closed);
    EXPECT_EQ(caller.get().status(), 200);
  }
}

TEST(Http2, InterimAnswersPass) {
  H2Town town;
  H2Origin origin(town, kAt);
  origin.on_head = [](H2Side& on) { on.interim(100); };
  origin.otherwise = [](H2Side& on) {
    on.interim(103, {{"link", "</a>"}});
    on.answer(200, "ok");
  };
  H2Caller caller(town);
  H2Side& side = caller.begin_open("POST", "/", {{"expect", "100-continue"}});
  town.run();
  ASSERT_EQ(side.interims.size(), 1u);
  EXPECT_EQ(side.interims[0].status(), 100);
  side.send_data("body", true);
  caller.finish(side);
  ASSERT_EQ(side.interims.size(), 2u);
  EXPECT_EQ(side.interims[1].status(), 103);
  EXPECT_EQ(side.interims[1].field("link"), "</a>");
  EXPECT_EQ(side.message.body, "ok");

  Caller old(town);
  old.begin_raw("POST",
                "POST / HTTP/1.1\r\nHost: orders\r\nExpect: 100-continue\r\nContent-Length: "
                "4\r\n\r\n");
  town.run();
  ASSERT_EQ(old.interims.size(), 1u);
  old.send("body");
  EXPECT_EQ(old.next().body, "ok");
}

TEST(Http2, AnAnswerThatIsEarlyEndsTheRequest) {
  H2Town town;
  H2Origin origin(town, kAt);
  origin.on_head = [](H2Side& on) { on.answer(413, "too much"); };
  H2Caller caller(town);
  H2Side& side = caller.begin_open("POST", "/");
  side.send_data("some");
  caller.finish(side);
  EXPECT_EQ(side.status(), 413);
  EXPECT_EQ(side.message.body, "too much");
  town.pass_ms(5'010);
  EXPECT_TRUE(side.done);
  EXPECT_EQ(origin.last_side().closed.has_value() || origin.last_side().done, true);
  origin.on_head = {};
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(origin.accepted(), 1u);
  origin.on_head = [](H2Side& on) { on.answer(413, "too much"); };
  Caller old(town);
  old.begin_raw("POST", "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 9999999\r\n\r\nsome");
  EXPECT_EQ(old.next().status(), 413);
}

TEST(Http2, AnUnknownHostPassesThrough) {
  H2Town town;
  town.names.set("elsewhere.example", {"10.0.0.9"});
  H2Origin origin(town, "10.0.0.9:80");
  H2Caller caller(town);
  caller.host = "elsewhere.example";
  EXPECT_EQ(caller.get("/x").message.body, "ok");
  EXPECT_EQ(origin.requests[0]->message.field("host"), "elsewhere.example");
}

TEST(Http2, ACallThatWouldComeBackToUsIsRefused) {
  H2Town town;
  H2Caller caller(town);
  caller.host = "127.0.0.1:" + std::to_string(town.address().port());
  EXPECT_EQ(caller.get().status(), 508);
}

TEST(Http2, OurOwnAnswersSayWhy) {
  H2Town town(", protocol: http2, circuit: {consecutive_failures: 1, open_for: 10s}");
  H2Origin origin(town, kAt);
  origin.script = {[](H2Side& on) { on.answer(500, "bad"); }};
  H2Caller caller(town);
  EXPECT_EQ(caller.get().status(), 500);
  H2Side& refused = caller.get();
  EXPECT_EQ(refused.status(), 503);
  EXPECT_NE(refused.message.field("proxy-status").find("circuit_open"), std::string::npos);
  EXPECT_FALSE(refused.message.field("retry-after").empty());
  EXPECT_EQ(origin.requests.size(), 1u);
  // An own answer to a request whose body is still coming.
  H2Side& open = caller.begin_open("POST", "/");
  EXPECT_EQ(caller.finish(open).status(), 503);
  town.pass_ms(5'010);
  EXPECT_TRUE(open.done);
}

}  // namespace
}  // namespace outrigger::testing
