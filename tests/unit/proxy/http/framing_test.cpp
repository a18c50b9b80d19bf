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
  for (const auto* value : {"gzip", "gzip, chunked", "a , b\t,chunked", "xchunked", "identity"}) {
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
  EXPECT_FALSE(response_framing(coding("chunked"), Version::kHttp11, 204, Method::kGet));
  EXPECT_FALSE(response_framing(coding("chunked"), Version::kHttp11, 103, Method::kGet));
  EXPECT_EQ(of(coding("chunked"), 304, Method::kGet).framing, Framing::kNone);
}

}  // namespace
}  // namespace outrigger::http
