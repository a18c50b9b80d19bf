#include "proxy/discovery/kept_lists.hpp"

#include <gtest/gtest.h>

#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

TEST(KeptLists, ComeBackWithTheirAges) {
  VirtualWorld before;
  before.loop.advance_ms(100'000);
  Memory memory;
  memory["consul a"] = {{{.address = *Address::parse("10.0.0.1:80"), .weight = 3, .zone = "a"},
                         {.address = *Address::parse("[2001:db8::1]:81"), .terminating = true}},
                        before.now_ms() - 5'000};
  memory["dns b"] = {{}, before.now_ms()};
  const std::string text = to_text(memory, before.loop.context().clock);

  const auto back = memory_from(text, before.loop.context().clock);
  ASSERT_TRUE(back) << back.error();
  ASSERT_EQ(back->size(), 2U);
  const Known& known = back->at("consul a");
  EXPECT_EQ(known.list, memory["consul a"].list);
  EXPECT_EQ(known.at_ms, before.now_ms() - 5'000);
  EXPECT_TRUE(known.from_disk);
}

TEST(KeptLists, WhatIsNotOursIsRefusedAsAWhole) {
  VirtualWorld world;
  const Clock& clock = world.loop.context().clock;
  for (const char* text : {"", "[1]", "{\"a\": 1}", "{\"a\": {\"at_ms\": 1}}",
                           "{\"a\": {\"at_ms\": 1, \"list\": [{\"address\": \"nowhere\"}]}}",
                           "{\"a\": {\"at_ms\": \"x\", \"list\": []}}"}) {
    EXPECT_FALSE(memory_from(text, clock)) << text;
  }
}

}  // namespace
}  // namespace outrigger::discovery
