// One call of the admin API that cannot be answered at once: it reads the request's body, or waits
// for the workers to take a change and for the disk to have it, or all of this. Owned by its leg;
// control thread.
#pragma once

#include <optional>

#include "admin/operations.hpp"
#include "proxy/base/timer_wheel.hpp"
#include "proxy/chain/call_leg.hpp"
#include "proxy/chain/terminal.hpp"

namespace outrigger::admin {

// What each answer says of itself, copied into the arena.
void add_fields(http::Fields& fields, Arena& arena, const Answer& answer);
Answer too_large(size_t bytes_max);
// Gives the answer to the leg. Everything is copied into the exchange's arena.
void deliver(chain::CallLeg leg, const Answer& answer);

class AdminCall final : public chain::Call, private ChangeWaiter {
 public:
  AdminCall(const Parts& parts, chain::CallLeg leg)
      : x_parts(parts), x_leg(leg), x_timer(Timer::of<&AdminCall::on_late>(*this)) {}

  // Reads the body first, then serves.
  void read_body(const Operation& operation, Request request);
  // Delivers, at once or when the workers have taken the change that it names.
  void conclude(Answer answer);

  void on_flow() override {}
  void on_request_body() override;
  void on_congestion(bool) override {}
  void cancel() noexcept override;

 private:
  void on_taken() override;
  void on_given();
  void on_late();
  void await(Answer answer);
  void finish();

  const Parts& x_parts;
  const chain::CallLeg x_leg;
  const Operation* x_operation = nullptr;  // while the body is read
  Request x_request;
  std::optional<Answer> x_answer;  // while workers, the disk or a later one are waited for
  Timer x_timer;
};

}  // namespace outrigger::admin
