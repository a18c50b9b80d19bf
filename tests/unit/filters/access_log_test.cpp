#include "filters/access_log.hpp"

#include <gtest/gtest.h>

#include "proxy/io/tls_handshake.hpp"
#include "tests/support/policy_world.hpp"

namespace outrigger::filters {
namespace {

using config::Policy;
using outrigger::testing::PolicyCall;
using outrigger::testing::PolicyWorld;
using outrigger::testing::Script;

// A world that logs, and its log.
class Logged final : private LineSink {
 public:
  explicit Logged(Policy policy = {}, config::AccessLogConfig log = {}, uint64_t seed = 1) {
    world = std::make_unique<PolicyWorld>(std::move(policy), seed);
    world->config.access_log = log;
    world->log_to(*this);
  }

  // Ends the world.
  std::vector<std::string> lines() {
    world.reset();
    return x_lines;
  }

  std::unique_ptr<PolicyWorld> world;

 private:
  void append(std::string_view line) override { x_lines.emplace_back(line); }

  std::vector<std::string> x_lines;
};

// The value of a field as it stands in the line; empty: it is not there.
std::string field(const std::string& line, const std::string& name) {
  const std::string key = "\"" + name + "\":";
  const size_t at = line.find(key);
  if (at == std::string::npos) return "";
  const size_t begin = at + key.size();
  const size_t end =
      line[begin] == '"' ? line.find('"', begin + 1) + 1 : line.find_first_of(",}", begin);
  return line.substr(begin, end - begin);
}

TEST(AccessLog, WritesOneLineForEachCallWithAllItsFields) {
  Policy policy;
  policy.retry->attempts = 2;
  policy.retry->backoff = {0, 0};
  Logged logged(policy);
  logged.world->script({Script::answering(503).after(40), Script::ok("12345").after(60)});
  logged.world->call(
      {.method = "PUT",
       .target = "/things/7?secret=1",
       .fields = {{"x-request-id", "abc"},
                  {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}},
       .body = "123"});
  logged.world->pass_ms(100);
  const auto lines = logged.lines();
  ASSERT_EQ(lines.size(), 1U);
  const std::string& line = lines[0];
  EXPECT_EQ(line.substr(0, 8), "{\"ts\":\"2");
  EXPECT_EQ(line.back(), '}');
  EXPECT_EQ(field(line, "trace_id"), "\"0af7651916cd43dd8448eb211c80319c\"");
  EXPECT_EQ(field(line, "request_id"), "\"abc\"");
  EXPECT_EQ(field(line, "service"), "\"orders\"");
  EXPECT_EQ(field(line, "method"), "\"PUT\"");
  EXPECT_EQ(field(line, "authority"), "\"orders\"");
  EXPECT_EQ(field(line, "path"), "\"/things/7\"");
  EXPECT_EQ(field(line, "protocol"), "\"HTTP/1.1\"");
  EXPECT_EQ(field(line, "status"), "200");
  EXPECT_EQ(field(line, "outcome"), "\"success\"");
  EXPECT_EQ(field(line, "cause"), "");
  EXPECT_EQ(field(line, "retry_reasons"), "\"status\"");
  EXPECT_EQ(field(line, "fallback"), "");
  EXPECT_EQ(field(line, "circuit"), "\"closed\"");
  EXPECT_EQ(field(line, "queue_ms"), "0");
  EXPECT_EQ(field(line, "connect_ms"), "0");
  EXPECT_EQ(field(line, "first_byte_ms"), "100.000");
  EXPECT_EQ(field(line, "total_ms"), "100.000");
  EXPECT_EQ(field(line, "bytes_in"), "3");
  EXPECT_EQ(field(line, "bytes_out"), "5");
  EXPECT_EQ(field(line, "deadline_left_ms"), "14900");
  EXPECT_EQ(line.find("secret"), std::string::npos);
}

TEST(AccessLog, SaysWhyTheProxyAnsweredItself) {
  Logged logged;
  logged.world->script({Script::failing(Cause::kConnectRefused)});
  logged.world->call({.method = "POST"});
  const auto lines = logged.lines();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(field(lines[0], "status"), "502");
  EXPECT_EQ(field(lines[0], "cause"), "\"connect_refused\"");
  EXPECT_EQ(field(lines[0], "outcome"), "\"upstream_error\"");
}

TEST(AccessLog, SaysWhatAFallbackReplaced) {
  Policy policy;
  config::Fallback omit;
  omit.action = config::FallbackOmit::kNoContent;
  policy.fallback = {omit};
  Logged logged(policy);
  logged.world->script({Script::failing(Cause::kTimeout)});
  logged.world->call();
  const auto lines = logged.lines();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(field(lines[0], "outcome"), "\"fallback\"");
  EXPECT_EQ(field(lines[0], "fallback"), "\"omit\"");
  EXPECT_EQ(field(lines[0], "upstream_reason"), "\"timeout\"");
  EXPECT_EQ(field(lines[0], "deadline_left_ms"), "15000");
}

TEST(AccessLog, ACallerWhoLeftIsCancelled) {
  Logged logged;
  logged.world->script({Script::hanging()});
  logged.world->call().leave();
  const auto lines = logged.lines();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(field(lines[0], "outcome"), "\"cancelled\"");
  EXPECT_EQ(field(lines[0], "status"), "0");
}

TEST(AccessLog, SaysWhoTheCallerIsAndWhatIsSpokenOnEitherSide) {
  const io::TlsInfo info{.version = "TLSv1.3",
                         .cipher = "TLS_AES_128_GCM_SHA256",
                         .alpn = "h2",
                         .sni = "orders",
                         .peer = "spiffe://shop/billing",
                         .resumed = false};
  Logged logged;
  logged.world->script({Script::hanging()});
  PolicyCall& call = logged.world->call();
  call.sink.exchange().request().version = http::Version::kHttp2;
  call.sink.exchange().facts().tls = &info;
  call.sink.exchange().facts().upstream_version = http::Version::kHttp11;
  call.leave();
  const auto lines = logged.lines();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(field(lines[0], "protocol"), "\"HTTP/2\"");
  EXPECT_EQ(field(lines[0], "tls"), "\"TLSv1.3\"");
  EXPECT_EQ(field(lines[0], "peer"), "\"spiffe://shop/billing\"");
  EXPECT_EQ(field(lines[0], "upstream_protocol"), "\"HTTP/1.1\"");
}

TEST(AccessLog, LeavesOutWhatIsNotThere) {
  Logged logged;
  logged.world->call();
  const auto lines = logged.lines();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(field(lines[0], "protocol"), "\"HTTP/1.1\"");
  for (const char* name : {"tls", "peer", "upstream_protocol", "grpc_status"}) {
    EXPECT_EQ(field(lines[0], name), "") << name;
  }
}

TEST(AccessLog, SaysTheStatusOfAGrpcCall) {
  Logged logged;
  logged.world->script({Script::grpc(5), Script::failing(Cause::kConnectRefused)});
  for (int i = 0; i < 2; ++i) {
    logged.world->call({.method = "POST",
                        .target = "/shop.Stock/Get",
                        .fields = {{"content-type", "application/grpc"}}});
  }
  const auto lines = logged.lines();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(field(lines[0], "grpc_status"), "5");
  EXPECT_EQ(field(lines[1], "grpc_status"), "14") << "our own answer";
}

TEST(AccessLog, NothingThatAPeerSendsForgesALineOrATerminalEscape) {
  Logged logged;
  logged.world->call({.target = "/a\r\n{\"ts\":\"forged\"}\x1b[2J\"\\\x7f",
                      .fields = {{"x-request-id", "bad\xff\xc3\x28\xed\xa0\x80 \xc2\x9b"}}});
  const auto lines = logged.lines();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].find('\x1b'), std::string::npos);
  EXPECT_EQ(lines[0].find("\xc2\x9b"), std::string::npos);
  EXPECT_NE(lines[0].find(R"("path":"/a\u000d\u000a{\"ts\":\"forged\"}\u001b[2J\"\\\u007f")"),
            std::string::npos);
  EXPECT_NE(lines[0].find(R"("request_id":"bad\u00ff\u00c3(\u00ed\u00a0\u0080 \u009b")"),
            std::string::npos);
}

TEST(AccessLog, WhenErrorsLeavesOutWhatWentWell) {
  config::AccessLogConfig errors;
  errors.when = config::LogWhen::kErrors;
  Logged logged({}, errors);
  for (const int status : {200, 404, 500}) {
    logged.world->script({Script::answering(status)});
    logged.world->call();
  }
  const auto lines = logged.lines();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(field(lines[0], "status"), "500");
}

// Its requests are, once it turns out to be HTTP.
TEST(AccessLog, AConnectionOnWhichNobodySpokeIsNoCall) {
  using Kind = chain::Outcome::Kind;
  for (const auto& [end, bytes, lines] : {std::tuple{Kind::kDropped, "", 0U},
                                          {Kind::kDropped, "some", 1U},
                                          {Kind::kCallerGone, "", 1U}}) {
    Logged logged;
    logged.world->script({Script::hanging()});
    PolicyCall& call = logged.world->call({.method = "CONNECT", .complete = false});
    call.sink.exchange().request().version = http::Version::kNone;
    if (*bytes != '\0') call.send(bytes);
    call.sink.end(end);
    EXPECT_EQ(logged.lines().size(), lines) << bytes;
  }
}

TEST(AccessLog, SampleWritesAShareOfTheCalls) {
  config::AccessLogConfig sampled;
  sampled.sample_share = 0.25;
  Logged logged({}, sampled);
  for (int i = 0; i < 1'000; ++i) logged.world->call();
  const size_t written = logged.lines().size();
  EXPECT_GT(written, 200U);
  EXPECT_LT(written, 300U);
}

TEST(AccessLog, ACallSlowerThanSlowIsAlwaysWritten) {
  config::AccessLogConfig none;
  none.when = config::LogWhen::kErrors;
  none.sample_share = 0;
  none.slow_ms = 100;
  Logged logged({}, none);
  logged.world->script({Script::ok().after(100), Script::ok().after(101), Script::failing()});
  for (int i = 0; i < 3; ++i) {
    logged.world->call();
    logged.world->pass_ms(101);
  }
  const auto lines = logged.lines();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(field(lines[0], "total_ms"), "101.000");
}

}  // namespace
}  // namespace outrigger::filters
