// How a leg moves: down, up, interrupted, ended. By the driver, except for the ends.
#include <algorithm>
#include <optional>

#include "proxy/base/assert.hpp"
#include "proxy/chain/call_leg.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/chain/leg.hpp"

namespace outrigger::chain {

void Leg::step() {
  if (x_interrupted) return interrupt();
  if (x_paused) return;
  if (x_phase == Phase::kDown) return go_down();
  if (x_phase == Phase::kUp) return go_up();
  if (x_phase == Phase::kWaiting && x_answered) return answer_from(opener());
}

void Leg::go_down() {
  while (x_entered < x_end) {
    const size_t index = x_entered++;
    const Chain::Frame& frame = x_chain.frame(index);
    if (frame.slot.construct != nullptr) {
      frame.slot.construct(slot_of(index), *frame.filter, *this);
    }
    const Step step = frame.filter->on_request(*this, slot_of(index));
    if (x_interrupted) return interrupt();
    if (step == Step::kReplied) return answer_from(index);
    if (frame.opens) {
      OUTRIGGER_ASSERT(step == Step::kPaused);
      x_phase = Phase::kWaiting;
      return;
    }
    if (step == Step::kPaused) {
      x_paused = true;
      return;
    }
  }
  x_phase = Phase::kWaiting;
  x_call = x_chain.terminal().start(CallLeg(*this));
}

// The frames above `frame` will see the answer that the leg now holds.
void Leg::answer_from(size_t frame) {
  x_answered = false;
  x_at = static_cast<uint16_t>(frame);
  x_phase = Phase::kUp;
  go_up();
}

void Leg::go_up() {
  while (x_at > x_first) {
    const size_t index = --x_at;
    std::optional<Error> before;
    if (x_has_error) before = x_error;
    const Step step = x_chain.filter(index).on_response(*this, slot_of(index));
    if (x_phase == Phase::kWaiting) {  // it was split
      if (x_interrupted) interrupt();
      return;
    }
    if (step == Step::kReplied) {
      // What is further in has been replaced.
      x_answered = false;
      end_from(index + 1, before ? Outcome{Outcome::Kind::kFailed, &*before}
                                 : Outcome{Outcome::Kind::kDropped, nullptr});
    }
    if (x_interrupted) return interrupt();
    if (step == Step::kPaused) {
      x_paused = true;
      return;
    }
  }
  deliver();
}

// The request is read from byte 0 again, and interims of the lost attempt were never sent.
void Leg::split() {
  OUTRIGGER_ASSERT(x_phase == Phase::kUp && !x_split);
  const Error error = x_error;
  end_from(x_at + size_t{1}, x_has_error ? Outcome{Outcome::Kind::kFailed, &error}
                                         : Outcome{Outcome::Kind::kDropped, nullptr});
  x_split = true;
  x_phase = Phase::kWaiting;
  x_end = static_cast<uint16_t>(x_at + 1);
  x_at = x_end;
  x_response = nullptr;
  x_has_error = false;
  x_is_local = false;
  x_held = nullptr;
  x_held_last = &x_held;
  x_body_at = 0;
}

void Leg::deliver() {
  x_phase = Phase::kDelivered;
  if (x_parent == nullptr) return x_exchange.commit();
  Leg& above = *x_parent;
  if (above.x_phase != Phase::kWaiting || above.x_answered) {
    return end({Outcome::Kind::kDropped, nullptr});
  }
  const size_t opener = above.opener();
  above.x_chain.filter(opener).on_leg(above, above.slot_of(opener), *this);
  // This leg may have ended in there.
  if (above.x_interrupted) return above.interrupt();
  if (above.x_answered) above.answer_from(opener);
}

// Frames that have seen an answer do not see the error that takes its place; they learn of it when
// they end.
void Leg::interrupt() {
  x_interrupted = false;
  const Error error = x_interrupt_error;
  if (is_accepted()) return x_parent->interrupt_at(x_parent->opener(), error);
  const bool delivered = x_phase == Phase::kDelivered;
  if (delivered && x_parent == nullptr) return x_exchange.fail(error);
  x_paused = false;
  end_from(x_interrupt_at + size_t{1}, {Outcome::Kind::kFailed, &error});
  set_error(error);
  if (!delivered) answer_from(std::min(x_interrupt_at, x_at));
}

// ---- ends

void Leg::end(const Outcome& outcome) noexcept {
  if (x_phase == Phase::kEnded) return;
  x_phase = Phase::kEnded;
  ListNode<ReadyTag>::unlink();
  // Whoever ends us: for the frames that saw the error that is how it ended.
  if (x_has_error) end_from(x_at, {Outcome::Kind::kFailed, &x_error});
  end_from(x_first, outcome);
  ListNode<LiveTag>::unlink();
  x_exchange.on_body_read();
}

// Ends what is below `frame` and the frames from it on, innermost first.
void Leg::end_from(size_t frame, const Outcome& outcome) noexcept {
  end_legs_below(outcome);
  x_ending_error = outcome.error;
  x_call.reset();
  x_ending_error = nullptr;
  while (x_entered > frame) {
    const size_t index = --x_entered;
    const Chain::Frame& ended = x_chain.frame(index);
    ended.filter->on_end(*this, slot_of(index), outcome);
    if (ended.slot.destroy != nullptr) ended.slot.destroy(slot_of(index));
  }
  x_accepted.reset();
}

// Once the opener has its answer, a leg that did not give it is only dropped.
void Leg::end_legs_below(const Outcome& outcome) noexcept {
  if (!ends_in_opener()) return;
  const bool answered = x_at < x_end;
  while (Leg* below = x_exchange.find_leg_under(*this)) {
    const bool dropped = answered && below != x_accepted.get();
    below->end(dropped ? Outcome{Outcome::Kind::kDropped, nullptr} : outcome);
  }
}

}  // namespace outrigger::chain
