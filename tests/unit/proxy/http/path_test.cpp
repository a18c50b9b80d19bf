#include "proxy/http/path.hpp"

#include <array>

#include <gtest/gtest.h>

namespace outrigger::http {
namespace {

std::string canonical(std::string_view path) {
  Arena arena({});
  return std::string(canonical_path(path, arena));
}

TEST(Path, Case55HasOneFormForEverySpelling) {
  constexpr std::array<std::array<std::string_view, 2>, 31> kForms = {{
      {"/", "/"},
      {"*", "*"},
      {"/a/b", "/a/b"},
      {"/a/", "/a/"},
      {"/a/../b", "/b"},
      {"/a/%2e%2e/b", "/b"},
      {"/a/%2E./b", "/b"},
      {"/a/./b", "/a/b"},
      {"/a/.", "/a/"},
      {"/a/..", "/"},
      {"/a/b/..", "/a/"},
      {"/..", "/"},
      {"/../../a", "/a"},
      {"/.", "/"},
      {"//", "/"},
      {"//a//b///c", "/a/b/c"},
      {"/a//../b", "/b"},
      {"/a//", "/a/"},
      {"/%61%2d%7e", "/a-~"},
      {"/a%2fb", "/a%2Fb"},
      {"/a%2Fb", "/a%2Fb"},
      {"/a%2f..%2fb", "/a%2F..%2Fb"},
      {"/a;p=1/b;q", "/a;p=1/b;q"},
      {"/a/..;/b", "/a/..;/b"},
      {"/%c0%af", "/%C0%AF"},
      {"/%252e%252e/a", "/%252e%252e/a"},
      {"/%zz%4", "/%25zz%254"},
      {"/.well-known/x", "/.well-known/x"},
      {"/...", "/..."},
      {"/%6%31", "/%2561"},
      {"/a%20b", "/a%20b"},
  }};
  for (const auto& [path, form] : kForms) {
    EXPECT_EQ(canonical(path), form) << path;
    EXPECT_EQ(canonical(form), form) << "canonical again: " << form;
  }
}

TEST(Path, ReturnsACanonicalPathWithoutACopy) {
  Arena arena({});
  const std::string_view path = "/api/v1/items";
  EXPECT_EQ(canonical_path(path, arena).data(), path.data());
  EXPECT_EQ(arena.heap_bytes(), 0U);
}

TEST(Path, Case55SeesAnEncodedNul) {
  EXPECT_TRUE(has_encoded_nul("/a%00"));
  EXPECT_TRUE(has_encoded_nul("/%20%00b"));
  EXPECT_FALSE(has_encoded_nul("/%2000"));
  EXPECT_FALSE(has_encoded_nul("/%0"));
  EXPECT_FALSE(has_encoded_nul("/00"));
}

}  // namespace
}  // namespace outrigger::http
