#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Interception, HasPortsNetworksAndAUser) {
  const Config config = good(
      "intercept: {user: 1337, include_ports: 80, exclude_ports: [25], ipv6: off,\n"
      "            exclude_cidrs: [10.0.0.0/8, \"fd00::/8\"]}\n");
  EXPECT_EQ(config.intercept.user, 1337);
  EXPECT_EQ(config.intercept.include_ports, std::vector<int>{80});
  EXPECT_EQ(config.intercept.exclude_ports, std::vector<int>{25});
  EXPECT_THAT(config.intercept.exclude_cidrs, ElementsAre("10.0.0.0/8", "fd00::/8"));
  EXPECT_EQ(config.intercept.ipv6, std::optional<bool>(false));
  EXPECT_EQ(good("intercept: {include_ports: all, ipv6: auto}").intercept, InterceptConfig{});
}

TEST(Interception, SaysWhatIsNotAValue) {
  constexpr std::string_view kNetwork =
      "not a network; write 10.0.0.0/8, 2001:db8::/32 or an address; no bits behind the prefix";
  for (const std::string wrong : {"10.0.0.1/8", "10.0.0.0/33", "orders", "10.0.0.1:80"}) {
    const std::string text = "intercept: {exclude_cidrs: [\"" + wrong + "\"]}";
    EXPECT_THAT(mistakes(text), ElementsAre(HasSubstr(kNetwork))) << text;
  }
  EXPECT_THAT(mistakes("intercept: {include_ports: []}"),
              ElementsAre("f:1:28: \"include_ports\" is empty"));
  EXPECT_THAT(mistakes("intercept: {include_ports: [0]}"),
              ElementsAre("f:1:29: \"include_ports\" is 0, outside 1 to 65535"));
  EXPECT_THAT(mistakes("intercept: {user: app}"),
              ElementsAre("f:1:19: \"user\" is \"app\", not a whole number"));
  EXPECT_THAT(mistakes("intercept: {ipv6: maybe}"),
              ElementsAre("f:1:19: \"ipv6\" is \"maybe\", not true or false"));
  EXPECT_THAT(mistakes("intercept: {tables: on}"),
              ElementsAre(HasSubstr("known here: user, include_ports, exclude_ports, "
                                    "exclude_cidrs, ipv6")));
}

}  // namespace
}  // namespace outrigger::config::test
