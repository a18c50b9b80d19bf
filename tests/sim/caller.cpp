#include "tests/sim/caller.hpp"

#include <iterator>

namespace outrigger::sim {
namespace {

constexpr const char* kMethods[] = {"GET",    "GET",  "POST",    "PUT",
                                    "DELETE", "HEAD", "OPTIONS", "PATCH"};

void draw_body(Call& call, const Plan& plan, Random& random) {
  const bool takes_body = call.method == "POST" || call.method == "PUT" || call.method == "PATCH" ||
                          random.chance(0.03);
  if (!call.is_grpc && (!takes_body || random.chance(0.2))) return;
  const bool may_be_large = random.chance(0.2) && !plan.is_busy;
  constexpr uint32_t kMost[] = {10, 2'000, 30'000, 400'000};
  call.body_bytes = random.below(kMost[random.below(may_be_large ? 4 : 2)]);
  call.has_body = true;
}

}  // namespace

DrawnCall draw_call(const CallerContext& context, bool may_be_grpc) {
  Random& random = context.random;
  const Plan& plan = context.plan;
  Call& call = context.ledger.add_call();
  call.service = random.below(static_cast<uint32_t>(plan.services.size()));
  if (plan.opaque == call.service) call.service = plan.passthrough();
  if (call.service == plan.passthrough() && random.chance(0.7)) call.service = 0;
  call.is_grpc = may_be_grpc && random.chance(0.4);
  call.method = call.is_grpc ? "POST" : kMethods[random.below(std::size(kMethods))];
  const ServicePlan& service = plan.services[call.service];
  // Some are for the same thing, so that a stale answer to another call may stand in.
  const bool is_shared = service.stale && call.method == "GET" && random.chance(0.7);
  call.path =
      is_shared ? "/shared/" + std::to_string(random.below(3)) : "/c/" + std::to_string(call.id);
  if (call.is_grpc) {
    call.path = (random.chance(0.5) ? kRepeatableGrpc : "/once.S/") + std::to_string(call.id);
  }
  draw_body(call, plan, random);

  DrawnCall drawn{.id = call.id, .host = service.name, .fields = {}};
  drawn.fields.emplace_back("x-id", std::to_string(call.id));
  drawn.fields.emplace_back("accept", "*/*");
  drawn.fields.emplace_back("x-secret", "none of theirs");
  if (!plan.gentle && (call.is_grpc || service.has_deadline_header) && random.chance(0.4)) {
    call.deadline_ms = between(random, 1, 3'000);
    drawn.fields.emplace_back(call.is_grpc ? "grpc-timeout" : "x-deadline",
                              std::to_string(call.deadline_ms) + (call.is_grpc ? "m" : ""));
  }
  if (call.is_grpc) {
    drawn.fields.emplace_back("content-type", "application/grpc");
    drawn.fields.emplace_back("te", "trailers");
  }
  return drawn;
}

}  // namespace outrigger::sim
