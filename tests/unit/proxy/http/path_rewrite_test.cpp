#include "proxy/http/path_rewrite.hpp"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace outrigger::http {
namespace {

std::string rewritten(std::string_view from, std::string_view to, std::string_view target) {
  std::array<std::byte, 1024> memory;
  Arena arena(memory);
  return std::string(PathRewrite(from, to).apply(target, arena));
}

TEST(PathRewrite, PutsAnotherBeginningInItsPlace) {
  EXPECT_EQ(rewritten("/v2", "/", "/v2/orders/7"), "/orders/7");
  EXPECT_EQ(rewritten("/v2", "/api/v3", "/v2/orders"), "/api/v3/orders");
  EXPECT_EQ(rewritten("/v2", "/api", "/v2"), "/api");
  EXPECT_EQ(rewritten("/", "/api", "/orders"), "/api/orders");
  EXPECT_EQ(rewritten("/", "/api", "/"), "/api/");
}

TEST(PathRewrite, EndsWhereASegmentDoes) {
  for (const std::string_view target : {"/v20", "/v2x/y", "/v", "/x/v2/y", "/V2/x", "/"}) {
    EXPECT_EQ(rewritten("/v2", "/", target), target);
  }
}

TEST(PathRewrite, LeavesTheQueryAlone) {
  EXPECT_EQ(rewritten("/v2", "/", "/v2?to=/v2/x"), "/?to=/v2/x");
  EXPECT_EQ(rewritten("/v2", "/", "/v2/a//b?c//d?e"), "/a//b?c//d?e");
  EXPECT_EQ(rewritten("/v2", "/", "/x?p=/v2/x"), "/x?p=/v2/x");
}

TEST(PathRewrite, IsNeverEmptyAndMakesNoEmptySegment) {
  EXPECT_EQ(rewritten("/v2", "/", "/v2"), "/");
  EXPECT_EQ(rewritten("/v2", "/", "/v2/"), "/");
  EXPECT_EQ(rewritten("/v2/", "/", "/v2/x"), "/x");
  EXPECT_EQ(rewritten("/v2", "/api/", "/v2/x"), "/api/x");
  // "//evil" could be taken for a host.
  EXPECT_EQ(rewritten("/v2", "/", "/v2//evil"), "/evil");
  EXPECT_EQ(rewritten("/v2", "/api", "/v2///x"), "/api/x");
}

TEST(PathRewrite, NoOtherSpellingGoesAroundIt) {
  EXPECT_EQ(rewritten("/v2", "/", "/%76%32/x?y"), "/x?y");
  EXPECT_EQ(rewritten("/v2", "/", "/a/../v2/x"), "/x");
  EXPECT_EQ(rewritten("/v2", "/", "//v2/x"), "/x");
  EXPECT_EQ(rewritten("/v2", "/", "/v2%2Fx"), "/v2%2Fx");
  EXPECT_EQ(rewritten("/v2", "/", "/v2/%7Ex"), "/%7Ex");  // what follows stays as it was written
}

TEST(PathRewrite, ConcernsPathsAlone) {
  EXPECT_EQ(rewritten("/", "/api", "*"), "*");
  EXPECT_EQ(rewritten("/", "/api", "host:443"), "host:443");
}

}  // namespace
}  // namespace outrigger::http
