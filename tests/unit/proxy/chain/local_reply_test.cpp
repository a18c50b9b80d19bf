#include "proxy/chain/local_reply.hpp"

#include <array>

#include <gtest/gtest.h>

namespace outrigger::chain {
namespace {

struct Expected {
  Cause cause;
  int status;
  int grpc_status;
  std::string_view proxy_status;  // for the service "orders"
};

constexpr std::array kExpected = {
    Expected{Cause::kMalformedRequest, 400, 13,
             R"(outrigger; error=http_request_error; details="malformed_request orders")"},
    Expected{Cause::kMethodRefused, 405, 13,
             R"(outrigger; error=http_request_error; details="method_refused orders")"},
    Expected{Cause::kRequestTooSlow, 408, 13,
             R"(outrigger; error=http_request_error; details="request_too_slow orders")"},
    Expected{Cause::kTargetTooLong, 414, 13,
             R"(outrigger; error=http_request_error; details="target_too_long orders")"},
    Expected{Cause::kUnknownExpectation, 417, 13,
             R"(outrigger; error=http_request_error; details="unknown_expectation orders")"},
    Expected{Cause::kRequestHeadTooLarge, 431, 8,
             R"(outrigger; error=http_request_error; details="request_head_too_large orders")"},
    Expected{Cause::kRequestBodyTooLarge, 413, 8,
             R"(outrigger; error=http_request_error; details="request_body_too_large orders")"},
    Expected{Cause::kUnknownTransferCoding, 501, 12,
             R"(outrigger; error=http_request_error; details="unknown_transfer_coding orders")"},
    Expected{Cause::kUnsupportedVersion, 505, 12,
             R"(outrigger; error=http_request_error; details="unsupported_version orders")"},
    Expected{Cause::kMisdirected, 421, 9,
             R"(outrigger; error=http_request_denied; details="misdirected orders")"},
    Expected{Cause::kUnknownHost, 502, 14,
             R"(outrigger; error=destination_not_found; details="unknown_host orders")"},
    Expected{Cause::kLoop, 508, 10,
             R"(outrigger; error=proxy_loop_detected; details="loop orders")"},
    Expected{Cause::kNoEndpoint, 503, 14,
             R"(outrigger; error=destination_unavailable; details="no_endpoint orders")"},
    Expected{Cause::kCircuitOpen, 503, 14,
             R"(outrigger; error=destination_unavailable; details="circuit_open orders")"},
    Expected{Cause::kLimit, 503, 8,
             R"(outrigger; error=connection_limit_reached; details="limit orders")"},
    Expected{Cause::kDraining, 503, 14,
             R"(outrigger; error=proxy_internal_error; details="draining orders")"},
    Expected{Cause::kOverload, 503, 14,
             R"(outrigger; error=proxy_internal_error; details="overload orders")"},
    Expected{Cause::kDnsError, 502, 14,
             R"(outrigger; error=dns_error; details="dns_error orders")"},
    Expected{Cause::kDnsTimeout, 504, 14,
             R"(outrigger; error=dns_timeout; details="dns_timeout orders")"},
    Expected{Cause::kConnectRefused, 502, 14,
             R"(outrigger; error=connection_refused; details="connect_refused orders")"},
    Expected{Cause::kConnectUnreachable, 502, 14,
             R"(outrigger; error=destination_ip_unroutable; details="connect_unreachable orders")"},
    Expected{Cause::kConnectTimeout, 504, 14,
             R"(outrigger; error=connection_timeout; details="connect_timeout orders")"},
    Expected{Cause::kTlsError, 502, 14,
             R"(outrigger; error=tls_protocol_error; details="tls_error orders")"},
    Expected{Cause::kCertificateRefused, 502, 14,
             R"(outrigger; error=tls_certificate_error; details="certificate_refused orders")"},
    Expected{Cause::kRefusedStream, 502, 14,
             R"(outrigger; error=connection_terminated; details="refused_stream orders")"},
    Expected{Cause::kReset, 502, 14,
             R"(outrigger; error=connection_terminated; details="reset orders")"},
    Expected{Cause::kResponseIncomplete, 502, 14,
             R"(outrigger; error=http_response_incomplete; details="response_incomplete orders")"},
    Expected{Cause::kMalformedResponse, 502, 14,
             R"(outrigger; error=http_protocol_error; details="malformed_response orders")"},
    Expected{Cause::kResponseHeadTooLarge, 502, 14,
             R"(outrigger; error=http_response_header_section_size; )"
             R"(details="response_head_too_large orders")"},
    Expected{Cause::kTimeout, 504, 4,
             R"(outrigger; error=http_response_timeout; details="timeout orders")"},
};

TEST(LocalReply, GivesEachCauseTheStatusAndTypeOfTheContract) {
  ASSERT_EQ(kExpected.size(), cause_rows().size());
  Arena arena({});
  for (const Expected& row : kExpected) {
    const LocalReply reply = render({.cause = row.cause}, "orders", false, arena);
    EXPECT_EQ(reply.status, row.status) << row.proxy_status;
    EXPECT_EQ(row_of(row.cause).grpc_status, row.grpc_status) << row.proxy_status;
    EXPECT_EQ(reply.fields.value(http::Name::kProxyStatus), row.proxy_status);
    EXPECT_EQ(reply.fields.value(http::Name::kContentType), "text/plain; charset=utf-8");
    EXPECT_EQ(reply.fields.find(http::Name::kRetryAfter), nullptr);
    EXPECT_EQ(reply.fields.find("allow") != nullptr, row.cause == Cause::kMethodRefused);
    EXPECT_TRUE(reply.body.ends_with(" (orders)\n")) << reply.body;
  }
}

TEST(LocalReply, SaysWhenToComeBackAndWhy) {
  Arena arena({});
  const LocalReply reply = render(
      {.cause = Cause::kCircuitOpen, .retry_after_s = 5, .detail = "4.2s"}, "orders", false, arena);
  EXPECT_EQ(reply.fields.value(http::Name::kRetryAfter), "5");
  EXPECT_EQ(reply.fields.value(http::Name::kProxyStatus),
            R"(outrigger; error=destination_unavailable; details="circuit_open orders 4.2s")");
}

TEST(LocalReply, StandsInForTheStatusThatWasReceived) {
  Arena arena({});
  const LocalReply reply =
      render({.cause = Cause::kCircuitOpen, .received_status = 500}, "", false, arena);
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.fields.value(http::Name::kProxyStatus),
            "outrigger; error=destination_unavailable; received-status=500; "
            "details=\"circuit_open\"");
  EXPECT_EQ(reply.body, "The circuit of the service is open.\n");
}

TEST(LocalReply, QuotesDetailsAsAString) {
  Arena arena({});
  const Error error{.cause = Cause::kUnknownHost, .detail = "a\"b\\c\r\n\x7F \xC3\xA9!"};
  EXPECT_EQ(proxy_status(error, "caf\xC3\xA9", arena),
            R"(outrigger; error=destination_not_found; details="unknown_host caf a\"b\\c !")");
}

TEST(LocalReply, BoundsDetailsThatAPeerChose) {
  Arena arena({});
  const std::string longer(10'000, '"');
  EXPECT_LT(proxy_status({.cause = Cause::kUnknownHost, .detail = longer}, "", arena).size(), 700U);
}

TEST(LocalReply, IsTrailersOnlyForAGrpcCaller) {
  Arena arena({});
  for (const Expected& row : kExpected) {
    const LocalReply reply = render({.cause = row.cause}, "orders", true, arena);
    const http::ResponseHead* const head = to_head(reply, http::Method::kPost, arena);
    EXPECT_EQ(head->status, 200);
    EXPECT_EQ(head->framing, http::Framing::kNone);
    EXPECT_EQ(reply.body, "");
    EXPECT_EQ(head->fields.value(http::Name::kContentType), "application/grpc");
    EXPECT_EQ(head->fields.value(http::Name::kGrpcStatus), std::to_string(row.grpc_status));
    EXPECT_TRUE(head->fields.find("grpc-message")->value.ends_with(" (orders)"));
    EXPECT_EQ(head->fields.value(http::Name::kProxyStatus), row.proxy_status);
  }
}

TEST(LocalReply, StandsInForTheGrpcStatusThatWasReceived) {
  Arena arena({});
  const Error error{
      .cause = Cause::kCircuitOpen, .received_status = 200, .received_grpc_status = 13};
  const LocalReply reply = render(error, "caf\xC3\xA9", true, arena);
  EXPECT_EQ(reply.fields.value(http::Name::kGrpcStatus), "13");
  EXPECT_EQ(reply.fields.find("grpc-message")->value,
            "The circuit of the service is open. (caf%C3%A9)");
}

TEST(LocalReply, DeclaresTheLengthOfItsBody) {
  Arena arena({});
  const LocalReply reply{200, {}, "12345"};
  const http::ResponseHead* const get = to_head(reply, http::Method::kGet, arena);
  EXPECT_EQ(get->framing, http::Framing::kLength);
  EXPECT_EQ(get->content_length, 5);
  const http::ResponseHead* const head = to_head(reply, http::Method::kHead, arena);
  EXPECT_EQ(head->framing, http::Framing::kNone);
  EXPECT_EQ(head->content_length, 5);
  const http::ResponseHead* const none = to_head({204, {}, ""}, http::Method::kGet, arena);
  EXPECT_EQ(none->framing, http::Framing::kNone);
  EXPECT_EQ(none->content_length, -1);
}

TEST(LocalReply, DoesNotLetAnEditReachTheReplyItself) {
  Arena arena({});
  LocalReply kept{200, {}, ""};
  kept.fields.add(arena, "x-one", "1");
  kept.fields.add(arena, "x-two", "2");
  to_head(kept, http::Method::kGet, arena)->fields.remove("x-one");
  EXPECT_EQ(kept.fields.begin()->name, "x-one");
}

}  // namespace
}  // namespace outrigger::chain
