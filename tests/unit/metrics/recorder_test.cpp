#include "metrics/recorder.hpp"

#include <gtest/gtest.h>

#include "metrics/shards.hpp"
#include "proxy/chain/classify.hpp"
#include "proxy/chain/driver.hpp"
#include "proxy/chain/route.hpp"
#include "tests/support/virtual_loop.hpp"

namespace outrigger::metrics {
namespace {

using chain::classify;
using chain::Outcome;

constexpr Outcome kDone{Outcome::Kind::kDone, nullptr};

Error error_of(Cause cause) {
  Error error;
  error.cause = cause;
  return error;
}

struct Sink final : chain::ResponseSink {
  void send_interim(int, std::string_view, const http::Fields&) override {}
  void send_head(const http::ResponseHead&) override {}
  void send_body(std::string_view) override {}
  void send_end(const http::Fields*) override {}
  void abort(const Error&) override {}
  bool is_congested() const override { return false; }
  void want_request_body() override {}
};

class RecorderTest : public ::testing::Test {
 protected:
  chain::Exchange& exchange() { return *chain::Exchange::create(x_runtime, x_sink); }
  uint64_t requests(const ServiceSeries& series, int status, RequestOutcome outcome) {
    uint64_t found = 0;
    series.requests.for_each([&](int s, RequestOutcome o, uint64_t count, int) {
      if (s == status && o == outcome) found = count;
    });
    return found;
  }

  // The pool outlives the loop, whose reaper gives exchanges back.
  chain::ExchangePool x_pool;
  chain::MemoryBudget x_budget{1 << 20};
  outrigger::testing::VirtualLoop x_loop;
  LoopContext x_context = x_loop.context();
  Shards x_shards{{1, 100}};
  std::shared_ptr<ServiceSeries> x_unrouted = x_shards.service(0, {});
  Recorder x_recorder{*x_unrouted, x_context.clock};
  chain::Driver x_driver;
  chain::Runtime x_runtime{x_context, x_loop.outbox(), x_driver, x_pool, x_budget, &x_recorder};
  Sink x_sink;
};

TEST_F(RecorderTest, CountsAnAnswerWithItsDurationToTheHead) {
  chain::Exchange& call = exchange();
  call.facts().status = 200;
  call.facts().first_byte_ns = call.facts().start_ns + 50'000'000;
  x_loop.advance_ms(5000);
  call.end(kDone);
  EXPECT_EQ(requests(*x_unrouted, 200, RequestOutcome::kSuccess), 1);
  EXPECT_EQ(x_unrouted->request_duration[0].count(1), 1);  // between 1 and 100 ms
  EXPECT_EQ(x_unrouted->stream_duration.count(2), 0);
}

TEST_F(RecorderTest, CountsAStreamToItsEnd) {
  chain::Exchange& call = exchange();
  call.facts().status = 200;
  call.facts().stream = true;
  call.facts().first_byte_ns = call.facts().start_ns + 1;
  x_loop.advance_ms(5000);
  call.end(kDone);
  EXPECT_EQ(x_unrouted->stream_duration.count(2), 1);
}

TEST_F(RecorderTest, CountsOurOwnAnswersByCause) {
  chain::Exchange& call = exchange();
  call.answer(nullptr, error_of(Cause::kUnknownHost));
  call.end(kDone);
  EXPECT_EQ(x_unrouted->replies[static_cast<size_t>(Cause::kUnknownHost)].value(), 1);
  EXPECT_EQ(requests(*x_unrouted, 502, RequestOutcome::kProxyRefused), 1);
}

TEST_F(RecorderTest, CountsABrokenResponseAsFailedAndNotAsAReply) {
  chain::Exchange& call = exchange();
  call.facts().status = 200;
  call.facts().cause = Cause::kResponseIncomplete;
  call.end({Outcome::Kind::kFailed, nullptr});
  EXPECT_EQ(requests(*x_unrouted, 200, RequestOutcome::kUpstreamError), 1);
  EXPECT_EQ(x_unrouted->replies[static_cast<size_t>(Cause::kResponseIncomplete)].value(), 0);
}

TEST_F(RecorderTest, CallsAFallbackByItsName) {
  chain::Exchange& call = exchange();
  call.facts().status = 200;
  call.facts().fallback = "stale";
  call.end(kDone);
  EXPECT_EQ(requests(*x_unrouted, 200, RequestOutcome::kFallback), 1);
}

TEST_F(RecorderTest, CountsForTheSeriesOfTheRoute) {
  const auto series = x_shards.service(0, {"orders", "reads"});
  chain::Route route;
  route.series = series.get();
  chain::Exchange& call = exchange();
  call.answer(&route, error_of(Cause::kTimeout));
  call.end(kDone);
  EXPECT_EQ(requests(*series, 504, RequestOutcome::kTimeout), 1);
}

chain::Facts with_cause(Cause cause, int status) {
  chain::Facts facts;
  facts.cause = cause;
  facts.status = status;
  return facts;
}

TEST(Classify, TellsWhoseFaultItWas) {
  const auto how = [](Cause cause, int status) {
    return classify(with_cause(cause, status), kDone);
  };
  EXPECT_EQ(how(Cause::kNone, 204), RequestOutcome::kSuccess);
  EXPECT_EQ(how(Cause::kNone, 302), RequestOutcome::kSuccess);
  EXPECT_EQ(how(Cause::kNone, 404), RequestOutcome::kClientError);
  EXPECT_EQ(how(Cause::kNone, 500), RequestOutcome::kUpstreamError);
  EXPECT_EQ(how(Cause::kMalformedRequest, 400), RequestOutcome::kClientError);
  EXPECT_EQ(how(Cause::kUnsupportedVersion, 505), RequestOutcome::kClientError);
  for (const Cause cause :
       {Cause::kUnknownHost, Cause::kLoop, Cause::kNoEndpoint, Cause::kCircuitOpen, Cause::kLimit,
        Cause::kDraining, Cause::kOverload}) {
    EXPECT_EQ(how(cause, 503), RequestOutcome::kProxyRefused) << row_of(cause).name;
  }
  for (const Cause cause : {Cause::kDnsTimeout, Cause::kConnectTimeout, Cause::kConnectRefused,
                            Cause::kReset, Cause::kMalformedResponse}) {
    EXPECT_EQ(how(cause, 502), RequestOutcome::kUpstreamError) << row_of(cause).name;
  }
  EXPECT_EQ(how(Cause::kTimeout, 504), RequestOutcome::kTimeout);
}

TEST(Classify, TellsByTheGrpcStatusWhoseFaultItWas) {
  chain::Facts facts = with_cause(Cause::kNone, 200);
  for (int code = 0; code <= 16; ++code) {
    facts.grpc_status = code;
    const bool servers = code == 2 || code == 4 || (code >= 12 && code <= 15);
    EXPECT_EQ(classify(facts, kDone), code == 0 ? RequestOutcome::kSuccess
                                      : servers ? RequestOutcome::kUpstreamError
                                                : RequestOutcome::kClientError)
        << code;
  }
  facts.status = 404;
  EXPECT_EQ(classify(facts, kDone), RequestOutcome::kClientError);
}

TEST(Classify, CallsItCancelledWhenTheCallerLeft) {
  EXPECT_EQ(classify(with_cause(Cause::kNone, 0), {Outcome::Kind::kCallerGone, nullptr}),
            RequestOutcome::kCancelled);
  EXPECT_EQ(classify(with_cause(Cause::kNone, 200), {Outcome::Kind::kCallerGone, nullptr}),
            RequestOutcome::kCancelled);
}

TEST(Classify, CallsTheFailureOfAnAlternateByItsCause) {
  chain::Facts facts = with_cause(Cause::kResponseIncomplete, 200);
  facts.fallback = "service";
  EXPECT_EQ(classify(facts, {Outcome::Kind::kFailed, nullptr}), RequestOutcome::kUpstreamError);
}

}  // namespace
}  // namespace outrigger::metrics
