#include "proxy/app/explain.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outrigger::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string explained(std::string_view yaml, const Question& question) {
  const config::Loaded loaded = config::load_text("f", yaml, {});
  for (const config::Problem& problem : loaded.problems) {
    ADD_FAILURE() << config::to_string(problem);
  }
  const auto text = explain(loaded, question);
  EXPECT_TRUE(text) << text.error();
  return text ? *text : "";
}

constexpr std::string_view kFile = R"(services:
  orders:
    timeout: { request: 9s }
    routes:
      - { match: { accept: { type: a/b, version: 2 } }, to: orders-v2 }
      - name: canary
        to: { self: 90, orders-v2: 10 }
        sticky: { cookie: user }
        rewrite: { path_prefix: [/v2, /], host: v.example }
        retry: off
  orders-v2:
    timeout: { request: 2s }
    tls: on
)";

TEST(Explain, ShowsWhereTheCallsOfARouteGoAndWhichLineSaysSo) {
  const std::string text = explained(kFile, {"GET", "http://orders/v2/x", {}});
  for (const char* line :
       {"route      canary  (f:6)", "to orders 90 of 100  (f:7)", "to orders-v2 10 of 100  (f:7)",
        "sticky by the cookie user  (f:8)", "when the circuit of one is open, others get its calls",
        "sent with / in the place of /v2 and the host v.example  (f:9)"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  // Each service with its own policies, the route's over them.
  const size_t other = text.find("target     orders-v2  (f:11)");
  ASSERT_NE(other, std::string::npos);
  const std::string first = text.substr(text.find("target     orders  (f:2)"), other);
  const std::string second = text.substr(other);
  EXPECT_THAT(first, HasSubstr("\"request\":\"9s\""));
  EXPECT_THAT(second, HasSubstr("\"request\":\"2s\""));
  EXPECT_THAT(second, HasSubstr("(f:12)"));
  EXPECT_THAT(second, HasSubstr("retry \"off\"  (f:10)"));
  EXPECT_THAT(second, HasSubstr("for v.example"));
}

TEST(Explain, FindsTheRouteOfAVersion) {
  const Question question{"GET", "http://orders/x", {"Accept: a/b;version=2"}};
  const std::string text = explained(kFile, question);
  EXPECT_THAT(text, HasSubstr("route      one without a name"));
  EXPECT_THAT(text, HasSubstr("to orders-v2 100 of 100"));
  EXPECT_THAT(text, HasSubstr("for the address of the endpoint"));
  EXPECT_THAT(text, Not(HasSubstr("canary")));
}

}  // namespace
}  // namespace outrigger::app
