// What HTTP/1 and HTTP/2 say in different ways, or one of them cannot say.
#include <gtest/gtest.h>

#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"
#include "tests/support/h2_raw.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";

std::string orders(std::string_view policy) {
  return "services: {orders: {endpoints: {static: ['10.0.0.1:80']}" + std::string(policy) + "}}";
}

struct H2Town : Town {
  explicit H2Town(std::string_view policy = ", protocol: http2") : Town(orders(policy)) {}
};

// Metadata of gRPC may have any name that the RFC leaves to trailers.
TEST(Between, TrailersPassButForWhatFramesRoutesOrProves) {
  H2Town town;
  H2Origin origin(town, kAt);
  origin.otherwise = [](H2Side& on) {
    on.answer_head(200, {{"trailer", "x-request-id"}});
    on.send_data("body");
    on.send_trailers({{"x-request-id", " 42 "}, {"x_request_id", "43"}, {"set-cookie", "a=b"}});
  };
  H2Caller caller(town);
  H2Side& side = caller.begin_open("POST", "/", {{"trailer", "x-request-id"}});
  side.send_data("abc");
  town.run();
  side.send_trailers({{"x-request-id", "7"}, {"authorization", "x"}});
  caller.finish(side);
  EXPECT_EQ(side.message.field("trailer"), "x-request-id");
  EXPECT_EQ(side.trailers.field("x-request-id"), "42");
  EXPECT_EQ(side.trailers.field("x_request_id"), "43");
  EXPECT_FALSE(side.trailers.has("set-cookie"));
  EXPECT_EQ(origin.requests[0]->message.field("trailer"), "x-request-id");
  EXPECT_EQ(origin.requests[0]->trailers.field("x-request-id"), "7");
  EXPECT_FALSE(origin.requests[0]->trailers.has("authorization"));
}

// Servers that are told so before, as Go's, drop the others.
TEST(Between, WhichTrailersComeIsSaidWhereTheyCan) {
  Town town(orders(", protocol: http1"));
  Origin& origin = town.origin(kAt);
  origin.otherwise = sends(
      "HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n"
      "0\r\nx-sum: 42\r\n\r\n");
  Caller caller(town);
  caller.begin_raw("POST",
                   "POST / HTTP/1.1\r\nHost: orders\r\nTrailer: x-mine\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n3\r\nabc\r\n0\r\nx-mine: 7\r\n\r\n");
  EXPECT_EQ(caller.next().field("trailer"), "x-sum");
  EXPECT_EQ(origin.requests[0].field("trailer"), "x-mine");
  Caller old(town);
  old.begin_raw("GET", "GET / HTTP/1.0\r\nHost: orders\r\n\r\n");
  EXPECT_FALSE(old.next().has("trailer"));
  H2Caller modern(town);
  EXPECT_EQ(modern.get().message.field("trailer"), "x-sum");
}

// Go's servers do so with every short answer, its clients with every request.
TEST(Between, TrailersPassToHttp1BehindWhatHasALengthInHttp2) {
  H2Town town;
  H2Origin origin(town, kAt);
  origin.otherwise = [](H2Side& on) {
    on.answer_head(200, {{"trailer", "x-sum"}, {"content-length", "4"}});
    on.send_data("body");
    on.send_trailers({{"x-sum", "42"}});
  };
  Caller caller(town);
  const Message answer = caller.get("/");
  EXPECT_EQ(answer.body, "body");
  EXPECT_EQ(answer.field("trailer"), "x-sum");
  EXPECT_EQ(answer.field("x-sum"), "42");
  EXPECT_EQ(caller.get("/").body, "body");
}

TEST(Between, TrailersOfARequestPassToHttp1BehindWhatHasALengthInHttp2) {
  H2Town town(", protocol: http1");
  Origin& origin = town.origin(kAt);
  H2Caller caller(town);
  for (int i = 0; i < 2; ++i) {
    H2Side& side = caller.begin_open("POST", "/", {{"trailer", "x-sum"}, {"content-length", "3"}});
    side.send_data("abc");
    town.run();
    side.send_trailers({{"x-sum", "7"}});
    EXPECT_EQ(caller.finish(side).status(), 200);
    EXPECT_EQ(origin.requests.back().body, "abc");
    EXPECT_EQ(origin.requests.back().field("x-sum"), "7");
  }
}

// RFC 9110 section 8.6: many servers answer 411 otherwise.
TEST(Between, AnEmptyBodyThatHttp2EndsWithTheHeadHasALengthInHttp1) {
  H2Town town(", protocol: http1");
  Origin& origin = town.origin(kAt);
  H2Caller caller(town);
  for (const char* method : {"POST", "PUT", "PATCH"}) {
    EXPECT_EQ(caller.ask(method, "/").status(), 200);
    EXPECT_EQ(origin.requests.back().field("content-length"), "0") << method;
  }
  for (const char* method : {"GET", "DELETE", "HEAD"}) {
    EXPECT_EQ(caller.ask(method, "/").status(), 200);
    EXPECT_FALSE(origin.requests.back().has("content-length")) << method;
  }
  Caller plain(town);
  plain.begin_raw("POST", "POST / HTTP/1.1\r\nHost: orders\r\n\r\n");
  EXPECT_EQ(plain.next().status(), 200);
  EXPECT_FALSE(origin.requests.back().has("content-length")) << "it stays as it was written";
}

TEST(Between, CookiesOfABrowserAreOneField) {
  H2Town town(", protocol: http1");
  Origin& origin = town.origin(kAt);
  H2Caller caller(town);
  H2Fields crumbs = {{"cookie", "a=1"}, {"cookie", ""}};
  EXPECT_EQ(caller.get("/", crumbs).status(), 200);
  EXPECT_EQ(origin.requests.back().field("cookie"), "a=1");
  for (int i = 0; i < 120; ++i) crumbs.emplace_back("cookie", "b=2");
  EXPECT_EQ(caller.get("/", crumbs).status(), 200);
  EXPECT_EQ(origin.requests.back().count("cookie"), 1);
}

TEST(Between, FieldsOfAnAnswerThatAreNotOursPass) {
  Town town(orders(", protocol: http1"));
  Origin& origin = town.origin(kAt);
  origin.otherwise = sends(
      "HTTP/1.1 426 Better Elsewhere\r\nUpgrade: TLS/1.2\r\nConnection: Upgrade\r\n"
      "Proxy-Authenticate: Basic\r\nx_request_id: 1\r\nContent-Length: 0\r\n\r\n");
  Caller caller(town);
  const Message answer = caller.get();
  EXPECT_EQ(answer.start, "HTTP/1.1 426 Better Elsewhere");
  EXPECT_EQ(answer.field("upgrade"), "TLS/1.2");
  EXPECT_EQ(answer.field("connection"), "Upgrade");
  EXPECT_EQ(answer.field("proxy-authenticate"), "Basic");
  EXPECT_EQ(answer.field("x_request_id"), "1");
  H2Caller modern(town);
  EXPECT_FALSE(modern.get().message.has("upgrade")) << "RFC 9113 section 8.2.2";
  EXPECT_EQ(modern.get().message.field("proxy-authenticate"), "Basic");
}

// RFC 9113 section 7: of one stream, or of the connection.
TEST(Between, ACallThatIsWantedOverHttp1GoesAgainOverHttp1Once) {
  constexpr uint32_t kHttp11Required = 13;
  for (const std::string& refusal :
       {frame(kRstFrame, 0, 1, number32(kHttp11Required)), RawOrigin::goaway(0, kHttp11Required)}) {
    H2Town town(", protocol: http2");
    RawOrigin up(town);
    H2Caller caller(town);
    H2Side& side = caller.begin("POST", "/", {}, "pay");
    town.run();
    up.greet();
    up.say(refusal);
    up.origin.otherwise = [](Origin::Connection& on) { on.answer(200, on.request().body); };
    EXPECT_EQ(caller.finish(side).status(), 200);
    EXPECT_EQ(side.message.body, "pay");
    EXPECT_EQ(up.origin.accepted(), 2u);
    EXPECT_EQ(up.origin.requests.back().start, "POST / HTTP/1.1");
  }
}

TEST(Between, ACallThatIsRefusedOverHttp1TooFails) {
  H2Town town(", protocol: http2");
  RawOrigin up(town);
  H2Caller caller(town);
  H2Side& side = caller.begin("POST", "/", {}, "pay");
  town.run();
  up.greet();
  up.say(frame(kRstFrame, 0, 1, number32(13)));
  up.origin.otherwise = [](Origin::Connection& on) { on.reset(); };
  EXPECT_EQ(caller.finish(side).status(), 502);
  EXPECT_EQ(up.origin.accepted(), 2u);
}

TEST(Between, AnAnswerWithALargeHeadPassesToHttp2) {
  H2Town town(", protocol: http1, limits: {header_bytes: 1MiB}");
  const std::string value(60'000, 'x');
  town.origin(kAt).otherwise = [&](Origin::Connection& on) {
    std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n";
    for (int i = 0; i < 12; ++i) head += "x-" + std::to_string(i) + ": " + value + "\r\n";
    on.send_if_open(head + "\r\nok");
  };
  http::H2Limits wide;
  wide.head.head_bytes = 1024 * 1024;
  H2Caller caller(town, wide);
  H2Side& side = caller.get();
  EXPECT_EQ(side.status(), 200);
  EXPECT_EQ(side.message.body, "ok");
}

TEST(Between, AnAnswerWithManyFieldsPassesAsOverHttp1) {
  H2Town town(", protocol: http2, limits: {header_bytes: 1MiB}");
  RawOrigin up(town);
  Caller caller(town);
  caller.begin("GET", "/");
  town.run();
  up.greet();
  Lines fields = {{":status", "200"}};
  const std::string value(80, 'x');
  for (int i = 0; i < 5'000; ++i) fields.emplace_back("x", value);
  const std::string all = block(fields);
  constexpr size_t kFrameBytes = 16'384;
  for (size_t at = 0; at < all.size(); at += kFrameBytes) {
    const uint8_t last = at + kFrameBytes >= all.size() ? kEndHeaders : 0;
    const std::string piece = all.substr(at, kFrameBytes);
    up.say(at == 0 ? frame(kHeadersFrame, kEndStream | last, 1, piece)
                   : frame(kContinuationFrame, last, 1, piece));
  }
  const Message answer = caller.next();
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.count("x"), 5'000);
}

}  // namespace
}  // namespace outrigger::testing
