#include "filters/headers.hpp"

#include <gtest/gtest.h>

#include "tests/support/policy_world.hpp"

namespace outrigger::filters {
namespace {

using config::HeaderValue;
using config::Policy;
using outrigger::testing::PolicyCall;
using outrigger::testing::PolicyWorld;
using outrigger::testing::Script;

HeaderValue value(const std::string& name, const std::string& text) { return {name, text, {}, {}}; }

std::optional<std::string> from_file(const std::string& text, const std::string& prefix = "") {
  return header_value({"x", {}, "file", prefix, std::make_shared<const std::string>(text)});
}

TEST(Headers, SetsAddsAndRemovesFieldsOfTheRequest) {
  Policy policy;
  policy.headers.request = {{value("x-set", "new")}, {value("x-add", "more")}, {"x-gone"}};
  PolicyWorld world(policy);
  world.call(
      {.fields = {{"X-Set", "old"}, {"x-add", "some"}, {"X-Gone", "1"}, {"x-set", "older"}}});
  EXPECT_EQ(world.upstream().call(0).fields, "X-Set=new;x-add=some;x-add=more;");
}

TEST(Headers, SetsAddsAndRemovesFieldsOfTheResponse) {
  Policy policy;
  policy.headers.response = {{value("x-set", "new")}, {value("x-add", "more")}, {"server"}};
  PolicyWorld world(policy);
  world.script({Script::ok().with("Server", "secret 1.0").with("X-Set", "old")});
  PolicyCall& call = world.call();
  EXPECT_EQ(call.sink.field("x-set") + call.sink.field("X-Set"), "new");
  EXPECT_EQ(call.sink.field("x-add"), "more");
  EXPECT_EQ(call.sink.field("Server"), "");
}

TEST(Headers, RemovesBeforeItSets) {
  Policy policy;
  policy.headers.request = {{value("x-user", "us")}, {}, {"x-user"}};
  PolicyWorld world(policy);
  world.call({.fields = {{"x-user", "them"}}});
  EXPECT_EQ(world.upstream().call(0).fields, "x-user=us;");
}

TEST(Headers, AreOnEveryAttempt) {
  Policy policy;
  policy.headers.request = {{}, {value("x-add", "1")}, {}};
  policy.retry->attempts = 2;
  policy.retry->backoff = {0, 0};
  PolicyWorld world(policy);
  world.script({Script::failing(), Script::ok()});
  world.call();
  EXPECT_EQ(world.upstream().call(0).fields, "x-add=1;");
  EXPECT_EQ(world.upstream().call(1).fields, "x-add=1;");
}

TEST(Headers, AnAlternateServiceHasItsOwn) {
  Policy policy;
  policy.headers.request = {{}, {value("x-ours", "1")}, {}};
  config::Fallback other;
  other.action = config::FallbackService{"other", {}};
  policy.fallback = {other};
  Policy theirs;
  theirs.headers.request = {{}, {value("x-theirs", "1")}, {}};
  PolicyWorld world(policy);
  auto& alternate = world.add_service("other", theirs);
  world.script({Script::failing()});
  world.call();
  EXPECT_EQ(world.upstream().call(0).fields, "x-ours=1;");
  EXPECT_EQ(alternate.terminal.call(0).fields, "x-ours=1;x-theirs=1;");
}

TEST(Headers, AValueMayBeAPrefixAndTheContentOfAFileWithoutItsNewline) {
  EXPECT_EQ(from_file("s3cret\n", "Bearer "), "Bearer s3cret");
  EXPECT_EQ(from_file("s3cret\r\n"), "s3cret");
  EXPECT_EQ(from_file("s3cret"), "s3cret");
  EXPECT_EQ(from_file(""), "");
}

TEST(Headers, AFileThatWouldEndTheFieldEarlyGivesNone) {
  EXPECT_EQ(from_file("a\r\nx-injected: 1\n"), std::nullopt);
  EXPECT_EQ(from_file("a\nb"), std::nullopt);
  EXPECT_EQ(from_file(std::string("a\0b", 3)), std::nullopt);
}

TEST(Headers, AFileThatWasNotReadGivesNone) {
  EXPECT_EQ(header_value({"x", {}, "/nowhere/at/all", "Bearer "}), std::nullopt);
  Policy policy;
  policy.headers.request = {{{"authorization", {}, "/nowhere/at/all", "Bearer "}}, {}, {}};
  PolicyWorld world(policy);
  world.call();
  EXPECT_EQ(world.upstream().call(0).fields, "");
}

}  // namespace
}  // namespace outrigger::filters
