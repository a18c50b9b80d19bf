#include "proxy/base/intrusive_list.hpp"

#include <gtest/gtest.h>

namespace outrigger {
namespace {

struct Other;
struct Item : ListNode<>, ListNode<Other> {
  explicit Item(int number) : value(number) {}
  int value;
};

std::string text(List<Item>& list) {
  std::string out;
  list.for_each([&](Item& item) { out += std::to_string(item.value); });
  return out;
}

TEST(List, KeepsTheOrderOfBothEnds) {
  List<Item> list;
  EXPECT_TRUE(list.empty());
  Item a(1), b(2), c(3);
  list.push_back(b);
  list.push_back(c);
  list.push_front(a);
  EXPECT_EQ(text(list), "123");
  EXPECT_EQ(list.front().value, 1);
  EXPECT_EQ(list.back().value, 3);
  EXPECT_EQ(list.pop_front().value, 1);
  EXPECT_EQ(text(list), "23");
}

TEST(List, ForgetsAnElementThatIsDestroyedOrUnlinked) {
  List<Item> list;
  Item a(1), c(3);
  list.push_back(a);
  {
    Item b(2);
    list.push_back(b);
    list.push_back(c);
  }
  EXPECT_EQ(text(list), "13");
  a.ListNode<>::unlink();
  a.ListNode<>::unlink();
  EXPECT_FALSE(a.ListNode<>::is_linked());
  EXPECT_EQ(text(list), "3");
}

TEST(List, LetsAnElementBeInSeveralLists) {
  List<Item> list;
  List<Item, Other> other;
  Item a(1);
  list.push_back(a);
  other.push_back(a);
  a.ListNode<>::unlink();
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(other.front().value, 1);
}

TEST(List, InsertsSortedAndKeepsEqualOnesInTheirOrder) {
  List<Item> list;
  Item a(20), b(10), c(21), d(11);
  for (Item* item : {&a, &b, &c, &d}) {
    list.insert_sorted(*item,
                       [](const Item& x, const Item& y) { return x.value / 10 < y.value / 10; });
  }
  EXPECT_EQ(text(list), "10112021");
}

TEST(List, TakesOverAnotherOneAndMayBeChangedWhileVisited) {
  Item a(1), b(2), c(3);
  List<Item> list;
  {
    List<Item> from;
    list.push_back(a);
    from.push_back(b);
    from.push_back(c);
    list.splice_back(from);
    EXPECT_TRUE(from.empty());
  }
  list.for_each([](Item& item) {
    if (item.value == 2) item.ListNode<>::unlink();
  });
  EXPECT_EQ(text(list), "13");
}

TEST(List, LeavesItsElementsUnlinkedWhenItDies) {
  Item a(1);
  {
    List<Item> list;
    list.push_back(a);
  }
  EXPECT_FALSE(a.ListNode<>::is_linked());
}

}  // namespace
}  // namespace outrigger
