// An AnswerCheck looks at one answer as its caller gets it, whatever version carries it: it must be
// the proxy's own or one that an origin made for this call, with every byte of it, and may not be
// complete if the origin's was not, unless its trailers say so. Owned by the caller; one thread.
#pragma once

#include <string>
#include <string_view>

#include "tests/sim/head.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/plan.hpp"

namespace outrigger::sim {

class AnswerCheck {
 public:
  AnswerCheck(const Plan& plan, Ledger& ledger, uint32_t call)
      : x_plan(plan), x_ledger(ledger), x_call(call) {}

  // A final head.
  void head(const Head& head);
  void body(std::string_view bytes);
  // It is complete. Null: without trailers.
  void end(const Head* trailers, int64_t now_ms);

  bool has_head() const { return x_head.status() > 0; }
  void violation(const std::string& what);

 private:
  void check_end(const Head* trailers);
  bool is_cut(const Head* trailers);
  void check_grpc_status(const Answer& answer, const Head* trailers);
  Call& call() { return *x_ledger.find(x_call); }

  const Plan& x_plan;
  Ledger& x_ledger;
  const uint32_t x_call;
  Head x_head;
  uint32_t x_id = 0;  // of the call that it was made for; 0: the proxy's own
  size_t x_attempt = 0;
  size_t x_bytes = 0;
};

}  // namespace outrigger::sim
