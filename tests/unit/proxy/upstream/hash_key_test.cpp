#include "proxy/upstream/hash_key.hpp"

#include <gtest/gtest.h>

#include "proxy/base/arena.hpp"

namespace outrigger::upstream {
namespace {

class CookieTest : public testing::Test {
 protected:
  std::string_view value(const std::vector<std::string_view>& cookies,
                         std::string_view name = "s") {
    http::Fields fields;
    for (const std::string_view each : cookies) fields.add(arena, "cookie", each);
    return cookie_value(fields, name);
  }

  Arena arena{{}};
};

TEST_F(CookieTest, IsFoundAmongOthers) {
  EXPECT_EQ(value({"s=abc"}), "abc");
  EXPECT_EQ(value({"a=1; s=abc; b=2"}), "abc");
  EXPECT_EQ(value({"a=1;s=abc"}), "abc");
  EXPECT_EQ(value({"a=1", "s=abc"}), "abc");
  EXPECT_EQ(value({"s=a=b=="}), "a=b==");
  EXPECT_EQ(value({"s=\"abc\""}), "abc");
  EXPECT_EQ(value({"s=abc; s=def"}), "abc");
}

TEST_F(CookieTest, IsNotWhatOnlyLooksLikeIt) {
  for (const std::string_view other :
       {"", "s", "s=", "=s", ";;; ;", "xs=abc", "S=abc", "a=s=abc", "s =abc", "s=\"\"", "   "}) {
    EXPECT_EQ(value({other}), "") << other;
  }
}

}  // namespace
}  // namespace outrigger::upstream
