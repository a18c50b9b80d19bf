#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Files, ThatCannotBeReadSaySo) {
  EXPECT_THAT(texts(load_files({"/no/such"}, no_environment()).problems),
              ElementsAre("/no/such: cannot be read: No such file or directory"));
  EXPECT_THAT(texts(load_files({"/usr"}, no_environment()).problems),
              ElementsAre("/usr: cannot be read: it is a folder"));
}

TEST(EndpointFile, HoldsTheSameItemsAsStatic) {
  const EndpointList list =
      load_endpoints("e", "endpoints: [\"10.0.0.1:80\", {address: \"10.0.0.2:80\", weight: 3}]\n");
  EXPECT_THAT(texts(list.problems), IsEmpty());
  EXPECT_THAT(list.endpoints,
              ElementsAre(StaticEndpoint{"10.0.0.1:80", 1}, StaticEndpoint{"10.0.0.2:80", 3}));
  EXPECT_EQ(load_endpoints("e", "endpoints: [{address: \"10.0.0.1:80\", zone: a}]").endpoints,
            (std::vector<StaticEndpoint>{{"10.0.0.1:80", 1, "a"}}));
  EXPECT_THAT(texts(load_endpoints("e", "endpoints: [x]\n").problems),
              ElementsAre(HasSubstr("e:1:13: \"endpoints\" is \"x\", not IP:PORT")));
  EXPECT_THAT(texts(load_endpoints("e", "").problems),
              ElementsAre("e:1:1: no \"endpoints\"; write endpoints: [\"IP:PORT\"]"));
  EXPECT_THAT(texts(load_endpoints("e", "endpoints: []").problems), IsEmpty());
}

}  // namespace
}  // namespace outrigger::config::test
