// A Caller is the neighbour on one connection, whatever version it speaks; here is what the World
// sees of it, and the calls that it may draw. Owned by the World; one thread.
#pragma once

#include <string>

#include "tests/sim/head.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/plan.hpp"
#include "tests/support/pipe_network.hpp"

namespace outrigger::sim {

struct CallerContext {
  const Plan& plan;
  Random& random;
  Ledger& ledger;
  testing::VirtualLoop& loop;
  testing::PipeNetwork& network;
};

class Caller {
 public:
  virtual ~Caller() = default;

  virtual bool is_over() const = 0;
  // For the message about one that is not.
  virtual std::string state() const = 0;
};

// A call as every version says it: who is asked for what, and the fields that go with it.
struct DrawnCall {
  uint32_t id = 0;
  std::string host;
  FieldList fields;
};

// Made known to the ledger, with its body drawn.
DrawnCall draw_call(const CallerContext& context, bool may_be_grpc);

}  // namespace outrigger::sim
