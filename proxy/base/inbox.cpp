#include "proxy/base/inbox.hpp"

#include <memory>
#include <utility>

#include "proxy/base/assert.hpp"

namespace outrigger {
namespace {

class Task final : public Letter {
 public:
  explicit Task(std::function<void()> task) : x_task(std::move(task)) {}

  void on_delivered() override {
    const std::unique_ptr<Task> self(this);
    x_task();
  }
  void on_dropped() noexcept override { const std::unique_ptr<Task> self(this); }

 private:
  std::function<void()> x_task;
};

}  // namespace

void Inbox::send(Letter& letter) {
  Letter* latest = x_arrived.load(std::memory_order_relaxed);
  do {
    letter.x_next = latest;
  } while (!x_arrived.compare_exchange_weak(latest, &letter, std::memory_order_release,
                                            std::memory_order_relaxed));
  if (latest == nullptr) x_wake(x_loop);
}

void Inbox::post(std::function<void()> task) { send(*new Task(std::move(task))); }

void Inbox::open_round() {
  OUTRIGGER_ASSERT(x_round == nullptr);
  Letter* latest = x_arrived.exchange(nullptr, std::memory_order_acquire);
  while (latest != nullptr) {
    Letter* const older = std::exchange(latest->x_next, x_round);
    x_round = std::exchange(latest, older);
  }
}

bool Inbox::deliver_next() {
  if (x_round == nullptr) return false;
  Letter* const letter = x_round;
  x_round = std::exchange(letter->x_next, nullptr);
  letter->on_delivered();
  return true;
}

// What one that is dropped destroys may send others.
void Inbox::drop_all() {
  do {
    while (x_round != nullptr) {
      Letter* const letter = x_round;
      x_round = std::exchange(letter->x_next, nullptr);
      letter->on_dropped();
    }
    open_round();
  } while (x_round != nullptr);
}

}  // namespace outrigger
