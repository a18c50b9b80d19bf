#include "proxy/base/buffer.hpp"

#include <gtest/gtest.h>

#include "proxy/base/random.hpp"

namespace outrigger {
namespace {

TEST(Buffer, IsAQueueOfBytes) {
  Buffer buffer;
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.view(), "");
  buffer.append("hello ");
  buffer.append("world");
  EXPECT_EQ(buffer.view(), "hello world");
  buffer.consume(6);
  EXPECT_EQ(buffer.view(), "world");
  EXPECT_EQ(buffer.size(), 5u);
  buffer.append("!");
  EXPECT_EQ(buffer.view(), "world!");
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
}

TEST(Buffer, HoldsNoMemoryWhenEmpty) {
  Buffer buffer;
  buffer.append(std::string(100'000, 'x'));
  EXPECT_NE(buffer.view().data(), nullptr);
  buffer.consume(100'000);
  EXPECT_EQ(buffer.view().data(), nullptr);
}

TEST(Buffer, GivesItsBytesAwayWhenMoved) {
  Buffer first;
  first.append("text");
  Buffer second(std::move(first));
  EXPECT_EQ(second.view(), "text");
  Buffer third;
  third = std::move(second);
  EXPECT_EQ(third.view(), "text");
}

TEST(Buffer, BehavesLikeAString) {
  Random random(1);
  Buffer buffer;
  std::string model;
  for (int i = 0; i < 5000; ++i) {
    if (random.chance(0.55)) {
      const std::string bytes(random.below(3000), static_cast<char>('a' + i % 26));
      buffer.append(bytes);
      model += bytes;
    } else {
      const size_t count = random.below(static_cast<uint32_t>(model.size()) + 1);
      buffer.consume(count);
      model.erase(0, count);
    }
    ASSERT_EQ(buffer.view(), model);
  }
}

}  // namespace
}  // namespace outrigger
