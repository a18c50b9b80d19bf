// One way down a chain and up again: the frames entered and the call at the end. The exchange owns
// the first leg, a filter that opens legs owns the others; destroying a LegPtr cancels: its frames
// end, innermost first, and nothing is heard of it again. Everything lies in the arena of the
// exchange. Filters, calls and timers only mark a leg ready; the driver moves it. One thread.
//
//   kDown ──all frames entered──> kWaiting ──head or error──> kUp ──past the first frame──>
//   kDelivered
//     └────a frame replied or refused────────────────────────^                           └─> kEnded
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include "proxy/base/error.hpp"
#include "proxy/base/intrusive_list.hpp"
#include "proxy/chain/chain.hpp"
#include "proxy/chain/filter.hpp"
#include "proxy/chain/terminal.hpp"
#include "proxy/chain/tried.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::chain {

class Exchange;

struct ReadyTag;
struct LiveTag;

struct CancelLeg {
  void operator()(Leg* leg) const noexcept;
};
using LegPtr = std::unique_ptr<Leg, CancelLeg>;

// An answer of our own: a fallback's, the admin API's. Everything must live as long as the
// exchange.
struct LocalReply {
  int status = 200;
  http::Fields fields;
  std::string_view body;
  http::Fields trailers{};
};

class Leg : public ListNode<ReadyTag>, public ListNode<LiveTag> {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  Exchange& exchange() const { return x_exchange; }

  // -- for filters: the request

  const http::RequestHead& request() const { return *x_request; }
  // A copy of this leg's own, so that an edit dies with the leg. The first leg edits the original.
  http::RequestHead& edit_request();
  // The caller's or an opener's bound on the whole leg: the smallest of ours and those above.
  int64_t deadline_ms() const;
  void set_deadline_ms(int64_t at) { x_deadline_ms = at; }
  // What an opener keeps back of the deadline that a filter below will set (fallback's `within`).
  int64_t reserve_ms() const;
  void set_reserve_ms(int64_t reserve) { x_reserve_ms = reserve; }
  // Another service answers than the one called.
  bool is_alternate() const;
  // Whether some filter may still put something else in the place of the answer.
  bool may_replace() const;
  // Whether another attempt would follow if this one timed out now.
  bool may_try_again() const;
  // Whether what failed so is sent elsewhere: then what becomes of it there is the verdict.
  bool goes_elsewhere(const Error& error) const;
  // Endpoints that attempts of this leg or of those above went to.
  Tried& tried();
  // 0 for the first attempt under the nearest opener, and so on; set by the opener.
  int attempt() const { return x_attempt; }
  void set_attempt(int attempt) { x_attempt = static_cast<uint16_t>(attempt); }
  // It repeats, on a fresh connection, what died with a reused one before it was seen.
  bool is_replay() const { return x_replay; }
  void set_replay(bool replay) { x_replay = replay; }
  // An earlier attempt of the same was admitted by the circuit, and not judged.
  bool was_admitted() const { return x_was_admitted; }
  void set_was_admitted(bool admitted) { x_was_admitted = admitted; }
  // The rank of a timer that belongs to the frame of `slot`: inner frames fire first.
  uint16_t timer_rank(const void* slot) const;

  // -- for filters: the response

  // Set when a response or local reply is under way; null before and with an error.
  const http::ResponseHead* response() const { return x_response; }
  http::ResponseHead& edit_response() { return *x_response; }
  const Error* error() const { return x_has_error ? &x_error : nullptr; }
  bool is_local_reply() const { return x_is_local; }
  // What the answer to a gRPC call says, 0..16 (http/grpc.hpp): its head or, from on_body_end on,
  // its trailers. http::kGrpcPending: not yet, or it is no gRPC call.
  int grpc_status() const;

  // -- for filters: steps. Each at most once per frame and way

  // From on_request, on_response or on_leg, which then return kReplied where they return a Step.
  void reply(const LocalReply& reply);
  void refuse(const Error& error);
  // After kPaused: goes on behind that frame.
  void resume();
  // Interrupts at the frame of `slot`: what runs below it ends, the error goes up from it, past the
  // frames that have seen an answer already. Recorded now, done by the driver after the running
  // callback returned; of several the outermost counts. After the commit it aborts the exchange.
  void fail(const void* slot, const Error& error);

  // -- for filters that open legs

  // From on_response of a filter that splits its leg, which then returns kPaused: the attempt that
  // ran here is over, its frames below have ended, and the filter is an opener from now on.
  void split();
  LegPtr open_rest();
  // `chain` instead of the rest; the request is the one of this leg.
  LegPtr open(const Chain& chain, bool alternate);
  // Its response goes up from here, or its error; once, and not after a reply. From on_leg; or from
  // a timer, then followed by resume(), as with reply and refuse.
  void accept(LegPtr below);

 private:
  friend class CallLeg;
  friend class Driver;
  friend class Exchange;
  friend struct CancelLeg;

  enum class Phase : uint8_t { kDown, kWaiting, kUp, kDelivered, kEnded };

  Leg(Exchange& exchange, const Chain& chain, size_t first, Leg* parent, std::byte* slots);

  struct HeldInterim {
    HeldInterim* next;
    int status;
    std::string_view reason;
    http::Fields fields;
  };

  // -- for the driver

  // Moves as far as it can.
  void step();

  // -- for calls (call_leg.hpp)

  void deliver_head(http::ResponseHead& head);
  void deliver_error(const Error& error);
  void deliver_reply(const LocalReply& reply);
  void deliver_interim(int status, std::string_view reason, const http::Fields& fields);
  void push_body(std::string_view bytes);
  void push_half_close();
  void push_end(const http::Fields* trailers);
  std::string_view body_ready() const;
  void body_consume(size_t count);
  bool body_ended() const;

  // -- for the exchange

  static LegPtr create(Exchange& exchange, const Chain& chain, size_t first, Leg* parent);
  // Whether it has not been seen in that round of Exchange::for_each_leg; then it has been now.
  bool joins(uint32_t round) { return std::exchange(x_round, round) != round; }
  bool is_under(const Leg& parent) const { return x_parent == &parent; }
  void on_request_chunk(std::string_view bytes);
  void on_request_end();
  void on_reader_stalled();
  void tell_call_of_body();
  // Whether its call may read the request body now or later, and from which byte on.
  bool may_read_body() const;
  int64_t body_at() const { return x_body_at; }
  // From the first leg down to the one whose call answers.
  Leg& start_flow();
  Leg& flowing();
  bool is_flowing() const { return x_flowing && !x_is_local; }
  template <class Visit>
  void for_each_held_interim(Visit visit) const {
    for (auto* held = x_held; held != nullptr; held = held->next) {
      visit(held->status, held->reason, held->fields);
    }
  }
  std::string_view local_body() const { return x_local_body; }
  const http::Fields* local_trailers() const { return x_trailers; }
  Call* call() const { return x_call.get(); }
  int64_t kernel_bytes() const { return x_call == nullptr ? 0 : x_call->kernel_bytes(); }
  void end(const Outcome& outcome) noexcept;

  // -- its own

  void go_down();
  void go_up();
  void deliver();
  void interrupt();
  void interrupt_at(size_t frame, const Error& error);
  void answer_from(size_t frame);
  void end_from(size_t frame, const Outcome& outcome) noexcept;
  void end_legs_below(const Outcome& outcome) noexcept;
  bool may_open() const;
  template <class Ask>
  bool any_opener(Ask ask) const;
  bool is_accepted() const { return x_parent != nullptr && x_parent->x_accepted.get() == this; }
  bool ends_in_opener() const;
  bool runs_terminal() const;
  void mark_ready();
  void* slot_of(size_t frame) const { return x_slots + x_chain.frame(frame).offset; }
  size_t frame_of(const void* slot) const;
  size_t opener() const { return x_entered - size_t{1}; }
  void set_error(const Error& error);

  Exchange& x_exchange;
  const Chain& x_chain;
  Leg* const x_parent;
  std::byte* const x_slots;
  const http::RequestHead* x_request;
  http::RequestHead* x_own_request = nullptr;
  http::ResponseHead* x_response = nullptr;
  CallPtr x_call;
  LegPtr x_accepted;
  std::string_view x_local_body;
  const http::Fields* x_trailers = nullptr;  // of a local reply, or once the last byte has come
  HeldInterim* x_held = nullptr;
  HeldInterim** x_held_last = &x_held;
  int64_t x_body_at = 0;
  int64_t x_deadline_ms = kNever;
  int64_t x_reserve_ms = 0;
  Error x_error;
  Error x_interrupt_error;
  const Error* x_ending_error = nullptr;
  Tried* x_tried = nullptr;
  const uint16_t x_first;  // frames [x_first, x_entered) are entered
  uint16_t x_end;          // one past the last frame of this leg's segment
  uint16_t x_entered;
  uint16_t x_at;  // frames from here on have seen the answer, or gave it
  uint16_t x_interrupt_at = 0;
  uint16_t x_attempt = 0;
  const uint32_t x_hooks;  // bits of the frames whose optional hooks this call has
  const uint8_t x_depth;
  Phase x_phase = Phase::kDown;
  bool x_paused = false;
  bool x_interrupted = false;
  bool x_has_error = false;
  bool x_is_local = false;
  bool x_flowing = false;
  bool x_alternate = false;
  bool x_split = false;
  bool x_replay = false;
  bool x_was_admitted = false;
  bool x_complete = false;  // the last byte of the response has come
  bool x_answered = false;  // the opener accepted, replied or refused, and nothing has moved yet
  uint32_t x_round = 0;     // of Exchange::for_each_leg
};

}  // namespace outrigger::chain
