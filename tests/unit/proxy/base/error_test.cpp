#include "proxy/base/error.hpp"

#include <bit>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace outrigger {
namespace {

constexpr int kDeadlineExceeded = 4;
constexpr int kResourceExhausted = 8;
constexpr int kFailedPrecondition = 9;
constexpr int kAborted = 10;
constexpr int kUnimplemented = 12;
constexpr int kInternal = 13;
constexpr int kUnavailable = 14;

struct Expected {
  Cause cause;
  const char* token;
  int status;
  int grpc;
  const char* type;
};

// Copied by hand from the published table, not derived from the code.
constexpr Expected kTable[] = {
    {Cause::kMalformedRequest, "none", 400, kInternal, "http_request_error"},
    {Cause::kMethodRefused, "none", 405, kInternal, "http_request_error"},
    {Cause::kRequestTooSlow, "none", 408, kInternal, "http_request_error"},
    {Cause::kTargetTooLong, "none", 414, kInternal, "http_request_error"},
    {Cause::kUnknownExpectation, "none", 417, kInternal, "http_request_error"},
    {Cause::kRequestHeadTooLarge, "none", 431, kResourceExhausted, "http_request_error"},
    {Cause::kRequestBodyTooLarge, "none", 413, kResourceExhausted, "http_request_error"},
    {Cause::kUnknownTransferCoding, "none", 501, kUnimplemented, "http_request_error"},
    {Cause::kUnsupportedVersion, "none", 505, kUnimplemented, "http_request_error"},
    {Cause::kMisdirected, "none", 421, kFailedPrecondition, "http_request_denied"},
    {Cause::kUnknownHost, "none", 502, kUnavailable, "destination_not_found"},
    {Cause::kLoop, "none", 508, kAborted, "proxy_loop_detected"},
    {Cause::kNoEndpoint, "no_endpoint", 503, kUnavailable, "destination_unavailable"},
    {Cause::kCircuitOpen, "circuit_open", 503, kUnavailable, "destination_unavailable"},
    {Cause::kLimit, "limit", 503, kResourceExhausted, "connection_limit_reached"},
    {Cause::kDraining, "none", 503, kUnavailable, "proxy_internal_error"},
    {Cause::kOverload, "none", 503, kUnavailable, "proxy_internal_error"},
    {Cause::kDnsError, "connect", 502, kUnavailable, "dns_error"},
    {Cause::kDnsTimeout, "connect", 504, kUnavailable, "dns_timeout"},
    {Cause::kConnectRefused, "connect", 502, kUnavailable, "connection_refused"},
    {Cause::kConnectUnreachable, "connect", 502, kUnavailable, "destination_ip_unroutable"},
    {Cause::kConnectTimeout, "connect", 504, kUnavailable, "connection_timeout"},
    {Cause::kTlsError, "connect", 502, kUnavailable, "tls_protocol_error"},
    {Cause::kCertificateRefused, "connect", 502, kUnavailable, "tls_certificate_error"},
    {Cause::kRefusedStream, "refused_stream", 502, kUnavailable, "connection_terminated"},
    {Cause::kReset, "reset", 502, kUnavailable, "connection_terminated"},
    {Cause::kResponseIncomplete, "reset", 502, kUnavailable, "http_response_incomplete"},
    {Cause::kMalformedResponse, "reset", 502, kUnavailable, "http_protocol_error"},
    {Cause::kResponseHeadTooLarge, "reset", 502, kUnavailable, "http_response_header_section_size"},
    {Cause::kTimeout, "timeout", 504, kDeadlineExceeded, "http_response_timeout"},
};

TEST(ErrorTable, SaysWhatTheContractSays) {
  ASSERT_EQ(cause_rows().size(), std::size(kTable));
  for (const Expected& expected : kTable) {
    const CauseRow& row = row_of(expected.cause);
    SCOPED_TRACE(std::string(row.name));
    EXPECT_EQ(to_string(row.token), expected.token);
    EXPECT_EQ(row.status, expected.status);
    EXPECT_EQ(row.grpc_status, expected.grpc);
    EXPECT_EQ(row.type, expected.type);
  }
}

TEST(ErrorTable, NamesEveryCauseDifferentlyAndInAMetricsAlphabet) {
  std::set<std::string_view> names;
  for (const CauseRow& row : cause_rows()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(row.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos);
    EXPECT_TRUE(row.sentence.ends_with('.')) << row.sentence;
  }
}

TEST(ErrorTable, TokensAreABitAndANameEach) {
  unsigned bits = 0;
  for (const TokenRow& row : token_rows()) {
    EXPECT_TRUE(std::has_single_bit(static_cast<unsigned>(row.token))) << row.name;
    bits |= static_cast<unsigned>(row.token);
    EXPECT_EQ(to_string(row.token), row.name);
  }
  EXPECT_EQ(bits, 0xffU);
  EXPECT_EQ(to_string(Token::kNone), "none");
}

}  // namespace
}  // namespace outrigger
