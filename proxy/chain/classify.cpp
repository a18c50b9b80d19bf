#include "proxy/chain/classify.hpp"

namespace outrigger::chain {
namespace {

using metrics::RequestOutcome;

RequestOutcome classify_cause(Cause cause) {
  if (cause >= Cause::kMalformedRequest && cause <= Cause::kUnsupportedVersion) {
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

}  // namespace

RequestOutcome classify(const Facts& facts, const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::kCallerGone) return RequestOutcome::kCancelled;
  if (facts.cause != Cause::kNone) return classify_cause(facts.cause);
  if (outcome.kind == Outcome::Kind::kFailed && outcome.error != nullptr &&
      outcome.error->cause != Cause::kNone) {
    return classify_cause(outcome.error->cause);
  }
  if (facts.status == 0) return RequestOutcome::kCancelled;
  if (!facts.fallback.empty()) return RequestOutcome::kFallback;
  return classify_status(facts.status);
}

}  // namespace outrigger::chain
