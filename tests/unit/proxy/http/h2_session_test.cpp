#include "proxy/http/h2_session.hpp"

#include "tests/unit/proxy/http/h2_support.hpp"

namespace outrigger::http {
namespace {

void answer(Pair& pair, TestStream& stream, int status = 200, bool has_body = false) {
  pair.server.session.submit_response(stream, response_head(status), {stream.request.method, {}},
                                      has_body);
  pair.run();
}

TEST(H2Session, CarriesARequestAndItsAnswer) {
  Pair pair;
  EXPECT_EQ(pair.client.settings, 2);
  EXPECT_TRUE(pair.server.session.is_acknowledged());
  EXPECT_TRUE(pair.client.session.is_acknowledged());
  RequestHead head = get("/a?b=c");
  TestStream& call = pair.client.add();
  head.fields.add(call.arena(), "X-Upper", "one");
  ASSERT_TRUE(pair.client.session.submit_request(call, head, {}, false));
  pair.run();
  TestStream& seen = pair.last();
  EXPECT_EQ(seen.request.method, Method::kGet);
  EXPECT_EQ(seen.request.method_text, "GET");
  EXPECT_EQ(seen.request.target, "/a?b=c");
  EXPECT_EQ(seen.request.authority, "host.test");
  EXPECT_EQ(seen.request.version, Version::kHttp2);
  EXPECT_EQ(seen.request.framing, Framing::kNone);
  EXPECT_EQ(text_of(seen.request.fields), "x-upper: one\n");
  EXPECT_TRUE(seen.ended);
  answer(pair, seen, 404);
  EXPECT_EQ(call.response.status, 404);
  EXPECT_EQ(call.response.framing, Framing::kNone);
  EXPECT_TRUE(call.ended);
  EXPECT_TRUE(call.done);
  EXPECT_TRUE(seen.done);
  EXPECT_EQ(pair.client.session.streams_open(), 0U);
  EXPECT_EQ(pair.server.session.streams_open(), 0U);
}

TEST(H2Session, CarriesBodiesAndTrailersBothWays) {
  Pair pair;
  TestStream& call = pair.client.add();
  call.body = std::string(50'000, 'q');
  call.add_trailer("x-sum", "7");
  ASSERT_TRUE(pair.client.session.submit_request(call, post(), {}, true));
  pair.run();
  TestStream& seen = pair.last();
  EXPECT_EQ(seen.request.framing, Framing::kChunked);
  EXPECT_EQ(seen.data, std::string(50'000, 'q'));
  EXPECT_EQ(seen.trailers(), "x-sum: 7\n");
  seen.body = "answer";
  seen.add_trailer("grpc-status", "0");
  answer(pair, seen, 200, true);
  EXPECT_EQ(call.response.framing, Framing::kChunked);
  EXPECT_EQ(call.data, "answer");
  EXPECT_EQ(call.trailers(), "grpc-status: 0\n");
  EXPECT_TRUE(call.done);
  EXPECT_TRUE(seen.done);
}

TEST(H2Session, WaitsForABodyThatIsNotThereYet) {
  Pair pair;
  TestStream& call = pair.client.add();
  call.body_complete = false;
  RequestHead head = post();
  head.framing = Framing::kLength;
  head.content_length = 6;
  ASSERT_TRUE(pair.client.session.submit_request(call, head, {}, true));
  pair.run();
  TestStream& seen = pair.last();
  EXPECT_EQ(seen.request.framing, Framing::kLength);
  EXPECT_EQ(seen.request.content_length, 6);
  EXPECT_EQ(seen.data, "");
  const int wants = pair.client.wants;
  call.body = "abc";
  pair.client.session.resume(call);
  EXPECT_EQ(pair.client.wants, wants + 1);
  pair.run();
  EXPECT_EQ(seen.data, "abc");
  EXPECT_FALSE(seen.ended);
  call.body = "def";
  call.body_complete = true;
  pair.client.session.resume(call);
  pair.run();
  EXPECT_EQ(seen.data, "abcdef");
  EXPECT_TRUE(seen.ended);
}

TEST(H2Session, SendsTrailersWithoutABody) {
  Pair pair;
  TestStream& call = pair.client.open(get());
  pair.run();
  pair.last().add_trailer("grpc-status", "5");
  answer(pair, pair.last());
  EXPECT_EQ(call.response.status, 200);
  EXPECT_EQ(call.data, "");
  EXPECT_EQ(call.trailers(), "grpc-status: 5\n");
  EXPECT_TRUE(call.done);
}

TEST(H2Session, PassesInterimResponsesOn) {
  Pair pair;
  TestStream& call = pair.client.open(get());
  pair.run();
  Fields hints;
  hints.add(pair.last().arena(), "link", "</a.css>");
  pair.server.session.submit_interim(pair.last(), 103, hints);
  pair.server.session.submit_interim(pair.last(), 101, {});
  pair.run();
  EXPECT_EQ(call.interims, std::vector<int>{103});
  EXPECT_EQ(call.heads, 0);
  answer(pair, pair.last());
  EXPECT_EQ(call.interims, std::vector<int>{103});
  EXPECT_EQ(call.response.status, 200);
}

TEST(H2Session, DeclaresALengthInAnswerToHead) {
  Pair pair;
  TestStream& call = pair.client.open(request_head(Method::kHead, "HEAD"));
  pair.run();
  ResponseHead head = response_head(200);
  head.content_length = 1234;
  pair.server.session.submit_response(pair.last(), head, {Method::kHead, {}}, false);
  pair.run();
  EXPECT_EQ(call.response.content_length, 1234);
  EXPECT_EQ(call.response.framing, Framing::kNone);
  EXPECT_TRUE(call.done);
}

TEST(H2Session, TellsTheServerOfACallThatWasReset) {
  Pair pair;
  TestStream& call = pair.client.open(get());
  pair.run();
  pair.client.session.reset(call, H2Code::kCancel);
  pair.run();
  ASSERT_EQ(pair.last().closed.size(), 1U);
  EXPECT_EQ(pair.last().closed[0].code, H2Code::kCancel);
  EXPECT_EQ(pair.last().closed[0].cause, Cause::kReset);
  EXPECT_TRUE(pair.last().closed[0].by_peer);
  EXPECT_TRUE(call.closed.empty());
  EXPECT_FALSE(call.done);
  EXPECT_EQ(pair.server.session.streams_open(), 0U);
}

TEST(H2Session, SaysWhatAResetMeansToACall) {
  Pair pair;
  const auto close_with = [&](H2Code code) {
    TestStream& call = pair.client.open(get());
    pair.run();
    pair.server.session.reset(pair.last(), code);
    pair.run();
    return call.closed.at(0);
  };
  const H2Close reset = close_with(H2Code::kInternalError);
  EXPECT_EQ(reset.cause, Cause::kReset);
  EXPECT_EQ(reset.sent, Sent::kMaybe);
  const H2Close refused = close_with(H2Code::kRefusedStream);
  EXPECT_EQ(refused.cause, Cause::kRefusedStream);
  EXPECT_EQ(refused.sent, Sent::kNever);
  EXPECT_EQ(close_with(H2Code::kHttp11Required).code, H2Code::kHttp11Required);
}

TEST(H2Session, RefusesAStreamThatNobodyTakes) {
  Pair pair;
  pair.server.refuses = true;
  TestStream& call = pair.client.open(post(), true);
  pair.run();
  ASSERT_EQ(call.closed.size(), 1U);
  EXPECT_EQ(call.closed[0].cause, Cause::kRefusedStream);
  pair.server.refuses = false;
  TestStream& next = pair.client.open(get());
  pair.run();
  answer(pair, pair.last());
  EXPECT_TRUE(next.done);
}

TEST(H2Session, HoldsASenderBackWithoutStoppingOthers) {
  Pair pair;
  TestStream& other = pair.client.add();
  other.body_complete = false;
  ASSERT_TRUE(pair.client.session.submit_request(other, post(), {}, true));
  pair.run();
  TestStream& greedy = pair.last();
  greedy.consumes = false;
  other.body = std::string(400'000, 'g');
  pair.client.session.resume(other);
  pair.run();
  EXPECT_EQ(greedy.data.size(), 256U * 1024);
  EXPECT_EQ(greedy.unconsumed(), 256U * 1024);
  TestStream& third = pair.client.add();
  third.body = std::string(300'000, 't');
  ASSERT_TRUE(pair.client.session.submit_request(third, post(), {}, true));
  pair.run();
  EXPECT_EQ(pair.last().data.size(), 300'000U);
  pair.server.session.consume(greedy, greedy.unconsumed());
  pair.run();
  EXPECT_EQ(greedy.data.size(), 400'000U);
}

TEST(H2Session, GivesTheWindowBackWhenAStreamIsReleased) {
  Pair pair;
  for (int i = 0; i < 20; ++i) {
    TestStream& call = pair.client.add();
    call.body_complete = false;
    ASSERT_TRUE(pair.client.session.submit_request(call, post(), {}, true));
    pair.run();
    TestStream& seen = pair.last();
    seen.consumes = false;
    call.body = std::string(200'000, 'x');
    pair.client.session.resume(call);
    pair.run();
    ASSERT_EQ(seen.data.size(), 200'000U) << i;
    pair.server.session.release(seen);
    pair.run();
    EXPECT_EQ(call.closed.size(), 1U);
  }
}

TEST(H2Session, ShutsDownInTwoSteps) {
  Pair pair;
  TestStream& call = pair.client.open(get());
  pair.run();
  pair.server.session.submit_shutdown_notice();
  pair.run();
  EXPECT_EQ(pair.client.goaways, std::vector<int32_t>{INT32_MAX});
  EXPECT_TRUE(pair.client.session.is_closing());
  EXPECT_FALSE(pair.client.session.may_open());
  pair.server.session.submit_goaway(H2Code::kNoError);
  pair.run();
  EXPECT_EQ(pair.client.goaways, (std::vector<int32_t>{INT32_MAX, 1}));
  EXPECT_TRUE(call.closed.empty());
  answer(pair, pair.last());
  EXPECT_TRUE(call.done);
  EXPECT_TRUE(pair.server.session.is_over());
  EXPECT_TRUE(pair.client.session.is_over());
  EXPECT_EQ(pair.client.session.fault(), H2Code::kNoError);
}

TEST(H2Session, KnowsThatStreamsAboveTheLastOneWereNeverSeen) {
  Pair pair;
  TestStream& first = pair.client.open(get());
  pair.run();
  TestStream& late = pair.client.open(get());
  const std::string lost = pair.client.written();
  pair.server.session.submit_goaway(H2Code::kNoError);
  pair.run();
  ASSERT_EQ(late.closed.size(), 1U);
  EXPECT_EQ(late.closed[0].cause, Cause::kRefusedStream);
  EXPECT_EQ(late.closed[0].sent, Sent::kNeverFree);
  EXPECT_TRUE(first.closed.empty());
}

TEST(H2Session, TellsEveryStreamThatTheConnectionIsGone) {
  Pair pair;
  TestStream& sent = pair.client.open(get());
  pair.run();
  TestStream& waiting = pair.client.open(get());
  pair.client.session.lose(Cause::kReset);
  ASSERT_EQ(sent.closed.size(), 1U);
  EXPECT_EQ(sent.closed[0].sent, Sent::kMaybe);
  ASSERT_EQ(waiting.closed.size(), 1U);
  EXPECT_EQ(waiting.closed[0].sent, Sent::kNeverFree);
  EXPECT_FALSE(pair.client.session.may_open());
  EXPECT_TRUE(pair.client.session.is_over());
  EXPECT_FALSE(pair.client.session.receive("x"));
}

TEST(H2Session, ForgetsARequestThatIsReleasedBeforeItIsSent) {
  Pair pair;
  TestStream& call = pair.client.open(get());
  pair.client.session.release(call);
  EXPECT_EQ(pair.client.session.streams_open(), 0U);
  pair.run();
  EXPECT_TRUE(pair.server.streams.empty());
  EXPECT_TRUE(call.closed.empty());
}

TEST(H2Session, OpensNoMoreStreamsThanThePeerAllows) {
  H2Limits limits;
  limits.streams = 2;
  Pair pair(limits);
  TestStream& first = pair.client.open(get());
  pair.client.open(get());
  EXPECT_FALSE(pair.client.session.may_open());
  pair.client.session.release(first);
  EXPECT_TRUE(pair.client.session.may_open());
}

TEST(H2Session, AnswersPings) {
  Pair pair;
  pair.client.session.ping();
  pair.run();
  EXPECT_EQ(pair.client.ping_acks, 1);
}

TEST(H2Session, GivesAHeadThatIsTooLargeAnAnswer) {
  Pair pair;
  TestStream& call = pair.client.add();
  RequestHead head = post();
  for (int i = 0; i < 101; ++i) head.fields.add(call.arena(), "x-a", "b");
  call.body = "dropped";
  ASSERT_TRUE(pair.client.session.submit_request(call, head, {}, true));
  pair.run();
  TestStream& seen = pair.last();
  EXPECT_EQ(seen.cause, Cause::kRequestHeadTooLarge);
  EXPECT_EQ(seen.request.method, Method::kPost);
  EXPECT_EQ(seen.data, "");
  EXPECT_FALSE(seen.ended);
  answer(pair, seen, 431);
  EXPECT_EQ(call.response.status, 431);
  EXPECT_TRUE(call.ended);
  EXPECT_TRUE(call.done);
}

TEST(H2Session, SendsHeadsAsLargeAsThePeerTakes) {
  H2Limits limits;
  limits.head.head_bytes = 200'000;
  Pair pair(limits);
  const std::string large(30'000, 'v');
  const auto add_large = [&](Fields& fields, Arena& arena) {
    for (const char* name : {"a", "b", "c", "d", "e"}) fields.add(arena, name, large);
  };
  RequestHead head = get();
  TestStream& call = pair.client.add();
  add_large(head.fields, call.arena());
  ASSERT_TRUE(pair.client.session.submit_request(call, head, {}, true));
  pair.run();
  EXPECT_EQ(pair.last().request.fields.size(), 5U);
  ResponseHead response = response_head(200);
  add_large(response.fields, pair.last().arena());
  pair.server.session.submit_response(pair.last(), response, {}, true);
  pair.run();
  EXPECT_EQ(call.response.fields.size(), 5U);
}

TEST(H2Session, WritesTheSameBodyIntoAnyRoom) {
  for (const size_t room : {1U, 100U, 4095U, 4104U, 4105U, 4106U, 16'392U, 16'393U, 100'000U}) {
    Pair pair;
    TestStream& call = pair.client.add();
    for (int i = 0; i < 9000; ++i) call.body += std::to_string(i);
    const std::string body = call.body;
    call.add_trailer("x-sum", "7");
    ASSERT_TRUE(pair.client.session.submit_request(call, post(), {}, true));
    ASSERT_TRUE(pair.server.session.receive(pair.client.written(room)));
    EXPECT_EQ(pair.last().data, body) << room;
    EXPECT_EQ(pair.last().trailers(), "x-sum: 7\n");
  }
}

TEST(H2Session, WritesIntoLittleRoom) {
  Pair pair;
  TestStream& call = pair.client.add();
  call.body = "0123456789";
  ASSERT_TRUE(pair.client.session.submit_request(call, post(), {}, true));
  std::array<char, 1> room;
  while (pair.client.session.write(room) == 1) {
    ASSERT_TRUE(pair.server.session.receive({room.data(), 1}));
  }
  EXPECT_EQ(pair.last().data, "0123456789");
  EXPECT_TRUE(pair.last().ended);
  EXPECT_FALSE(pair.client.session.wants_write());
}

TEST(H2Session, ReadsARequestInAnyTwoPieces) {
  const std::string all =
      preface() + frame(kHeadersFrame, kEndHeaders | kEndStream, 1, get_block());
  for (size_t split = 0; split <= all.size(); ++split) {
    TestPeer server(H2Role::kServer);
    ASSERT_TRUE(server.session.receive(all.substr(0, split)));
    ASSERT_TRUE(server.session.receive(all.substr(split)));
    ASSERT_EQ(server.streams.size(), 1U) << split;
    EXPECT_EQ(server.streams[0]->request.target, "/");
    EXPECT_TRUE(server.streams[0]->ended);
  }
}

}  // namespace
}  // namespace outrigger::http
