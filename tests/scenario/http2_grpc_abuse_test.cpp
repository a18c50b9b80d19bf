// gRPC over HTTP/2 through a whole worker, by the number of the case: times, upstreams that die,
// our own answers, odd metadata, and streams that go on.
#include <cstdio>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";
const H2Fields kGrpc = {{"content-type", "application/grpc"}, {"te", "trailers"}};
const H2Fields kHead = {{"content-type", "application/grpc"}};
const std::string kMessage("\0\0\0\0\3abc", 8);

struct GrpcTown : Town {
  explicit GrpcTown(std::string_view policy = {})
      : Town("services: {orders: {endpoints: {static: ['10.0.0.1:80']}" + std::string(policy) +
             "}}") {}
};

H2Side& call(H2Caller& caller, const H2Fields& more = {}) {
  H2Fields fields = kGrpc;
  fields.insert(fields.end(), more.begin(), more.end());
  return caller.ask("POST", "/shop.Stock/Get", fields, kMessage);
}

const H2Origin::Behaviour kAnswers = [](H2Side& on) {
  on.answer_head(200, kHead);
  on.send_data(kMessage);
  on.send_trailers({{"grpc-status", "0"}});
};
const H2Origin::Behaviour kStalls = [](H2Side&) {};

// An answer of ours: a head alone, whatever went wrong.
void expect_trailers_only(const H2Side& side, std::string_view status) {
  EXPECT_EQ(side.status(), 200);
  EXPECT_EQ(side.message.field("grpc-status"), status);
  EXPECT_FALSE(side.message.field("grpc-message").empty());
  EXPECT_EQ(side.message.field("content-type"), "application/grpc");
  EXPECT_TRUE(side.message.body.empty());
  EXPECT_TRUE(side.message.complete);
  EXPECT_TRUE(side.trailers.fields.empty());
}

// ---- 133: the caller's time

TEST(Http2GrpcAbuse, ATimeThatHasPassedNeverReachesTheUpstreamAbuse133) {
  for (const char* timeout : {"0n", "0S", "00000000H"}) {
    GrpcTown town;
    H2Origin origin(town, kAt);
    H2Caller caller(town);
    expect_trailers_only(call(caller, {{"grpc-timeout", timeout}}), "4");
    EXPECT_EQ(origin.heads, 0u) << timeout;
  }
  // The least there is.
  for (const char* timeout : {"1n", "999n", "1u", "1m"}) {
    GrpcTown town;
    H2Origin origin(town, kAt);
    origin.otherwise = kStalls;
    H2Caller caller(town);
    const int64_t began_ms = town.now_ms();
    expect_trailers_only(call(caller, {{"grpc-timeout", timeout}}), "4");
    EXPECT_LE(town.now_ms() - began_ms, 1) << timeout;
  }
}

TEST(Http2GrpcAbuse, TheLongestTimeDoesNotOverflowAndOursIsTheShorterAbuse133) {
  for (const char* timeout : {"99999999H", "99999999M", "99999999S"}) {
    GrpcTown town(", timeout: {request: 15s}");
    H2Origin origin(town, kAt);
    origin.script = {kAnswers};
    origin.otherwise = kStalls;
    H2Caller caller(town);
    EXPECT_EQ(call(caller, {{"grpc-timeout", timeout}}).trailers.field("grpc-status"), "0");
    const std::string passed_on = origin.requests.at(0)->message.field("grpc-timeout");
    ASSERT_FALSE(passed_on.empty());
    EXPECT_LE(passed_on.size(), 9u) << passed_on;
    const int64_t began_ms = town.now_ms();
    expect_trailers_only(call(caller, {{"grpc-timeout", timeout}}), "4");
    EXPECT_NEAR(static_cast<double>(town.now_ms() - began_ms), 15'000, 5);
  }
}

TEST(Http2GrpcAbuse, WhatIsNoTimeIsNoneAbuse133) {
  for (const char* timeout : {"", "1", "m", "-1m", "+1m", "1.5S", "123456789S", "1 S", "1Sx",
                              "0x1S", "99999999999999999999H"}) {
    GrpcTown town(", timeout: {request: 15s}");
    H2Origin origin(town, kAt);
    origin.script = {kAnswers};
    H2Caller caller(town);
    H2Side& side = call(caller, {{"grpc-timeout", timeout}});
    EXPECT_EQ(side.trailers.field("grpc-status"), "0") << timeout;
    origin.script = {kStalls};
    const int64_t began_ms = town.now_ms();
    expect_trailers_only(call(caller, {{"grpc-timeout", timeout}}), "4");
    EXPECT_NEAR(static_cast<double>(town.now_ms() - began_ms), 15'000, 5) << timeout;
  }
}

// ---- 134: upstreams that die

TEST(Http2GrpcAbuse, AnUpstreamThatDiesBeforeItsHeadIsUnavailableAbuse134) {
  const H2Origin::Behaviour deaths[] = {
      [](H2Side& on) { on.peer().after(1, [&on] { on.peer().break_off(); }); },
      [](H2Side& on) { on.peer().after(1, [&on] { on.peer().close_cleanly(); }); },
      [](H2Side& on) { on.reset(http::H2Code::kInternalError); },
      [](H2Side& on) { on.reset(http::H2Code::kCancel); },
  };
  for (const H2Origin::Behaviour& dies : deaths) {
    GrpcTown town;
    H2Origin origin(town, kAt);
    origin.script = {dies};
    H2Caller caller(town);
    expect_trailers_only(call(caller), "14");
    EXPECT_EQ(origin.requests.size(), 1u);
  }
}

http::H2Limits narrow() {
  http::H2Limits limits;
  limits.stream_window_bytes = 1'000;
  return limits;
}

// Answers with a message; five milliseconds later `dies`.
H2Origin::Behaviour breaks_off(std::function<void(H2Side&)> dies) {
  return [=](H2Side& on) {
    on.answer_head(200, kHead);
    on.send_data(kMessage);
    on.peer().after(5, [&on, dies] { dies(on); });
  };
}

void expect_trailers(const H2Side& side, const std::string& status) {
  EXPECT_EQ(side.status(), 200);
  EXPECT_EQ(side.message.body, kMessage);
  EXPECT_TRUE(side.message.complete);
  EXPECT_EQ(side.trailers.field("grpc-status"), status);
  EXPECT_NE(side.trailers.field("grpc-message"), "");
}

TEST(Http2GrpcAbuse, AnUpstreamThatDiesMidStreamEndsItInTrailersAbuse134) {
  for (const bool cleanly : {false, true}) {
    GrpcTown town;
    H2Origin origin(town, kAt);
    origin.otherwise = breaks_off(
        [=](H2Side& on) { cleanly ? on.peer().close_cleanly() : on.peer().break_off(); });
    H2Caller caller(town);
    expect_trailers(call(caller), "14");
    EXPECT_FALSE(caller.is_gone());
  }
}

// gRPC, "Errors".
TEST(Http2GrpcAbuse, AnUpstreamThatResetsMidStreamSaysWhyInTrailersAbuse134) {
  using http::H2Code;
  const std::vector<std::pair<H2Code, std::string>> meanings = {
      {H2Code::kInternalError, "13"},  {H2Code::kProtocolError, "13"},
      {H2Code::kRefusedStream, "14"},  {H2Code::kCancel, "1"},
      {H2Code::kEnhanceYourCalm, "8"}, {H2Code::kInadequateSecurity, "7"}};
  for (const auto& [code, status] : meanings) {
    GrpcTown town;
    H2Origin origin(town, kAt);
    origin.otherwise = breaks_off([code = code](H2Side& on) { on.reset(code); });
    H2Caller caller(town);
    expect_trailers(call(caller), status);
  }
}

TEST(Http2GrpcAbuse, WhatHasComeGoesBeforeTheTrailersOfAStreamThatIsCut) {
  GrpcTown town;
  H2Origin origin(town, kAt);
  const std::string much(60'000, 'm');
  origin.otherwise = [&](H2Side& on) {
    on.answer_head(200, kHead);
    on.send_data(much);
    on.peer().after(5, [&on] { on.reset(http::H2Code::kInternalError); });
  };
  H2Caller caller(town, narrow());
  H2Side& side = caller.begin("POST", "/shop.Stock/Watch", kGrpc, kMessage);
  side.takes = false;
  town.pass_ms(50);
  EXPECT_FALSE(side.message.complete);
  side.take_all();
  town.run();
  EXPECT_EQ(side.message.body, much);
  EXPECT_EQ(side.trailers.field("grpc-status"), "13");
}

TEST(Http2GrpcAbuse, AStreamThatIsCutIsResetInTheEndWhereItsCallerTakesNothing) {
  GrpcTown town;
  H2Origin origin(town, kAt);
  origin.otherwise = [&](H2Side& on) {
    on.answer_head(200, kHead);
    on.send_data(std::string(60'000, 'm'));
    on.peer().after(5, [&on] { on.peer().break_off(); });
  };
  H2Caller caller(town, narrow());
  H2Side& side = caller.begin("POST", "/shop.Stock/Watch", kGrpc, kMessage);
  side.takes = false;
  town.pass_ms(3'700'000);
  EXPECT_TRUE(side.closed);
}

TEST(Http2GrpcAbuse, AnEndWithoutAStatusIsPassedOnForWhatItIsAbuse134) {
  GrpcTown town;
  H2Origin origin(town, kAt);
  origin.otherwise = [](H2Side& on) {
    on.answer_head(200, kHead);
    on.send_data(kMessage, true);
  };
  H2Caller caller(town);
  H2Side& side = call(caller);
  EXPECT_EQ(side.message.body, kMessage);
  EXPECT_EQ(side.trailers.field("grpc-status"), "");
  EXPECT_TRUE(side.message.complete);
}

// ---- 135: our own answers

TEST(Http2GrpcAbuse, OurRefusalsAreStatusesAbuse135) {
  {
    GrpcTown town(", circuit: {consecutive_failures: 1}");
    H2Origin origin(town, kAt);
    origin.script = {[](H2Side& on) { on.answer_head(503, {}, false); }};
    H2Caller caller(town);
    call(caller);
    H2Side& refused = call(caller);
    expect_trailers_only(refused, "14");
    EXPECT_FALSE(refused.message.field("retry-after").empty());
    EXPECT_EQ(origin.requests.size(), 1u);
  }
  {
    GrpcTown town(", when_empty: refuse");
    town.set_endpoints("orders", {});
    H2Caller caller(town);
    expect_trailers_only(call(caller), "14");
  }
  {
    GrpcTown town(", limits: {outstanding: 1}");
    H2Origin origin(town, kAt);
    origin.otherwise = kStalls;
    H2Caller caller(town);
    H2Side& first = caller.begin("POST", "/shop.Stock/Get", kGrpc, kMessage);
    town.run();
    expect_trailers_only(call(caller), "8");
    first.reset();
  }
}

struct TempFile {
  explicit TempFile(std::string_view bytes) { std::ofstream(path, std::ios::binary) << bytes; }
  ~TempFile() { std::remove(path.c_str()); }
  std::string path = ::testing::TempDir() + "http2_grpc_abuse.bin";
};

// The example of the documentation: it stands in for every gRPC call, and for no other.
TEST(Http2GrpcAbuse, AFallbackMayBeAMessageOfAFileAbuse135) {
  const TempFile file("canned");
  GrpcTown town(", fallback: [{on: [any], respond: {grpc_status: 0, message_file: '" + file.path +
                "'}}]");
  town.network.at(*Address::parse(kAt)).fate = AddressOptions::Fate::kRefuse;
  H2Caller caller(town);
  H2Side& side = call(caller);
  EXPECT_EQ(side.status(), 200);
  EXPECT_EQ(side.message.field("content-type"), "application/grpc");
  EXPECT_EQ(side.message.body, std::string("\0\0\0\0\6canned", 11));
  EXPECT_EQ(side.trailers.field("grpc-status"), "0");
  EXPECT_EQ(caller.get().status(), 502);
  EXPECT_EQ(caller.ask("POST", "/", {}, "pay").status(), 502);
}

// ---- 136: metadata

TEST(Http2GrpcAbuse, StatusesMessagesAndMetadataPassUnchangedAbuse136) {
  const std::string message = "%E2%98%BA bad%0Aluck 100%";
  const std::string binary = "AAEC/w==,//8";
  for (const std::string status : {"17", "99", "2147483648", "-1", "x"}) {
    GrpcTown town;
    H2Origin origin(town, kAt);
    origin.otherwise = [&](H2Side& on) {
      on.answer_head(200, {{"content-type", "application/grpc"}, {"trace-bin", binary}});
      on.send_data(kMessage);
      on.send_trailers({{"grpc-status", status},
                        {"grpc-message", message},
                        {"grpc-status-details-bin", binary}});
    };
    H2Caller caller(town);
    H2Side& side = call(caller, {{"key-bin", binary}, {"key-bin", "AA"}});
    EXPECT_EQ(side.message.field("trace-bin"), binary);
    EXPECT_EQ(side.trailers.field("grpc-status"), status);
    EXPECT_EQ(side.trailers.field("grpc-message"), message);
    EXPECT_EQ(side.trailers.field("grpc-status-details-bin"), binary);
    EXPECT_EQ(origin.requests.at(0)->message.field("key-bin"), binary);
    EXPECT_EQ(origin.requests.at(0)->message.count("key-bin"), 2);
  }
}

TEST(Http2GrpcAbuse, MetadataOfEightKibibytesPassesAndTooMuchIsRefusedAbuse136) {
  GrpcTown town;
  H2Origin origin(town, kAt);
  const std::string large(8 * 1024, 'm');
  origin.otherwise = [&](H2Side& on) {
    on.answer_head(200, {{"content-type", "application/grpc"}, {"x-large", large}});
    on.send_trailers({{"grpc-status", "0"}, {"grpc-message", large}});
  };
  H2Caller caller(town);
  H2Side& side = call(caller, {{"x-large", large}});
  EXPECT_EQ(side.message.field("x-large").size() + side.trailers.field("x-large").size(),
            large.size());
  EXPECT_EQ(origin.requests.at(0)->message.field("x-large"), large);
  expect_trailers_only(call(caller, {{"x-large", std::string(70'000, 'm')}}), "8");
  EXPECT_EQ(origin.requests.size(), 1u);
  EXPECT_FALSE(caller.is_gone());
}

// ---- 137: messages are not ours to read

TEST(Http2GrpcAbuse, AMessageThatSaysItIsHugePassesInConstantMemoryAbuse137) {
  GrpcTown town;
  H2Origin origin(town, kAt);
  // Compressed, without a coding, and of 4 GiB - 1.
  const std::string prefix("\1\xff\xff\xff\xff", 5);
  const std::string piece(500'000, 'z');
  origin.on_head = [&](H2Side& on) {
    on.takes = false;
    on.answer_head(200, kHead);
    on.send_data(prefix);
  };
  H2Caller caller(town);
  H2Side& side = caller.begin_open("POST", "/shop.Stock/Get", kGrpc);
  side.takes = false;
  side.send_data(prefix);
  town.run();
  EXPECT_EQ(side.message.body, prefix);
  EXPECT_EQ(origin.last_side().message.body, prefix);
  for (int i = 0; i < 10; ++i) {
    side.send_data(piece);
    origin.last_side().send_data(piece);
  }
  town.run();
  // Neither side takes anything: what left them is bounded.
  EXPECT_GT(side.unsent(), 4'000'000u);
  EXPECT_GT(origin.last_side().unsent(), 4'000'000u);
  for (int i = 0; i < 1'000 && side.unsent() + origin.last_side().unsent() > 0; ++i) {
    side.take_all();
    origin.last_side().take_all();
    town.run();
  }
  side.take_all(), origin.last_side().take_all(), town.run();
  EXPECT_EQ(origin.last_side().message.body.size(), prefix.size() + 10 * piece.size());
  EXPECT_EQ(side.message.body.size(), prefix.size() + 10 * piece.size());
  side.reset();
}

// ---- 138: streams that go on

TEST(Http2GrpcAbuse, AStreamMayGoOnForHoursAbuse138) {
  GrpcTown town;
  H2Origin origin(town, kAt);
  origin.on_head = [](H2Side& on) { on.answer_head(200, kHead); };
  origin.otherwise = kStalls;
  H2Caller caller(town);
  H2Side& side = caller.begin_open("POST", "/shop.Stock/Watch", kGrpc);
  town.run();
  for (int i = 0; i < 10; ++i) {
    town.pass_ms(50 * 60 * 1'000);  // within stream_idle
    (i % 2 == 0 ? side : origin.last_side()).send_data(kMessage);
    town.run();
  }
  EXPECT_FALSE(side.is_over());
  EXPECT_EQ(origin.last_side().message.body.size(), 5 * kMessage.size());
  EXPECT_EQ(side.message.body.size(), 5 * kMessage.size());
  // The caller says no more; the server goes on.
  side.send_data({}, true);
  town.run();
  EXPECT_EQ(origin.complete, 1u);
  town.pass_ms(50 * 60 * 1'000);
  origin.last_side().send_data(kMessage);
  town.run();
  EXPECT_EQ(side.message.body.size(), 6 * kMessage.size());
  origin.last_side().send_trailers({{"grpc-status", "0"}});
  EXPECT_EQ(caller.finish(side).trailers.field("grpc-status"), "0");
}

TEST(Http2GrpcAbuse, ACancelIsThereAtOnceAbuse138) {
  for (const bool half_closed : {false, true}) {
    GrpcTown town;
    H2Origin origin(town, kAt);
    origin.on_head = [](H2Side& on) { on.answer_head(200, kHead); };
    origin.otherwise = kStalls;
    H2Caller caller(town);
    H2Side& side = caller.begin_open("POST", "/shop.Stock/Watch", kGrpc);
    if (half_closed) side.send_data(kMessage, true);
    town.pass_ms(1'000);
    side.reset();
    const int64_t began_ms = town.now_ms();
    town.loop.run_until([&] { return origin.last_side().closed.has_value(); }, 100);
    EXPECT_LE(town.now_ms() - began_ms, 10);
    ASSERT_TRUE(origin.last_side().closed);
    EXPECT_EQ(origin.last_side().closed->code, http::H2Code::kCancel);
    EXPECT_EQ(origin.open_connections(), 1u);
  }
}

}  // namespace
}  // namespace outrigger::testing
