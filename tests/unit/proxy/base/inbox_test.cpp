#include "proxy/base/inbox.hpp"

#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger {
namespace {

struct Note final : Letter {
  explicit Note(std::vector<int>& to, int number_of_it) : order(to), number(number_of_it) {}
  void on_delivered() override { order.push_back(number); }
  void on_dropped() noexcept override { order.push_back(-number); }

  std::vector<int>& order;
  int number;
};

void count_wake(void* count) { ++*static_cast<int*>(count); }

void deliver(Inbox& inbox) {
  inbox.open_round();
  while (inbox.deliver_next()) {
  }
}

TEST(Inbox, DeliversInTheOrderOfTheSending) {
  int wakes = 0;
  Inbox inbox(count_wake, &wakes);
  std::vector<int> order;
  Note one(order, 1), two(order, 2), three(order, 3);
  inbox.send(one);
  inbox.send(two);
  inbox.send(three);
  EXPECT_EQ(wakes, 1) << "only the first one finds it empty";
  deliver(inbox);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  inbox.send(two);
  EXPECT_EQ(wakes, 2);
  deliver(inbox);
  EXPECT_EQ(order.back(), 2);
}

TEST(Inbox, WhatALetterSendsWaitsForTheNextRound) {
  Inbox inbox([](void*) {}, nullptr);
  int rounds = 0;
  std::function<void()> again = [&] {
    ++rounds;
    inbox.post(again);
  };
  inbox.post(again);
  deliver(inbox);
  EXPECT_EQ(rounds, 1);
  deliver(inbox);
  EXPECT_EQ(rounds, 2);
}

TEST(Inbox, ATaskOwnsWhatItNamesUntilItIsDroppedToo) {
  auto owned = std::make_shared<int>(1);
  const std::weak_ptr<int> seen = owned;
  {
    Inbox inbox([](void*) {}, nullptr);
    inbox.post([kept = std::move(owned)] {});
    EXPECT_FALSE(seen.expired());
  }
  EXPECT_TRUE(seen.expired());
}

TEST(Inbox, SaysWhatItDropsAlsoWhatADropSends) {
  std::vector<int> order;
  Note one(order, 1), two(order, 2);
  {
    Inbox inbox([](void*) {}, nullptr);
    inbox.send(one);
    std::shared_ptr<void> sends_as_it_goes(nullptr, [&](void*) { inbox.send(two); });
    inbox.post([last = std::move(sends_as_it_goes)] {});
    inbox.drop_all();
  }
  EXPECT_EQ(order, (std::vector<int>{-1, -2}));
}

TEST(InboxThreads, LosesNoneAndKeepsTheOrderOfEachSender) {
  constexpr int kSenders = 4;
  constexpr int kLetters = 20'000;
  Inbox inbox([](void*) {}, nullptr);
  std::vector<int> last(kSenders, -1);
  bool in_order = true;
  int arrived = 0;
  std::vector<std::thread> senders;
  for (int sender = 0; sender < kSenders; ++sender) {
    senders.emplace_back([&, sender] {
      for (int i = 0; i < kLetters; ++i) {
        inbox.post([&, sender, i] {
          in_order = in_order && last[static_cast<size_t>(sender)] == i - 1;
          last[static_cast<size_t>(sender)] = i;
          ++arrived;
        });
      }
    });
  }
  while (arrived < kSenders * kLetters) deliver(inbox);
  for (auto& sender : senders) sender.join();
  EXPECT_TRUE(in_order);
}

}  // namespace
}  // namespace outrigger
