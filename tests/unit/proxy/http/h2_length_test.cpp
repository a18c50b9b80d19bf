// Whether a message has the DATA that its head declares (RFC 9113 section 8.1.1).
#include "tests/unit/proxy/http/h2_support.hpp"

namespace outrigger::http {
namespace {

constexpr uint32_t kProtocolErrorCode = 1;

std::string post_block(std::string_view length) {
  return block({{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}}) +
         literal("content-length", length);
}

bool has_reset(std::string_view text, uint32_t code) {
  for (const Seen& seen : frames_in(text)) {
    if (seen.type == kRstFrame && seen.id == 1 && seen.code() == code) return true;
  }
  return false;
}

// A server that was sent a request of declared length, and then `data`.
struct Served {
  Served(std::string_view length, std::string_view data) {
    EXPECT_TRUE(peer.session.receive(
        preface() + frame(kHeadersFrame, kEndHeaders, 1, post_block(length)) + std::string(data)));
  }
  TestStream& stream() { return *peer.streams.front(); }
  void expect_refused() {
    ASSERT_EQ(stream().closed.size(), 1U);
    EXPECT_EQ(stream().closed[0].cause, Cause::kMalformedRequest);
    EXPECT_FALSE(stream().closed[0].by_peer);
    EXPECT_FALSE(stream().ended);
    EXPECT_TRUE(has_reset(peer.written(), kProtocolErrorCode));
  }

  TestPeer peer{H2Role::kServer};
};

// A client that has called, and was answered with `head` and then `data`.
struct Called {
  Called(Method method, std::string_view method_text, const Lines& head, std::string_view data) {
    call = &peer.open(request_head(method, method_text));
    peer.written();
    EXPECT_TRUE(peer.session.receive(frame(kSettingsFrame, 0, 0) +
                                     frame(kHeadersFrame, kEndHeaders, 1, block(head)) +
                                     std::string(data)));
  }
  void expect_refused() {
    ASSERT_EQ(call->closed.size(), 1U);
    EXPECT_EQ(call->closed[0].cause, Cause::kMalformedResponse);
    EXPECT_FALSE(call->ended);
    EXPECT_FALSE(call->done);
    EXPECT_TRUE(has_reset(peer.written(), kProtocolErrorCode));
  }

  TestPeer peer{H2Role::kClient};
  TestStream* call;
};

TEST(H2Length, TakesARequestThatHasWhatItDeclares) {
  Served served("6", frame(kDataFrame, 0, 1, "abc") + frame(kDataFrame, 0, 1) +
                         frame(kDataFrame, kEndStream, 1, "def"));
  EXPECT_EQ(served.stream().data, "abcdef");
  EXPECT_TRUE(served.stream().ended);
  EXPECT_TRUE(served.stream().closed.empty());
}

TEST(H2Length, TakesARequestWithTrailersThatHasWhatItDeclares) {
  Served served("3", frame(kDataFrame, 0, 1, "abc") + frame(kHeadersFrame, kEndHeaders | kEndStream,
                                                            1, block({{"x-sum", "1"}})));
  EXPECT_TRUE(served.stream().ended);
  EXPECT_EQ(served.stream().trailers(), "x-sum: 1\n");
}

TEST(H2Length, RefusesARequestAsSoonAsItHasMore) {
  Served served("4", frame(kDataFrame, 0, 1, "abc") + frame(kDataFrame, 0, 1, "def"));
  EXPECT_EQ(served.stream().data, "abc");
  served.expect_refused();
}

TEST(H2Length, RefusesARequestThatEndsWithLess) {
  Served served("4", frame(kDataFrame, kEndStream, 1, "abc"));
  served.expect_refused();
}

TEST(H2Length, RefusesARequestWhoseTrailersComeTooSoon) {
  Served served("4", frame(kDataFrame, 0, 1, "abc") + frame(kHeadersFrame, kEndHeaders | kEndStream,
                                                            1, block({{"x-sum", "1"}})));
  served.expect_refused();
}

TEST(H2Length, GivesTheConnectionBackWhatItRefused) {
  Served served("1", frame(kDataFrame, 0, 1, std::string(16'000, 'x')));
  EXPECT_EQ(served.stream().unconsumed(), 16'000U);
  served.peer.session.release(served.stream());
  EXPECT_EQ(served.stream().unconsumed(), 0U);
}

TEST(H2Length, RefusesAnAnswerWithMoreOrLess) {
  const Lines head = {{":status", "200"}, {"content-length", "4"}};
  Called(Method::kGet, "GET", head, frame(kDataFrame, 0, 1, "abcde")).expect_refused();
  Called(Method::kGet, "GET", head, frame(kDataFrame, kEndStream, 1, "abc")).expect_refused();
  Called good(Method::kGet, "GET", head, frame(kDataFrame, kEndStream, 1, "abcd"));
  EXPECT_TRUE(good.call->done);
}

TEST(H2Length, RefusesABodyWhereNoneMayBe) {
  const Lines head = {{":status", "200"}, {"content-length", "4"}};
  Called(Method::kHead, "HEAD", head, frame(kDataFrame, 0, 1, "abcd")).expect_refused();
  Called(Method::kGet, "GET", {{":status", "204"}}, frame(kDataFrame, 0, 1, "a")).expect_refused();
  Called(Method::kGet, "GET", {{":status", "304"}}, frame(kDataFrame, 0, 1, "a")).expect_refused();
  Called empty(Method::kHead, "HEAD", head, frame(kDataFrame, kEndStream, 1));
  EXPECT_TRUE(empty.call->done);
}

TEST(H2Length, RefusesABodyBeforeTheHead) {
  const Lines interim = {{":status", "103"}};
  Called(Method::kGet, "GET", interim, frame(kDataFrame, 0, 1, "a")).expect_refused();
  Called(Method::kGet, "GET", interim, frame(kDataFrame, kEndStream, 1)).expect_refused();
}

}  // namespace
}  // namespace outrigger::http
