#include "proxy/http/cookie.hpp"

#include <array>

#include <gtest/gtest.h>

#include "proxy/base/arena.hpp"

namespace outrigger::http {
namespace {

std::optional<std::string_view> one(std::string_view line, std::string_view name) {
  static std::array<std::byte, 4096> memory;
  static Arena arena(memory);
  Fields fields;
  fields.add(arena, "cookie", line);
  return cookie(fields, name);
}

TEST(Cookie, IsFoundByItsWholeName) {
  EXPECT_EQ(one("a=1; user=ann; b=2", "user"), "ann");
  EXPECT_EQ(one("user=ann", "user"), "ann");
  EXPECT_EQ(one("xuser=bob; user=ann; user=carl", "user"), "ann");
  EXPECT_EQ(one("user=a=b", "user"), "a=b");
  EXPECT_EQ(one("user=\"ann\"", "user"), "\"ann\"");
  EXPECT_EQ(one("user=", "user"), "");
}

TEST(Cookie, IsNotFoundElsewhere) {
  for (const std::string_view line :
       {"", ";", "user", "User=ann", "users=ann", "a=user=ann", "="}) {
    EXPECT_EQ(one(line, "user"), std::nullopt) << line;
  }
}

TEST(Cookie, ComesInSeveralLines) {
  std::array<std::byte, 1024> memory;
  Arena arena(memory);
  Fields fields;
  fields.add(arena, "cookie", "a=1");
  fields.add(arena, "x-cookie", "user=bob");
  fields.add(arena, "cookie", "user=ann");
  EXPECT_EQ(cookie(fields, "user"), "ann");
}

}  // namespace
}  // namespace outrigger::http
