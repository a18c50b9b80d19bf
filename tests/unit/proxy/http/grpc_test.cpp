#include "proxy/http/grpc.hpp"

#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "proxy/http/h2_stream.hpp"

namespace outrigger::http {
namespace {

class Grpc : public ::testing::Test {
 protected:
  bool is_call(std::string_view method, std::string_view type) {
    RequestHead head;
    head.method = method_from(method);
    head.fields.add(x_arena, "Content-Type", type);
    return is_grpc(head);
  }
  ResponseHead answer(int status, std::string_view type = kGrpcContentType,
                      Framing framing = Framing::kChunked) {
    ResponseHead head;
    head.status = status;
    head.framing = framing;
    head.fields.add(x_arena, "Content-Type", type);
    return head;
  }
  Fields trailers(std::string_view status) {
    Fields fields;
    fields.add(x_arena, "grpc-status", status);
    return fields;
  }
  std::string formatted(int64_t ms) { return std::string(format_grpc_timeout(ms, x_arena)); }

  Arena x_arena{{}};
};

TEST_F(Grpc, IsAPostOfItsContentTypeAndNotGrpcWeb) {
  for (const char* type : {"application/grpc", "application/grpc+proto", "application/grpc+json",
                           "Application/GRPC", "application/grpc;charset=utf-8"}) {
    EXPECT_TRUE(is_call("POST", type)) << type;
  }
  for (const char* type : {"application/grpc-web", "application/grpc-web+proto",
                           "application/grpcx", "application/json", "application/grp", ""}) {
    EXPECT_FALSE(is_call("POST", type)) << type;
  }
  EXPECT_FALSE(is_call("GET", "application/grpc"));
}

TEST_F(Grpc, AHeadTellsItsStatusOrLeavesItToTheTrailers) {
  EXPECT_EQ(grpc_status(answer(200)), kGrpcPending);
  ResponseHead trailers_only = answer(200, kGrpcContentType, Framing::kNone);
  trailers_only.fields.add(x_arena, "grpc-status", "14");
  EXPECT_EQ(grpc_status(trailers_only), 14);
  EXPECT_EQ(grpc_status(answer(200, kGrpcContentType, Framing::kNone)), kGrpcUnknown);
  ResponseHead empty = answer(200, kGrpcContentType, Framing::kLength);
  empty.content_length = 0;
  EXPECT_EQ(grpc_status(empty), kGrpcPending);
  EXPECT_EQ(grpc_status(answer(503, "text/plain")), 14);
  EXPECT_EQ(grpc_status(answer(200, "text/html")), kGrpcUnknown);
}

TEST_F(Grpc, AResetComesToTheStatusThatItsCodeMeans) {
  for (const auto& [code, status] : {std::pair{H2Code::kNoError, 13},
                                     {H2Code::kProtocolError, 13},
                                     {H2Code::kInternalError, 13},
                                     {H2Code::kFlowControlError, 13},
                                     {H2Code::kRefusedStream, 14},
                                     {H2Code::kCancel, 1},
                                     {H2Code::kConnectError, 13},
                                     {H2Code::kEnhanceYourCalm, 8},
                                     {H2Code::kInadequateSecurity, 7}}) {
    EXPECT_EQ(grpc_status_of_reset(static_cast<uint32_t>(code)), status);
  }
}

TEST_F(Grpc, TrailersTellTheirStatusAndWhatIsNoStatusIsUnknown) {
  for (const auto& [text, code] : {std::pair{"0", 0},
                                   {"16", 16},
                                   {"17", 2},
                                   {"-1", 2},
                                   {"", 2},
                                   {"x", 2},
                                   {"1x", 2},
                                   {"99999999999", 2}}) {
    const Fields fields = trailers(text);
    EXPECT_EQ(grpc_status(&fields), code) << text;
  }
  const Fields none;
  EXPECT_EQ(grpc_status(&none), kGrpcUnknown);
  EXPECT_EQ(grpc_status(static_cast<const Fields*>(nullptr)), kGrpcUnknown);
}

TEST_F(Grpc, AnHttpStatusComesToAGrpcStatus) {
  for (const auto& [http, code] : {std::pair{400, 13},
                                   {401, 16},
                                   {403, 7},
                                   {404, 12},
                                   {429, 14},
                                   {502, 14},
                                   {503, 14},
                                   {504, 14},
                                   {200, 2},
                                   {302, 2},
                                   {500, 2},
                                   {501, 2}}) {
    EXPECT_EQ(grpc_status_of(http), code) << http;
  }
}

TEST_F(Grpc, HeadAndTrailersBecomeOneHeadWithoutABody) {
  ResponseHead head = answer(200);
  Fields fields = trailers("5");
  fields.add(x_arena, "grpc-message", "gone");
  make_trailers_only(head, &fields, x_arena);
  EXPECT_EQ(head.framing, Framing::kNone);
  EXPECT_EQ(grpc_status(head), 5);
  EXPECT_EQ(head.fields.find("grpc-message")->value, "gone");
}

TEST_F(Grpc, ATimeoutIsUpToEightDigitsAndAUnit) {
  for (const auto& [text, ms] : {std::pair{"1H", int64_t{3'600'000}},
                                 {"2M", 120'000},
                                 {"3S", 3'000},
                                 {"4m", 4},
                                 {"5000u", 5},
                                 {"6000000n", 6},
                                 {"0m", 0},
                                 {"1n", 1},
                                 {"1001u", 2},
                                 {"99999999H", 359'999'996'400'000}}) {
    EXPECT_EQ(parse_grpc_timeout_ms(text), ms) << text;
  }
  for (const char* text : {"", "m", "1", "1s", "123456789m", "-1m", "+1m", "1.5S", " 1m", "1 m"}) {
    EXPECT_FALSE(parse_grpc_timeout_ms(text)) << text;
  }
}

TEST_F(Grpc, ATimeoutIsNeverWrittenLongerThanItIs) {
  EXPECT_EQ(formatted(0), "0m");
  EXPECT_EQ(formatted(99'999'999), "99999999m");
  EXPECT_EQ(formatted(100'000'999), "100000S");
  EXPECT_EQ(formatted(100'000'000'000), "1666666M");
  EXPECT_EQ(formatted(int64_t{99'999'999} * 60'000 + 59'999), "99999999M");
  EXPECT_EQ(formatted(int64_t{100'000'000} * 60'000), "1666666H");
  EXPECT_EQ(formatted(std::numeric_limits<int64_t>::max()), "99999999H");
  for (int64_t ms = 1; ms < (int64_t{1} << 55); ms = ms * 3 + 1) {
    EXPECT_LE(*parse_grpc_timeout_ms(formatted(ms)), ms);
  }
}

TEST_F(Grpc, AMessageIsPercentEncoded) {
  EXPECT_EQ(encode_grpc_message("The service has no endpoint.", x_arena),
            "The service has no endpoint.");
  EXPECT_EQ(encode_grpc_message("100%\r\n\xC3\xA9", x_arena), "100%25%0D%0A%C3%A9");
  EXPECT_EQ(encode_grpc_message("", x_arena), "");
}

TEST_F(Grpc, AFrameHasAPrefixOfFiveBytes) {
  EXPECT_EQ(grpc_frame(""), std::string(5, '\0'));
  EXPECT_EQ(grpc_frame("abc"), std::string("\0\0\0\0\3abc", 8));
  EXPECT_EQ(grpc_frame(std::string(0x010203, 'x')).substr(0, 5), std::string("\0\0\1\2\3", 5));
}

}  // namespace
}  // namespace outrigger::http
