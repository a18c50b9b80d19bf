// A Terminal is what ends a chain: the forwarder, the admin API, a test's fake. It answers a leg by
// a Call, which reports to the leg (call_leg.hpp) and is owned by it. One thread.
#pragma once

#include <memory>

#include "proxy/base/reaper.hpp"

namespace outrigger::chain {

class CallLeg;

class Call : public Reapable {
 public:
  // The response head has passed the outermost filter: the body may be pushed from now on. May come
  // from within deliver_head() followed by Driver::run().
  virtual void on_flow() = 0;
  // More of the request body can be pulled (CallLeg::body_ready), or it has ended.
  virtual void on_request_body() = 0;
  // The caller's side is full (stop pushing; what is at hand may still go) or has room again.
  virtual void on_congestion(bool congested) = 0;
  // What the kernel's buffers for its connection take, if that is its own.
  virtual int64_t kernel_bytes() const { return 0; }
  // Ends all effects now, silently. The memory goes to the Reaper afterwards.
  virtual void cancel() noexcept = 0;
};

// Destroying it cancels.
struct CancelCall {
  Reaper* reaper = nullptr;
  void operator()(Call* call) const noexcept {
    call->cancel();
    reaper->doom(call);
  }
};
using CallPtr = std::unique_ptr<Call, CancelCall>;

class Terminal {
 public:
  virtual ~Terminal() = default;
  // May report to the leg before it returns; may return null after it has reported an error or a
  // reply.
  virtual CallPtr start(CallLeg leg) = 0;
};

}  // namespace outrigger::chain
