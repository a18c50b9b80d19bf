// The framing decision by itself, whatever a parser in front of it would have refused already.
#include "proxy/http/framing.hpp"

#include <gtest/gtest.h>

namespace outrigger::http {
namespace {

FramingFields length(std::string_view value) { return {value, {}, 1, 0}; }
FramingFields coding(std::string_view value) { return {{}, value, 0, 1}; }

Cause cause_of(const FramingFields& said, Version version = Version::kHttp11) {
  const auto result = request_framing(said, version);
  return result ? Cause::kNone : result.error();
}

TEST(Framing, TakesOneLengthOrOneChunked) {
  EXPECT_EQ(request_framing({}, Version::kHttp11)->framing, Framing::kNone);
  EXPECT_EQ(request_framing(length("005"), Version::kHttp10)->length, 5);
  EXPECT_EQ(request_framing(coding("CHUNKED"), Version::kHttp11)->framing, Framing::kChunked);
}

TEST(Framing, RefusesEverythingAmbiguous) {
  EXPECT_EQ(cause_of({"5", "chunked", 1, 1}), Cause::kMalformedRequest);
  EXPECT_EQ(cause_of({"5", {}, 2, 0}), Cause::kMalformedRequest);
  EXPECT_EQ(cause_of({{}, "chunked", 0, 2}), Cause::kMalformedRequest);
  EXPECT_EQ(cause_of(coding("chunked"), Version::kHttp10), Cause::kMalformedRequest);
  for (const auto* value : {"", "+5", "-1", "5,5", "5 ", " 5", "0x5", "9223372036854775808"}) {
    EXPECT_EQ(cause_of(length(value)), Cause::kMalformedRequest) << value;
  }
  for (const auto* value :
       {"", ",", "chunked,", ",chunked", "chunked, chunked", "chunked, gzip", "gzip,,chunked",
        "chunked;q=1", "\"chunked\"", "gzip chunked", "chunked\x0b",
        "\x85"
        "chunked"}) {
    EXPECT_EQ(cause_of(coding(value)), Cause::kMalformedRequest) << value;
  }
}

TEST(Framing, TellsAnUnknownCodingFromAMalformedOne) {
  EXPECT_EQ(cause_of(coding("identity")), Cause::kUnknownTransferCoding);
  for (const auto* value : {"gzip", "gzip, chunked", "a , b\t,chunked", "xchunked"}) {
    EXPECT_EQ(cause_of(coding(value)), Cause::kUnknownTransferCoding) << value;
    const auto response = response_framing(coding(value), Version::kHttp11, 200, Method::kGet);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error(), Cause::kMalformedResponse);
  }
}

TEST(Framing, FollowsTheStatusAndTheMethodOfAResponse) {
  const auto of = [](const FramingFields& said, int status, Method method) {
    return *response_framing(said, Version::kHttp11, status, method);
  };
  EXPECT_EQ(of({}, 200, Method::kGet).framing, Framing::kUntilClose);
  EXPECT_EQ(of({}, 200, Method::kHead).framing, Framing::kNone);
  EXPECT_EQ(of(length("7"), 304, Method::kGet).framing, Framing::kNone);
  EXPECT_EQ(of(length("7"), 304, Method::kGet).length, 7);
  EXPECT_EQ(of(length("7"), 204, Method::kGet).length, -1);
  EXPECT_EQ(of(length("7"), 100, Method::kGet).length, -1);
  for (const int status : {204, 103, 304}) {
    EXPECT_EQ(of(coding("chunked"), status, Method::kGet).framing, Framing::kNone) << status;
    EXPECT_FALSE(of(coding("chunked"), status, Method::kGet).plain) << status;
  }
}

TEST(Framing, PassesOverWhatCannotMatterInAnAnswerWithoutContent) {
  for (const auto& said :
       {length("x"), length(""), coding("gzip"), coding(""), FramingFields{"5", "chunked", 1, 1}}) {
    for (const int status : {103, 204, 304}) {
      const auto framing = response_framing(said, Version::kHttp11, status, Method::kGet);
      ASSERT_TRUE(framing) << status;
      EXPECT_EQ(framing->framing, Framing::kNone);
    }
    const auto head = response_framing(said, Version::kHttp11, 200, Method::kHead);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->length, -1);
  }
}

TEST(Framing, TakesWhatIsPlainInAnAnswer) {
  const auto of = [](const FramingFields& said, Version version = Version::kHttp11) {
    return *response_framing(said, version, 200, Method::kGet);
  };
  FramingFields twice = length("2");
  twice.add({"Content-Length", "02", Name::kContentLength});
  for (const auto& said : {twice, length("2, 2"), length("2,2,"), length("2")}) {
    EXPECT_EQ(of(said).framing, Framing::kLength) << said.content_length;
    EXPECT_EQ(of(said).length, 2);
    EXPECT_TRUE(of(said).plain);
  }
  FramingFields chunked_twice = coding("chunked");
  chunked_twice.add({"Transfer-Encoding", "Chunked", Name::kTransferEncoding});
  for (const auto& said : {chunked_twice, coding("chunked, chunked"), coding("chunked,"),
                           coding("identity, chunked")}) {
    EXPECT_EQ(of(said).framing, Framing::kChunked) << said.transfer_encoding;
    EXPECT_FALSE(of(said).plain) << said.transfer_encoding;
  }
  EXPECT_TRUE(of(coding("chunked")).plain);
  EXPECT_EQ(of(coding("chunked"), Version::kHttp10).framing, Framing::kChunked);
  EXPECT_FALSE(of(coding("chunked"), Version::kHttp10).plain);
  EXPECT_EQ(of(coding("identity")).framing, Framing::kUntilClose);
  EXPECT_EQ(of({"5", "identity", 1, 1}).length, 5);
}

TEST(Framing, EndsTheCallWhereAnAnswerCouldBeTwo) {
  FramingFields differ = length("2");
  differ.add({"Content-Length", "3", Name::kContentLength});
  FramingFields codings = coding("chunked");
  codings.add({"Transfer-Encoding", "gzip", Name::kTransferEncoding});
  for (const auto& said :
       {differ, codings, length("2, 3"), length("+2"), length("2 2"), length(""), length(","),
        coding("gzip"), coding("gzip, chunked"), coding("chunked;q=1"), coding("\"chunked\""),
        coding("chunked\x0b"), FramingFields{"5", "chunked", 1, 1}}) {
    const auto framing = response_framing(said, Version::kHttp11, 200, Method::kGet);
    ASSERT_FALSE(framing) << said.content_length << said.transfer_encoding;
    EXPECT_EQ(framing.error(), Cause::kMalformedResponse);
  }
}

// It ends with its head, but its server may mean something to follow.
TEST(Framing, AnAnswerToHeadOfDoubtfulLengthEndsItsConnection) {
  FramingFields twice;
  twice.add({"content-length", "4", Name::kContentLength});
  EXPECT_TRUE(response_framing(twice, Version::kHttp11, 200, Method::kHead)->plain);
  twice.add({"content-length", "5", Name::kContentLength});
  const auto framing = response_framing(twice, Version::kHttp11, 200, Method::kHead);
  ASSERT_TRUE(framing);
  EXPECT_EQ(framing->framing, Framing::kNone);
  EXPECT_FALSE(framing->plain);
}

}  // namespace
}  // namespace outrigger::http
