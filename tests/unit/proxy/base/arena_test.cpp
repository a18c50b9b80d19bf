#include "proxy/base/arena.hpp"

#include <array>

#include <gtest/gtest.h>

namespace outrigger {
namespace {

TEST(Arena, UsesItsFirstBlockBeforeTheHeap) {
  alignas(16) std::array<std::byte, 256> first;
  Arena arena(first);
  const auto* const at = static_cast<std::byte*>(arena.allocate(100));
  EXPECT_GE(at, first.data());
  EXPECT_LE(at + 100, first.data() + first.size());
  EXPECT_EQ(arena.heap_bytes(), 0u);
  arena.allocate(200);
  EXPECT_GE(arena.heap_bytes(), 200u);
}

TEST(Arena, KeepsAlignment) {
  Arena arena({});
  for (size_t alignment : {1, 2, 8, 16, 64}) {
    arena.allocate(1, 1);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(arena.allocate(10, alignment)) % alignment, 0u);
  }
}

TEST(Arena, GivesWhatIsLargerThanABlock) {
  Arena arena({});
  char* const large = arena.array<char>(1 << 20);
  std::memset(large, 'x', 1 << 20);
  const std::string_view after = arena.copy("after");
  EXPECT_EQ(large[(1 << 20) - 1], 'x');
  EXPECT_EQ(after, "after");
}

TEST(Arena, CopiesTextThatOutlivesItsSource) {
  alignas(16) std::array<std::byte, 32> first;
  Arena arena(first);
  std::string source = "a text that is longer than the first block of the arena";
  const std::string_view kept = arena.copy(source);
  const std::string_view joined = arena.concat({"a", "", source, "z"});
  const std::string expected = source;
  source.assign(source.size(), '#');
  EXPECT_EQ(kept, expected);
  EXPECT_EQ(joined, "a" + expected + "z");
  EXPECT_EQ(arena.copy(""), "");
  EXPECT_EQ(arena.concat({}), "");
}

TEST(Arena, MakesObjects) {
  struct Point {
    Point(int across, int up) : x(across), y(up) {}
    int x;
    int y;
  };
  Arena arena({});
  const Point* const point = arena.make<Point>(3, 4);
  EXPECT_EQ(point->x + point->y, 7);
}

}  // namespace
}  // namespace outrigger
