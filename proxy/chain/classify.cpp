#include "proxy/chain/classify.hpp"

#include "config/matcher.hpp"
#include "proxy/http/grpc.hpp"

namespace outrigger::chain {
namespace {

using metrics::RequestOutcome;

RequestOutcome classify_cause(Cause cause) {
  if (cause >= Cause::kMalformedRequest && cause <= Cause::kMisdirected) {
    return RequestOutcome::kClientError;
  }
  if (cause >= Cause::kUnknownHost && cause <= Cause::kOverload) {
    return RequestOutcome::kProxyRefused;
  }
  return cause == Cause::kTimeout ? RequestOutcome::kTimeout : RequestOutcome::kUpstreamError;
}

RequestOutcome classify_status(int status) {
  constexpr int kClientErrors = 400;
  constexpr int kServerErrors = 500;
  if (status >= kServerErrors) return RequestOutcome::kUpstreamError;
  return status >= kClientErrors ? RequestOutcome::kClientError : RequestOutcome::kSuccess;
}

RequestOutcome classify_grpc(int code) {
  if (code == http::kGrpcOk) return RequestOutcome::kSuccess;
  const bool failed = ((config::kGrpcServerFailed >> static_cast<unsigned>(code)) & 1U) != 0;
  return failed ? RequestOutcome::kUpstreamError : RequestOutcome::kClientError;
}

}  // namespace

RequestOutcome classify(const Facts& facts, const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::kCallerGone) return RequestOutcome::kCancelled;
  if (facts.cause != Cause::kNone) return classify_cause(facts.cause);
  if (outcome.kind == Outcome::Kind::kFailed && outcome.error != nullptr &&
      outcome.error->cause != Cause::kNone) {
    return classify_cause(outcome.error->cause);
  }
  // Reset by us with its answer under way: a drain that is over, or memory that is short.
  if (outcome.kind == Outcome::Kind::kDropped || facts.status == 0) {
    return RequestOutcome::kCancelled;
  }
  if (!facts.fallback.empty()) return RequestOutcome::kFallback;
  constexpr int kHttpOk = 200;
  const bool by_grpc = facts.grpc_status != http::kGrpcPending && facts.status == kHttpOk;
  return by_grpc ? classify_grpc(facts.grpc_status) : classify_status(facts.status);
}

bool is_call(const Exchange& exchange, const Outcome& outcome) {
  if (exchange.request().version != http::Version::kNone) return true;
  const bool silent = exchange.facts().bytes_in + exchange.facts().bytes_out == 0;
  return !silent || outcome.kind != Outcome::Kind::kDropped;
}

}  // namespace outrigger::chain
