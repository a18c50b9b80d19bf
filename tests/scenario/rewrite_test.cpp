// What a route sends other than its caller wrote it.
#include <gtest/gtest.h>

#include "tests/support/split_town.hpp"

namespace outrigger::testing {
namespace {

TEST(Rewrite, ConcernsWhatIsSentAlone) {
  SplitTown town(
      orders_with("{match: {path: /v2/*}, rewrite: {path_prefix: [/v2, /], host: upstream}}"));
  Caller caller(town);
  EXPECT_EQ(caller.get("/v2/a//b?x=/v2").status(), 200);
  EXPECT_EQ(town.before.requests.back().target(), "/a//b?x=/v2");
  EXPECT_EQ(town.before.requests.back().field("host"), kOld);
  caller.get("/other");
  EXPECT_EQ(town.before.requests.back().target(), "/other");
  EXPECT_EQ(town.before.requests.back().field("host"), "orders");
  // In absolute form, as a caller writes it for us as its proxy.
  caller.get("http://orders/v2/a?b");
  EXPECT_EQ(town.before.requests.back().target(), "/a?b");
}

TEST(Rewrite, EachRetryIsRewrittenOnce) {
  SplitTown town(
      orders_with("{rewrite: {path_prefix: [/, /v2]}, retry: {attempts: 3, budget: 100%}}"));
  town.before.script = {answers(503), answers(503)};
  EXPECT_EQ(Caller(town).get("/v2/x").status(), 200);
  ASSERT_EQ(town.before.requests.size(), 3U);
  for (const auto& request : town.before.requests) EXPECT_EQ(request.target(), "/v2/v2/x");
}

// Who answers is not who was called; a route may say what is sent.
TEST(Rewrite, AnotherServiceIsSentItsOwnName) {
  const auto host = [](const std::string& route, const std::string& of_new = ", retry: off") {
    SplitTown town(orders_with(route, of_new));
    Caller(town).get();
    return town.after.requests.at(0).field("host");
  };
  EXPECT_EQ(host("{to: orders-v2}"), kNew);
  EXPECT_EQ(host("{to: orders-v2}", ", authority: caller"), "orders");
  EXPECT_EQ(host("{to: orders-v2, rewrite: {host: v2.example}}"), "v2.example");
  EXPECT_EQ(host("{to: {self: 0, orders-v2: 1}}"), kNew);
}

}  // namespace
}  // namespace outrigger::testing
