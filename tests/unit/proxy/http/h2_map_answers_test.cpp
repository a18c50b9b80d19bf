// What HTTP/2 answers may say: what is wrong but plain passes.
#include "proxy/http/h2_map.hpp"
#include "tests/unit/proxy/http/h2_support.hpp"

namespace outrigger::http {
namespace {

constexpr Cause kGood = Cause::kNone;

TEST(H2MapAnswers, JudgesResponses) {
  ReadHead head;
  for (const std::string_view status : {"", "20", "2000", "099", "abc", "101", "+20"}) {
    EXPECT_EQ(head.read_response({{":status", status}}), Cause::kMalformedResponse) << status;
  }
  EXPECT_EQ(head.read_response({{"x", "y"}}), Cause::kMalformedResponse);
  EXPECT_EQ(head.read_response({{":status", "103"}}, true), Cause::kMalformedResponse);
  EXPECT_EQ(head.read_response({{":status", "200"}, {"content-length", "3"}}, true),
            Cause::kMalformedResponse);
  EXPECT_EQ(head.read_response({{":status", "200"}, {"content-length", "3"}}), kGood);
  EXPECT_EQ(head.response.framing, Framing::kLength);
  EXPECT_EQ(head.response.content_length, 3);
  EXPECT_EQ(head.read_response({{":status", "304"}, {"content-length", "3"}}, true), kGood);
  EXPECT_EQ(head.response.framing, Framing::kNone);
  EXPECT_EQ(head.response.content_length, 3);
  EXPECT_EQ(head.read_response({{":status", "200"}}), kGood);
  EXPECT_EQ(head.response.framing, Framing::kChunked);
}

TEST(H2MapAnswers, MendsResponsesThatAreWrongButPlain) {
  ReadHead head;
  EXPECT_EQ(head.read_response({{":status", "200"},
                                {"connection", "close"},
                                {"transfer-encoding", "chunked"},
                                {"keep-alive", "timeout=5"},
                                {"upgrade", "h2"},
                                {"te", "gzip"},
                                {"a b", "no name"},
                                {"", "no name"},
                                {"X-Upper", " kept\x01"},
                                {"content_length", "kept"},
                                {"proxy-authenticate", "Basic"},
                                {"trailer", "x"},
                                {"content-length", "3"},
                                {"content-length", "3, 3"}}),
            kGood);
  EXPECT_EQ(text_of(head.response.fields),
            "X-Upper: kept\ncontent_length: kept\nproxy-authenticate: Basic\ntrailer: x\n");
  EXPECT_EQ(head.response.content_length, 3);
  EXPECT_EQ(head.read_response({{":status", "204"}, {"content-length", "x"}}, true), kGood);
  EXPECT_EQ(
      head.read_response({{":status", "200"}, {"content-length", "3"}, {"content-length", "4"}}),
      Cause::kMalformedResponse);
  for (const std::string_view value : {"a\rb", "a\nb"}) {
    EXPECT_EQ(head.read_response({{":status", "200"}, {"x", value}}), Cause::kMalformedResponse);
    EXPECT_EQ(head.read_response({{":status", "200"}, {value, "x"}}), Cause::kMalformedResponse);
  }
}

TEST(H2MapAnswers, BoundsAResponseAsHttp1DoesByWhatIsAsked) {
  ReadHead head;
  Lines many = {{":status", "200"}};
  for (int i = 0; i < 150; ++i) many.emplace_back("set-cookie", "a");
  EXPECT_EQ(head.read_response(many), Cause::kResponseHeadTooLarge);
  HeadLimits limits;
  limits.fields = 1'000;
  EXPECT_EQ(head.read_response(many, false, limits), kGood);
  limits.head_bytes = 150 * 15 + 14;  // "set-cookie: a" and a line end; ":status: 200" and one
  EXPECT_EQ(head.read_response(many, false, limits), kGood);
  --limits.head_bytes;
  EXPECT_EQ(head.read_response(many, false, limits), Cause::kResponseHeadTooLarge);
}

}  // namespace
}  // namespace outrigger::http
