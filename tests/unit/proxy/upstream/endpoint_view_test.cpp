// Long lists are taken in slices, and none is ever in force in part.
#include "proxy/upstream/endpoint_view.hpp"

#include <set>

#include <gtest/gtest.h>

#include "tests/unit/proxy/upstream/balancer_fixture.hpp"

namespace outrigger::upstream {
namespace {

class EndpointViewTest : public BalancerTest {
 protected:
  EndpointView& view() { return balancer.view(); }
  // Endpoints from one index up to another of those that were added.
  std::shared_ptr<const EndpointSet> set_of(size_t from, size_t to) {
    while (entries.size() < to) add();
    auto set = std::make_shared<EndpointSet>();
    set->entries.assign(entries.begin() + static_cast<ptrdiff_t>(from),
                        entries.begin() + static_cast<ptrdiff_t>(to));
    group->publish(set);
    return set;
  }
  // One slice; whether a list came into force.
  bool slice(size_t endpoints) {
    size_t budget = endpoints;
    const bool is_in_force = view().advance(budget);
    return is_in_force;
  }
  std::set<const Endpoint*> in_force() {
    std::set<const Endpoint*> all;
    for (const WorkerEndpoint* slot : view().all()) all.insert(&slot->endpoint());
    return all;
  }
};

TEST_F(EndpointViewTest, TheListInForceStaysUntilAllOfTheNextOneIsThere) {
  take_list(balancer, set_of(0, 100));
  const auto before = in_force();
  view().begin(set_of(50, 1'050));
  for (int i = 0; i < 9; ++i) {
    EXPECT_FALSE(slice(100));
    EXPECT_EQ(in_force(), before);
    EXPECT_NE(pick().endpoint(), nullptr);
  }
  EXPECT_TRUE(slice(100));
  EXPECT_EQ(in_force().size(), 1'000U);
  EXPECT_TRUE(view().is_busy()) << "those that left are let go";
  EXPECT_FALSE(slice(60));
  EXPECT_FALSE(slice(60));
  EXPECT_FALSE(view().is_busy());
  EXPECT_EQ(view().take_gone().size(), 50U);
}

TEST_F(EndpointViewTest, CountsOfEndpointsThatStayAreKept) {
  take_list(balancer, set_of(0, 2));
  const Pick held = pick();
  take_list(balancer, set_of(0, 600));
  for (const WorkerEndpoint* slot : view().all()) {
    EXPECT_EQ(slot->in_flight(), &slot->endpoint() == held.endpoint() ? 1 : 0);
  }
}

TEST_F(EndpointViewTest, AListThatIsOvertakenLeavesNothingBehind) {
  take_list(balancer, set_of(0, 10));
  view().begin(set_of(5, 500));
  slice(100);
  view().begin(set_of(8, 300));
  slice(50);
  view().begin(set_of(0, 10));
  size_t budget = 10'000;
  while (view().is_busy()) view().advance(budget);
  EXPECT_EQ(in_force().size(), 10U);
  EXPECT_TRUE(view().take_gone().empty()) << "none of the others was ever in force";
  // Nobody holds those that were only on their way: the test does, and the list that it published.
  EXPECT_EQ(entries[200].endpoint.use_count(), 1);
}

TEST_F(EndpointViewTest, AListThatComesWhileTheOneBeforeIsLetGoIsTakenAfterThat) {
  take_list(balancer, set_of(0, 400));
  view().begin(set_of(400, 500));
  EXPECT_TRUE(slice(100));
  slice(50);
  view().begin(set_of(0, 400));
  size_t budget = 10'000;
  int lists = 0;
  while (view().is_busy()) lists += view().advance(budget) ? 1 : 0;
  EXPECT_EQ(lists, 1);
  EXPECT_EQ(in_force().size(), 400U);
  EXPECT_EQ(view().take_gone().size(), 500U) << "400 that left once and came back, and 100";
}

TEST_F(EndpointViewTest, AnEmptyListIsOne) {
  take_list(balancer, set_of(0, 3));
  gone = take_list(balancer, set_of(0, 0));
  EXPECT_EQ(gone.size(), 3U);
  EXPECT_TRUE(in_force().empty());
  EXPECT_EQ(pick().endpoint(), nullptr);
}

TEST_F(EndpointViewTest, EndsInTheMiddleOfAList) {
  auto mine = std::make_unique<Balancer>(BalancerSettings{});
  mine->view().begin(set_of(0, 500));
  size_t budget = 100;
  mine->view().advance(budget);
  mine.reset();
  EXPECT_EQ(entries[50].endpoint.use_count(), 2) << "the test and the published list";
}

// What a worker keeps of each endpoint, besides its connections: the slot, its place in the map of
// known ones, and in three lists with a running sum each.
static_assert(sizeof(WorkerEndpoint) + 64 + 3 * 2 * sizeof(void*) + sizeof(void*) <= 1'024);

}  // namespace
}  // namespace outrigger::upstream
