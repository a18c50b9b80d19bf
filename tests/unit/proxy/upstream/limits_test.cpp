#include "proxy/upstream/limits.hpp"

#include <array>
#include <atomic>
#include <cstdlib>
#include <deque>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger::upstream {
namespace {

config::Limits limits(std::optional<int64_t> outstanding, int64_t queue = 0) {
  config::Limits settings;
  settings.outstanding = outstanding;
  settings.queue = queue;
  return settings;
}

// A waiter that keeps the permit it is given, and says in which order it was.
struct Waiting : PermitWaiter {
  explicit Waiting(std::vector<int>* order = nullptr, int number = 0)
      : PermitWaiter(&Waiting::on_permit), x_order(order), x_number(number) {}
  static void on_permit(PermitWaiter& waiter, Permit granted) noexcept {
    auto& self = static_cast<Waiting&>(waiter);
    self.permit = std::move(granted);
    if (self.x_order) self.x_order->push_back(self.x_number);
  }
  Permit permit;

 private:
  std::vector<int>* x_order;
  int x_number;
};

// Keeps what is posted until the test delivers it.
struct HeldPost final : PermitPost {
  std::deque<unsigned> posted;
  std::deque<Letter*> letters;
  void post_permits(unsigned worker, Letter& permits) noexcept override {
    posted.push_back(worker);
    letters.push_back(&permits);
  }
  void deliver() {
    while (!letters.empty()) {
      Letter* const letter = letters.front();
      letters.pop_front();
      posted.pop_front();
      letter->on_delivered();
    }
  }
};

void wait(OutstandingLimit& limit, unsigned worker, Waiting& waiter) {
  Permit permit;
  ASSERT_EQ(limit.queue(worker).wait(waiter, permit), PermitQueue::Wait::kWaiting);
}

TEST(OutstandingLimit, TheCallAfterTheLastOneFailsAtOnce) {
  OutstandingLimit limit(limits(3), 1, nullptr);
  std::vector<Permit> held;
  for (int i = 0; i < 3; ++i) {
    held.push_back(limit.queue(0).try_acquire());
    EXPECT_TRUE(held.back().holds());
  }
  EXPECT_FALSE(limit.queue(0).try_acquire().holds());
  EXPECT_EQ(limit.outstanding(), 3);
  held.pop_back();
  EXPECT_TRUE(limit.queue(0).try_acquire().holds());
}

TEST(OutstandingLimit, APermitIsReturnedWhenItsOwnerGoes) {
  OutstandingLimit limit(limits(1), 1, nullptr);
  {
    Permit permit = limit.queue(0).try_acquire();
    Permit moved = std::move(permit);
    EXPECT_FALSE(permit.holds());
    EXPECT_EQ(limit.outstanding(), 1);
  }
  EXPECT_EQ(limit.outstanding(), 0);
}

TEST(OutstandingLimit, OffOnlyCounts) {
  OutstandingLimit limit(limits(std::nullopt), 1, nullptr);
  std::vector<Permit> held;
  for (int i = 0; i < 5'000; ++i) held.push_back(limit.queue(0).try_acquire());
  EXPECT_EQ(limit.outstanding(), 5'000);
  EXPECT_EQ(limit.limit(), OutstandingLimit::kNoLimit);
}

TEST(OutstandingLimit, ShadowRefusesNothingAndCountsWhatItWouldHave) {
  config::Limits settings = limits(1);
  settings.mode = config::Mode::kShadow;
  OutstandingLimit limit(settings, 1, nullptr);
  std::vector<Permit> held;
  for (int i = 0; i < 4; ++i) held.push_back(limit.queue(0).try_acquire());
  EXPECT_TRUE(held.back().holds());
  EXPECT_EQ(limit.outstanding(), 4);
  EXPECT_EQ(limit.would_refuse(), 3U);
  held.clear();
  EXPECT_EQ(limit.outstanding(), 0);
}

TEST(OutstandingLimit, ALowerLimitEndsNoCallButAdmitsNoneUntilItIsKept) {
  OutstandingLimit limit(limits(4, 10), 1, nullptr);
  std::vector<Permit> held;
  for (int i = 0; i < 4; ++i) held.push_back(limit.queue(0).try_acquire());
  Waiting waiter;
  wait(limit, 0, waiter);
  limit.set_limits(limits(2, 10));
  held.pop_back();
  held.pop_back();
  EXPECT_FALSE(waiter.permit.holds());
  EXPECT_EQ(limit.outstanding(), 2);
  held.pop_back();
  EXPECT_TRUE(waiter.permit.holds());
  EXPECT_EQ(limit.outstanding(), 2);
}

TEST(OutstandingLimit, AHigherLimitLetsWaitersGo) {
  HeldPost post;
  OutstandingLimit limit(limits(1, 10), 2, &post);
  const Permit held = limit.queue(0).try_acquire();
  Waiting first;
  Waiting second;
  wait(limit, 0, first);
  wait(limit, 1, second);
  limit.set_limits(limits(3, 10));
  post.deliver();
  EXPECT_TRUE(first.permit.holds());
  EXPECT_TRUE(second.permit.holds());
  EXPECT_EQ(limit.outstanding(), 3);
}

TEST(PermitQueue, IsOffByDefault) {
  OutstandingLimit limit(config::Limits{}, 1, nullptr);
  Waiting waiter;
  Permit permit;
  EXPECT_EQ(limit.queue(0).wait(waiter, permit), PermitQueue::Wait::kFull);
}

TEST(PermitQueue, GivesAReleasedPermitToTheOldestWaiter) {
  OutstandingLimit limit(limits(1, 10), 1, nullptr);
  Permit held = limit.queue(0).try_acquire();
  std::vector<int> order;
  Waiting first(&order, 1);
  Waiting second(&order, 2);
  wait(limit, 0, first);
  wait(limit, 0, second);
  EXPECT_EQ(limit.queued(), 2);
  held.release();
  EXPECT_EQ(order, std::vector<int>{1});
  EXPECT_EQ(limit.outstanding(), 1);
  first.permit.release();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_EQ(limit.queued(), 0);
}

TEST(PermitQueue, IsBoundedOverAllWorkers) {
  HeldPost post;
  OutstandingLimit limit(limits(1, 2), 2, &post);
  const Permit held = limit.queue(0).try_acquire();
  Waiting first;
  Waiting second;
  Waiting third;
  Permit permit;
  wait(limit, 0, first);
  wait(limit, 1, second);
  EXPECT_EQ(limit.queue(1).wait(third, permit), PermitQueue::Wait::kFull);
  first.cancel();
  EXPECT_EQ(limit.queue(1).wait(third, permit), PermitQueue::Wait::kWaiting);
}

TEST(PermitQueue, ANewCallDoesNotOvertakeWaitersOfItsWorker) {
  OutstandingLimit limit(limits(1, 10), 1, nullptr);
  Permit held = limit.queue(0).try_acquire();
  Waiting waiter;
  wait(limit, 0, waiter);
  limit.set_limits(limits(2, 10));
  EXPECT_FALSE(limit.queue(0).try_acquire().holds());
  held.release();
  EXPECT_TRUE(waiter.permit.holds());
}

TEST(PermitQueue, AWaiterThatGoesLeavesTheQueue) {
  OutstandingLimit limit(limits(1, 10), 1, nullptr);
  Permit held = limit.queue(0).try_acquire();
  {
    Waiting waiter;
    wait(limit, 0, waiter);
  }
  EXPECT_EQ(limit.queued(), 0);
  held.release();
  EXPECT_EQ(limit.outstanding(), 0);
}

TEST(PermitQueue, GrantsAtOnceWhatCameFreeInTheMeantime) {
  OutstandingLimit limit(limits(1, 10), 1, nullptr);
  Waiting waiter;
  Permit permit;
  EXPECT_EQ(limit.queue(0).wait(waiter, permit), PermitQueue::Wait::kGranted);
  EXPECT_TRUE(permit.holds());
  EXPECT_FALSE(waiter.is_waiting());
}

TEST(PermitQueue, PostsThePermitToAWorkerThatHasWaiters) {
  HeldPost post;
  OutstandingLimit limit(limits(1, 10), 3, &post);
  Permit held = limit.queue(0).try_acquire();
  Waiting waiter;
  wait(limit, 2, waiter);
  held.release();
  EXPECT_EQ(post.posted, std::deque<unsigned>{2});
  EXPECT_EQ(limit.outstanding(), 1);  // nobody can take it on the way
  post.deliver();
  EXPECT_TRUE(waiter.permit.holds());
}

TEST(PermitQueue, APermitThatArrivesAtAnEmptyQueueIsReleased) {
  HeldPost post;
  OutstandingLimit limit(limits(1, 10), 2, &post);
  Permit held = limit.queue(0).try_acquire();
  Waiting waiter;
  wait(limit, 1, waiter);
  held.release();
  waiter.cancel();
  post.deliver();
  EXPECT_EQ(limit.outstanding(), 0);
}

TEST(PermitQueue, APermitThatArrivesTooLateGoesOnToAnotherWorker) {
  HeldPost post;
  OutstandingLimit limit(limits(1, 10), 3, &post);
  Permit held = limit.queue(0).try_acquire();
  Waiting gone;
  Waiting stays;
  wait(limit, 1, gone);
  held.release();
  gone.cancel();
  wait(limit, 2, stays);
  post.deliver();
  EXPECT_TRUE(stays.permit.holds());
}

TEST(PermitQueue, APermitOnItsWayKeepsTheOwnerOfItsLimit) {
  HeldPost post;
  auto limit = std::make_shared<OutstandingLimit>(limits(1, 10), 2, &post);
  limit->set_owner(limit);
  const std::weak_ptr<OutstandingLimit> seen = limit;
  {
    Permit held = limit->queue(0).try_acquire();
    Waiting waiter;
    wait(*limit, 1, waiter);
    held.release();
  }
  limit.reset();
  EXPECT_FALSE(seen.expired());
  post.deliver();
  EXPECT_TRUE(seen.expired());
}

TEST(PermitQueue, PermitsThatCrossTogetherTravelInOneLetter) {
  HeldPost post;
  OutstandingLimit limit(limits(2, 10), 2, &post);
  Permit first = limit.queue(0).try_acquire();
  Permit second = limit.queue(0).try_acquire();
  Waiting one, two;
  wait(limit, 1, one);
  wait(limit, 1, two);
  first.release();
  second.release();
  EXPECT_EQ(post.posted.size(), 1u);
  EXPECT_EQ(limit.outstanding(), 2);
  post.deliver();
  EXPECT_TRUE(one.permit.holds() && two.permit.holds());
}

TEST(OutstandingLimitThreads, IsExactAndNeverExceeded) {
  constexpr int64_t kLimit = 3;
  HeldPost post;
  OutstandingLimit limit(limits(kLimit), 4, &post);
  std::atomic<int64_t> inside{0};
  std::atomic<bool> exceeded{false};
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10'000; ++i) {
        Permit permit = limit.queue(t).try_acquire();
        if (!permit.holds()) {
          refused.fetch_add(1);
          continue;
        }
        if (inside.fetch_add(1) + 1 > kLimit) exceeded = true;
        inside.fetch_sub(1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_FALSE(exceeded);
  EXPECT_EQ(limit.outstanding(), 0);
  EXPECT_TRUE(limit.queue(0).try_acquire().holds());
}

// The workers of the threads test: inboxes without loops.
struct Mailboxes final : PermitPost {
  struct Box {
    Inbox inbox{[](void*) {}, nullptr};
  };
  std::array<Box, 4> boxes;
  void post_permits(unsigned worker, Letter& permits) noexcept override {
    boxes[worker].inbox.send(permits);
  }
  void deliver(unsigned worker) {
    Inbox& inbox = boxes[worker].inbox;
    inbox.open_round();
    while (inbox.deliver_next()) {
    }
  }
};

// Every call waits until it is served.
TEST(OutstandingLimitThreads, NoWaiterIsForgotten) {
  constexpr int kCalls = 5'000;
  Mailboxes mail;
  OutstandingLimit limit(limits(1, 100), 4, &mail);
  std::atomic<int> served{0};
  std::atomic<bool> exceeded{false};
  std::atomic<int> inside{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      PermitQueue& queue = limit.queue(t);
      for (int i = 0; i < kCalls; ++i) {
        Waiting waiter;
        waiter.permit = queue.try_acquire();
        if (!waiter.permit.holds()) {
          Permit permit;
          ASSERT_NE(queue.wait(waiter, permit), PermitQueue::Wait::kFull);
          if (permit.holds()) waiter.permit = std::move(permit);
        }
        for (int turns = 0; !waiter.permit.holds(); ++turns) {
          ASSERT_LT(turns, 1'000'000) << "forgotten";
          mail.deliver(t);
          if (turns > 10) std::this_thread::yield();
        }
        if (inside.fetch_add(1) + 1 > 1) exceeded = true;
        inside.fetch_sub(1);
        served.fetch_add(1);
        waiter.permit.release();
        mail.deliver(t);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (unsigned t = 0; t < 4; ++t) mail.deliver(t);
  EXPECT_EQ(served, 4 * kCalls);
  EXPECT_FALSE(exceeded);
  EXPECT_EQ(limit.outstanding(), 0);
  EXPECT_EQ(limit.queued(), 0);
}

// One worker gives up the only permit in the moment in which the other begins to wait for it:
// nobody comes later to make good for a wake-up that was lost.
TEST(OutstandingLimitThreads, AReleaseAndAWaitThatCrossFindEachOther) {
  constexpr int kRounds = 2'000;
  Mailboxes mail;
  OutstandingLimit limit(limits(1, 10), 2, &mail);
  std::atomic<int> held{0};
  std::atomic<int> served{0};
  std::thread other([&] {
    for (int round = 1; round <= kRounds; ++round) {
      Waiting waiter;
      for (int turns = 0; held.load() < round; ++turns) {
        if (turns > 100) std::this_thread::yield();
      }
      Permit permit;
      ASSERT_NE(limit.queue(1).wait(waiter, permit), PermitQueue::Wait::kFull);
      if (permit.holds()) waiter.permit = std::move(permit);
      for (int turns = 0; !waiter.permit.holds(); ++turns) {
        if (turns == 1'000'000) std::abort();  // forgotten
        mail.deliver(1);
        if (turns > 100) std::this_thread::yield();
      }
      waiter.permit.release();
      served.store(round);
    }
  });
  for (int round = 1; round <= kRounds; ++round) {
    Permit permit = limit.queue(0).try_acquire();
    ASSERT_TRUE(permit.holds());
    held.store(round);
    for (int i = round % 64; i > 0; --i) (void)held.load();
    permit.release();
    while (served.load() < round) std::this_thread::yield();
  }
  other.join();
  EXPECT_EQ(limit.outstanding(), 0);
  EXPECT_EQ(limit.queued(), 0);
}

}  // namespace
}  // namespace outrigger::upstream
