#include "proxy/chain/chain.hpp"

#include <gtest/gtest.h>

#include "tests/support/chain_terminal.hpp"

namespace outrigger::chain {
namespace {

class Sized final : public Filter {
 public:
  explicit Sized(const SlotType& slot, Wants wants = {}) : Filter(slot), x_wants(wants) {}
  std::string_view name() const override { return "sized"; }
  Wants wants() const override { return x_wants; }

 private:
  const Wants x_wants;
};

TEST(Chain, IsCutAfterEachFilterThatOpensLegs) {
  outrigger::testing::FakeTerminal terminal;
  Sized plain({});
  Sized opener({}, {.opens_legs = true});
  const Chain chain({&plain, &opener, &plain, &plain, &opener}, terminal);
  EXPECT_EQ(chain.segment_end(0), 2U);
  EXPECT_EQ(chain.segment_end(2), 5U);
  // Behind the last opener comes a leg without frames.
  EXPECT_EQ(chain.segment_end(5), 5U);
  EXPECT_EQ(chain.segment_bytes(5), 0U);
}

TEST(Chain, GivesEachSlotAnAlignedPlaceOfItsOwn) {
  outrigger::testing::FakeTerminal terminal;
  Sized empty({});
  Sized word({.size = 8, .alignment = 8});
  const Chain chain({&empty, &empty, &word, &empty, &word}, terminal);
  EXPECT_EQ(chain.frame(0).offset, 0U);
  EXPECT_EQ(chain.frame(1).offset, 1U);
  EXPECT_EQ(chain.frame(2).offset, 8U);
  EXPECT_EQ(chain.frame(3).offset, 16U);
  EXPECT_EQ(chain.frame(4).offset, 24U);
  EXPECT_EQ(chain.segment_bytes(0), 32U);
}

TEST(Chain, KnowsWhichFramesHaveAHook) {
  outrigger::testing::FakeTerminal terminal;
  Sized plain({});
  Sized chunks({}, {.request_chunks = true, .response_end = true});
  const Chain chain({&plain, &chunks, &plain, &chunks}, terminal);
  EXPECT_EQ(chain.request_chunks(), 0b1010U);
  EXPECT_EQ(chain.response_end(), 0b1010U);
  EXPECT_EQ(chain.response_chunks(), 0U);
  EXPECT_EQ(chain.request_end(), 0U);
}

}  // namespace
}  // namespace outrigger::chain
