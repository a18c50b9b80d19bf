// An answer that comes later: held by whoever will give it and by the call that waits for it,
// either of which may be gone by then. Control thread.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "admin/answer.hpp"

namespace outrigger::admin {

class LaterAnswer {
 public:
  // Once.
  void give(Answer answer) {
    x_answer = std::move(answer);
    if (x_waiter) std::exchange(x_waiter, nullptr)();
  }
  // Nothing: not yet.
  std::optional<Answer> take() { return std::exchange(x_answer, std::nullopt); }
  // Null: nobody waits any more. Called once, from give().
  void set_waiter(std::function<void()> waiter) { x_waiter = std::move(waiter); }

 private:
  std::optional<Answer> x_answer;
  std::function<void()> x_waiter;
};

}  // namespace outrigger::admin
