#include "filters/trace.hpp"

#include <gtest/gtest.h>

#include "tests/support/policy_world.hpp"

namespace outrigger::filters {
namespace {

using outrigger::testing::PolicyCall;
using outrigger::testing::PolicyWorld;

constexpr const char* kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kParent = std::string("00-") + kTrace + "-b7ad6b7169203331-01";

TEST(Trace, FindsTheTraceIdOfATraceparent) {
  EXPECT_EQ(trace_id(kParent), kTrace);
  EXPECT_EQ(trace_id("cc" + kParent.substr(2)), kTrace);
  EXPECT_EQ(trace_id("cc" + kParent.substr(2) + "-what-comes-later"), kTrace);
}

TEST(Trace, FindsNoneInAMalformedOne) {
  const std::string zeros(32, '0');
  for (const std::string& bad :
       std::vector<std::string>{"", kParent.substr(1), kParent + "-more", kParent + "0",
                                "ff" + kParent.substr(2), "00-" + zeros + "-b7ad6b7169203331-01",
                                "00-" + std::string(kTrace) + "-0000000000000000-01",
                                "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                                "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
                                "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
                                "cc" + kParent.substr(2) + "more"}) {
    EXPECT_EQ(trace_id(bad), "") << bad;
  }
}

TEST(Trace, PassesTheTraceOnUnchangedAndRemembersItsId) {
  PolicyWorld world;
  PolicyCall& call = world.call({.fields = {{"traceparent", kParent}, {"tracestate", "a=b"}}});
  EXPECT_EQ(world.upstream().call(0).fields, "traceparent=" + kParent + ";tracestate=a=b;");
  EXPECT_EQ(call.facts().trace_id, kTrace);
}

TEST(Trace, AMalformedTraceparentIsNotPassedOnNorItsState) {
  PolicyWorld world;
  PolicyCall& call = world.call({.fields = {{"traceparent", "00-1-2-3"}, {"tracestate", "a=b"}}});
  EXPECT_EQ(world.upstream().call(0).fields, "");
  EXPECT_EQ(call.facts().trace_id, "");
}

TEST(Trace, TwoTraceparentsAreMalformed) {
  PolicyWorld world;
  world.call({.fields = {{"traceparent", kParent}, {"traceparent", kParent}}});
  EXPECT_EQ(world.upstream().call(0).fields, "");
}

TEST(Trace, LeavesTheTraceAloneWherePropagateIsOff) {
  PolicyWorld world;
  world.config.tracing.propagate = false;
  world.call({.fields = {{"traceparent", "00-1-2-3"}}});
  EXPECT_EQ(world.upstream().call(0).fields, "traceparent=00-1-2-3;");
}

TEST(Trace, TheRequestIdOfTheCallerIsKept) {
  PolicyWorld world;
  world.config.request_id.generate = true;
  PolicyCall& call = world.call({.fields = {{"X-Request-Id", "theirs"}}});
  EXPECT_EQ(world.upstream().call(0).fields, "X-Request-Id=theirs;");
  EXPECT_EQ(call.facts().request_id, "theirs");
}

TEST(Trace, ARequestIdIsMadeWhereThereIsNone) {
  PolicyWorld world;
  world.config.request_id = {"x-correlation", true};
  const std::string first(world.call().facts().request_id);
  const std::string second(world.call().facts().request_id);
  EXPECT_EQ(first.size(), 32U);
  EXPECT_EQ(first.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(first, second);
  EXPECT_EQ(world.upstream().call(0).fields, "x-correlation=" + first + ";");
}

TEST(Trace, NoRequestIdIsMadeUnlessAskedFor) {
  PolicyWorld world;
  EXPECT_EQ(world.call().facts().request_id, "");
  EXPECT_EQ(world.upstream().call(0).fields, "");
}

}  // namespace
}  // namespace outrigger::filters
