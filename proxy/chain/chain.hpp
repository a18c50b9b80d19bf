// A Chain is the compiled list of filters of one route, outermost first, and the terminal that ends
// it. It is cut into segments after each filter that opens legs: a leg runs one segment. Immutable;
// owned by the worker's route table; outlives every leg that runs it.
#pragma once

#include <cstdint>
#include <vector>

#include "proxy/chain/filter.hpp"
#include "proxy/chain/terminal.hpp"

namespace outrigger::chain {

class Chain {
 public:
  static constexpr size_t kFiltersMax = 32;

  // Requires: at most kFiltersMax filters; they and the terminal outlive the chain.
  Chain(std::vector<Filter*> filters, Terminal& terminal);

  size_t size() const { return x_frames.size(); }
  Terminal& terminal() const { return *x_terminal; }
  Filter& filter(size_t frame) const { return *x_frames[frame].filter; }

  struct Frame {
    Filter* filter;
    SlotType slot;
    uint32_t offset;         // of the slot, from the start of its segment
    uint32_t segment_bytes;  // of the segment that starts with this frame
    uint16_t segment_end;    // one past the last frame of this frame's segment
    bool opens;
  };
  const Frame& frame(size_t index) const { return x_frames[index]; }
  // A segment starts at 0 and after each frame that opens legs.
  size_t segment_end(size_t first) const;
  size_t segment_bytes(size_t first) const;

  // One bit for each frame whose filter has the hook.
  uint32_t request_chunks() const { return x_request_chunks; }
  uint32_t response_chunks() const { return x_response_chunks; }
  uint32_t request_end() const { return x_request_end; }
  uint32_t response_end() const { return x_response_end; }
  uint32_t splits() const { return x_splits; }
  // Those whose hooks a call has: some are for gRPC alone.
  uint32_t hooks(bool grpc) const { return grpc ? ~uint32_t{0} : ~x_grpc_only; }

 private:
  std::vector<Frame> x_frames;
  Terminal* x_terminal;
  uint32_t x_request_chunks = 0;
  uint32_t x_response_chunks = 0;
  uint32_t x_request_end = 0;
  uint32_t x_response_end = 0;
  uint32_t x_splits = 0;
  uint32_t x_grpc_only = 0;
};

}  // namespace outrigger::chain
