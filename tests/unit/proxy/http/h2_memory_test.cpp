#include "proxy/http/h2_memory.hpp"

#include <array>
#include <cstdint>
#include <cstring>

#include <gtest/gtest.h>

namespace outrigger::http {
namespace {

constexpr std::array<size_t, 9> kSizes = {0, 1, 31, 32, 33, 4096, 16'384, 16'385, 100'000};

TEST(H2Memory, GivesBlocksOfAnySizeAgainAndAgain) {
  nghttp2_mem* const memory = h2_memory();
  for (int round = 0; round < 3; ++round) {
    std::array<void*, kSizes.size()> blocks;
    for (size_t i = 0; i < kSizes.size(); ++i) {
      blocks[i] = memory->malloc(kSizes[i], memory->mem_user_data);
      ASSERT_NE(blocks[i], nullptr);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(blocks[i]) % alignof(std::max_align_t), 0U);
      std::memset(blocks[i], static_cast<int>(i), kSizes[i]);
    }
    for (size_t i = 0; i < kSizes.size(); ++i) {
      const auto* const bytes = static_cast<const unsigned char*>(blocks[i]);
      for (size_t at = 0; at < kSizes[i]; ++at) ASSERT_EQ(bytes[at], i);
      memory->free(blocks[i], memory->mem_user_data);
    }
  }
  memory->free(nullptr, memory->mem_user_data);
}

TEST(H2Memory, KeepsWhatABlockHoldsWhenItGrows) {
  nghttp2_mem* const memory = h2_memory();
  auto* text = static_cast<char*>(memory->realloc(nullptr, 6, memory->mem_user_data));
  std::memcpy(text, "hello", 6);
  for (const size_t bytes : {100U, 5000U, 40'000U, 50U}) {
    text = static_cast<char*>(memory->realloc(text, bytes, memory->mem_user_data));
    ASSERT_NE(text, nullptr);
    EXPECT_STREQ(text, "hello");
  }
  memory->free(text, memory->mem_user_data);
}

TEST(H2Memory, ClearsWhatIsAskedToBeZero) {
  nghttp2_mem* const memory = h2_memory();
  void* const used = memory->malloc(256, memory->mem_user_data);
  std::memset(used, 0xff, 256);
  memory->free(used, memory->mem_user_data);
  auto* const clear = static_cast<unsigned char*>(memory->calloc(16, 16, memory->mem_user_data));
  for (size_t i = 0; i < 256; ++i) ASSERT_EQ(clear[i], 0);
  memory->free(clear, memory->mem_user_data);
}

}  // namespace
}  // namespace outrigger::http
