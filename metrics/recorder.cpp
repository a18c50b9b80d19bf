#include "metrics/recorder.hpp"

#include "proxy/chain/route.hpp"

namespace outrigger::metrics {
namespace {

using chain::Outcome;

RequestOutcome classify(Cause cause) {
  if (cause >= Cause::kMalformedRequest && cause <= Cause::kUnsupportedVersion) {
    return RequestOutcome::kClientError;
  }
  if (cause >= Cause::kUnknownHost && cause <= Cause::kOverload) {
    return RequestOutcome::kProxyRefused;
  }
  return cause == Cause::kTimeout ? RequestOutcome::kTimeout : RequestOutcome::kUpstreamError;
}

RequestOutcome classify(int status) {
  constexpr int kClientErrors = 400;
  constexpr int kServerErrors = 500;
  if (status >= kServerErrors) return RequestOutcome::kUpstreamError;
  return status >= kClientErrors ? RequestOutcome::kClientError : RequestOutcome::kSuccess;
}

void count_fallback(ServiceSeries& series, std::string_view kind) {
  constexpr std::array<std::pair<std::string_view, FallbackKind>, kFallbackKinds> kKinds = {{
      {"stale", FallbackKind::kStale},
      {"service", FallbackKind::kService},
      {"respond", FallbackKind::kRespond},
      {"omit", FallbackKind::kOmit},
  }};
  for (const auto& [name, value] : kKinds) {
    if (name == kind) series.fallbacks[static_cast<size_t>(value)].add();
  }
}

}  // namespace

RequestOutcome classify(const chain::Facts& facts, const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::kCallerGone) return RequestOutcome::kCancelled;
  if (outcome.kind == Outcome::Kind::kFailed && outcome.error != nullptr &&
      outcome.error->cause != Cause::kNone) {
    return classify(outcome.error->cause);
  }
  // A response that broke off has a cause too.
  if (facts.cause != Cause::kNone) return classify(facts.cause);
  if (facts.status == 0) return RequestOutcome::kCancelled;
  if (!facts.fallback.empty()) return RequestOutcome::kFallback;
  return classify(facts.status);
}

void Recorder::on_exchange_end(const chain::Exchange& exchange, const Outcome& outcome) {
  const chain::Facts& facts = exchange.facts();
  const chain::Route* route = exchange.route();
  ServiceSeries& series =
      route != nullptr && route->series != nullptr ? *route->series : x_unrouted;
  const RequestOutcome how = classify(facts, outcome);
  const int64_t now_ns = x_clock.precise_ns();
  const int64_t head_ns = facts.first_byte_ns != 0 ? facts.first_byte_ns : now_ns;

  series.requests.add(facts.status, how);
  series.request_duration[static_cast<size_t>(how)].observe_ns(head_ns - facts.start_ns);
  if (facts.stream) series.stream_duration.observe_ns(now_ns - facts.start_ns);
  if (facts.own_reply) series.replies[static_cast<size_t>(facts.cause)].add();
  if (!facts.fallback.empty()) count_fallback(series, facts.fallback);
}

}  // namespace outrigger::metrics
