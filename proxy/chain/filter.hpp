// A Filter is one policy. There is one object for each route and worker, immutable after the chain
// was compiled; what it has to remember of a call is a typed slot in the frame of the call's leg.
// On the way down it sees the request, on the way up the response or the error. It never calls the
// next filter: it returns, and the driver goes on. One thread (its worker's).
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>

#include "proxy/base/error.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::chain {

class Filter;
class Leg;

enum class Step : uint8_t {
  kContinue,
  kPaused,   // Leg::resume() goes on after this frame
  kReplied,  // the leg now holds a local reply (Leg::reply) or an error (Leg::refuse)
};

enum class Way : uint8_t { kRequest, kResponse };

// Which of the optional hooks a filter has; read when the chain is compiled, so that a hook that no
// filter has costs nothing.
struct Wants {
  bool request_chunks = false;
  bool response_chunks = false;
  bool request_end = false;
  bool response_end = false;
  bool opens_legs = false;  // it is the last frame of its leg
  // It opens legs only after an answer came up (Leg::split): until then the call runs in its own.
  bool splits_leg = false;
  // Its hooks of chunks and ends are for gRPC calls: a plain one does not pay for them.
  bool grpc_only = false;
};

// How a frame ended. Exactly one for each on_request.
struct Outcome {
  enum class Kind : uint8_t {
    kDone,        // a complete response went up through it
    kFailed,      // it ended with `error`
    kDropped,     // from above: another leg's answer was taken, or the reply came from further out
    kCallerGone,  // nobody waits for the answer any more
  };
  Kind kind = Kind::kDone;
  const Error* error = nullptr;  // of kFailed
};

// Size, alignment and life of a slot. Laid out when the chain is compiled.
struct SlotType {
  size_t size = 0;
  size_t alignment = 1;
  void (*construct)(void* at, Filter& filter, Leg& leg) = nullptr;
  void (*destroy)(void* at) noexcept = nullptr;
};

class Filter {
 public:
  virtual ~Filter() = default;

  virtual std::string_view name() const = 0;  // as in the `filters` list; `cache` is of `fallback`
  virtual Wants wants() const { return {}; }
  const SlotType& slot() const { return x_slot; }

  // The request head; may edit leg.edit_request().
  virtual Step on_request(Leg&, void* /*slot*/) { return Step::kContinue; }
  // The final response head, or the error (leg.error()). Never a 1xx.
  virtual Step on_response(Leg&, void* /*slot*/) { return Step::kContinue; }
  // A piece of body passing by: of the request as it arrives (what came before the frame was
  // entered is not repeated: Exchange::body), of the response after the commit. Not of a local
  // reply. A filter that refuses it calls leg.fail(): then neither it nor anything after it passes.
  virtual void on_chunk(Leg&, void* /*slot*/, Way, std::string_view /*bytes*/) {}
  // The last byte of the request arrived from the caller (not told to frames entered later:
  // Exchange::request_complete), or of the response from the upstream.
  virtual void on_body_end(Leg&, void* /*slot*/, Way) {}
  // Only for filters that open or split legs: `below` has a head or an error. Once for each leg;
  // one that comes after the answer was given is dropped unseen. A head that is lost while the leg
  // is kept is an error when the leg is accepted.
  virtual void on_leg(Leg& /*mine*/, void* /*slot*/, Leg& /*below*/) {}
  // Whether this frame may still open another leg: then the request body is kept.
  virtual bool may_open(const Leg&, const void* /*slot*/) const { return false; }
  // Whether it may still put something else in the place of the answer: then the head of a gRPC
  // call is held back until it is known whether a message follows.
  virtual bool may_replace(const Leg& leg, const void* slot) const { return may_open(leg, slot); }
  // Whether it would try the same again if the attempt under way timed out now.
  virtual bool may_try_again(const Leg&, const void* /*slot*/) const { return false; }
  // Whether it sends elsewhere, whatever else it does, what failed so before it left.
  virtual bool sends_elsewhere(const Leg&, const void* /*slot*/, const Error&) const {
    return false;
  }
  // Once: the caller has taken nothing of the answer for write_stall, and is not cut for it.
  virtual void on_reader_stalled(Leg&, void* /*slot*/) {}
  virtual void on_end(Leg&, void* /*slot*/, const Outcome&) noexcept {}

 protected:
  Filter() = default;
  explicit Filter(const SlotType& slot) : x_slot(slot) {}

 private:
  const SlotType x_slot{};
};

// A filter whose slot is a `Slot`, made as Slot(Self&, Leg&) where it has such a constructor. Slot
// may be incomplete but where Self is constructed.
template <class Self, class Slot>
class FilterWith : public Filter {
 protected:
  FilterWith()
      : Filter({sizeof(Slot), alignof(Slot),
                [](void* at, [[maybe_unused]] Filter& filter, [[maybe_unused]] Leg& leg) {
                  if constexpr (std::is_constructible_v<Slot, Self&, Leg&>) {
                    new (at) Slot(static_cast<Self&>(filter), leg);
                  } else {
                    new (at) Slot();
                  }
                },
                [](void* at) noexcept { static_cast<Slot*>(at)->~Slot(); }}) {}

  static Slot& of(void* slot) { return *static_cast<Slot*>(slot); }
  static const Slot& of(const void* slot) { return *static_cast<const Slot*>(slot); }
};

}  // namespace outrigger::chain
