#include "proxy/http/authority.hpp"

#include <gtest/gtest.h>

namespace outrigger::http {
namespace {

TEST(Authority, SplitsHostAndPort) {
  const auto plain = split_authority("Orders.svc:8080");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->host, "Orders.svc");
  EXPECT_EQ(plain->port, 8080);
  EXPECT_TRUE(plain->has_port);
  const auto bare = split_authority("a");
  ASSERT_TRUE(bare);
  EXPECT_FALSE(bare->has_port);
  const auto six = split_authority("[2001:db8::1]:1");
  ASSERT_TRUE(six);
  EXPECT_EQ(six->host, "2001:db8::1");
  EXPECT_TRUE(six->ipv6);
  EXPECT_TRUE(split_authority("[::ffff:10.0.0.1]"));
}

TEST(Authority, TakesAnEmptyPortForNone) {
  for (const auto* text : {"a:", "[::1]:"}) {
    const auto found = split_authority(text);
    ASSERT_TRUE(found) << text;
    EXPECT_FALSE(found->has_port);
    EXPECT_EQ(found->port, 0);
  }
}

TEST(Authority, RefusesWhatIsNone) {
  using namespace std::string_view_literals;
  for (const auto text :
       {""sv,      ":1"sv,     ":"sv,       "a:x"sv,       "a:65536"sv, "a:000080"sv,
        "a:1:2"sv, "u@a"sv,    "a b"sv,     "a,b"sv,       "a%2e"sv,    "[::1"sv,
        "[]"sv,    "[::1]1"sv, "[::1]:x"sv, "[1.2.3.4]"sv, "[v1.x]"sv,  "[::1\0]"sv,
        "a\0"sv,   "a/"sv,     "::"sv,      "\xC3\xA4"sv}) {
    EXPECT_FALSE(is_authority(text)) << text;
  }
  EXPECT_FALSE(is_authority(std::string(256, 'a')));
}

TEST(Authority, ComparesHostsWithoutRegardToCase) {
  EXPECT_TRUE(same_host("Orders.SVC", "orders.svc"));
  EXPECT_FALSE(same_host("orders", "order"));
  EXPECT_FALSE(same_host("a^", "a~"));
  EXPECT_EQ(without_final_dot("orders.svc."), "orders.svc");
  EXPECT_EQ(without_final_dot("orders.svc"), "orders.svc");
  EXPECT_EQ(without_final_dot("."), ".");
}

}  // namespace
}  // namespace outrigger::http
