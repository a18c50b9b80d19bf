#include "proxy/upstream/attempt.hpp"

#include <algorithm>
#include <utility>

#include "proxy/chain/exchange.hpp"
#include "proxy/chain/grpc_attempt.hpp"
#include "proxy/http/authority.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/upstream/circuit_state.hpp"
#include "proxy/upstream/match.hpp"

namespace outrigger::upstream {

constexpr int64_t kNsPerMs = 1'000'000;

std::string_view authority_sent(chain::CallLeg leg, const CallSettings& settings,
                                std::string_view name) {
  using Kind = config::Authority::Kind;
  if (is_for_proxy(leg, settings)) return leg.request().authority;
  switch (settings.authority.kind) {
    case Kind::kName:
      return settings.authority.name;
    case Kind::kUpstream:
      return name;
    case Kind::kCaller:
      break;
    case Kind::kAuto:
      if (leg.exchange().facts().service_port || leg.is_alternate()) return name;
      break;
  }
  const std::string_view callers = leg.request().authority;
  return callers.empty() ? name : callers;
}

std::string_view server_name_wanted(chain::CallLeg leg, const CallSettings& settings,
                                    std::string_view name) {
  const auto parts = http::split_authority(
      is_for_proxy(leg, settings) ? name : authority_sent(leg, settings, name));
  return parts ? parts->host : std::string_view();
}

Attempt::Attempt(chain::CallLeg leg, const CallSettings& settings, UpstreamRuntime& upstream,
                 EndpointLease lease, std::string_view name)
    : x_leg(leg),
      x_settings(settings),
      x_upstream(upstream),
      x_lease(std::move(lease)),
      x_name(name),
      x_started_ns(upstream.runtime.loop.clock.precise_ns()) {}

void Attempt::note_begun() {
  chain::Facts& facts = x_leg.exchange().facts();
  ++facts.attempts;
  facts.endpoint = x_name;
  facts.upstream_version.reset();
}

void Attempt::note_connected(chain::CallLeg leg, const CallSettings& settings, int64_t took_ns) {
  settings.series->connect_duration.observe_ns(took_ns);
  leg.exchange().facts().connect_ms += took_ns / kNsPerMs;
}

void Attempt::note_spoken(http::Version version) {
  x_leg.exchange().facts().upstream_version = version;
}

std::optional<http::RequestHead> Attempt::request_head() const {
  http::RequestHead head = x_leg.request();
  head.authority = authority_sent(x_leg, x_settings, x_name);
  if (x_settings.path) head.target = x_settings.path->apply(head.target, x_leg.exchange().arena());
  // A later attempt whose body is at hand need not ask whether it may send it.
  if (x_leg.attempt() > 0 && x_leg.exchange().body().size() > 0) head.expects_continue = false;
  if (!chain::carry_grpc_deadline(x_leg.exchange(), head)) return std::nullopt;
  return head;
}

// ---- the answer

// A server that shows its progress by 102 or 103 sends one or two in a second. They stay in the
// arena until the call ends.
bool Attempt::take_interim() {
  constexpr int64_t kEveryMs = 50;
  constexpr int64_t kAtOnce = 64;
  constexpr size_t kArenaMax = 8 * 1024 * 1024;
  const int64_t now_ms = upstream().now_ms();
  x_interims_until_ms = std::max(x_interims_until_ms, now_ms) + kEveryMs;
  return x_interims_until_ms - now_ms <= kAtOnce * kEveryMs &&
         x_leg.exchange().arena().heap_bytes() <= kArenaMax;
}

void Attempt::deliver_head(http::ResponseHead& head) {
  if (!x_leg.exchange().is_grpc() || head.tunnel) {
    settle_by_answer(head, http::kGrpcPending);
    return x_leg.deliver_head(head);
  }
  const int status = http::grpc_status(head);
  if (status != http::kGrpcPending || matches(x_settings.endpoint_failures, head)) {
    settle_by_answer(head, status);
  }
  x_grpc = x_leg.exchange().arena().make<GrpcAnswer>(*this);
  if (!x_settled) {
    const LoopContext& loop = x_upstream.runtime.loop;
    loop.timers.arm(x_grpc->settles, loop.clock.now_ms() + kGoodHeadSettlesMs);
  }
  x_grpc->head.deliver(head, x_settings.hold_head_ms);
}

void Attempt::release_endpoint() {
  if (x_grpc != nullptr) {
    x_grpc->head.cancel();
    x_grpc->settles.cancel();
  }
  x_lease.release();
}

// ---- the verdict

void Attempt::settle_end(const http::Fields* trailers) {
  if (!x_settled) settle_by_answer(x_grpc->head.head(), http::grpc_status(trailers));
}

void Attempt::settle_by_answer(const http::ResponseHead& head, int grpc_status) {
  const bool failed = matches(x_settings.endpoint_failures, head, grpc_status);
  // The endpoint may be the first to say so.
  const bool too_short = chain::is_callers_deadline(x_leg.exchange(), grpc_status) && is_young();
  settle(failed ? metrics::AttemptOutcome::kFailure : metrics::AttemptOutcome::kSuccess,
         too_short ? std::nullopt : std::optional(failed));
}

Error Attempt::settle_failure(Cause cause, Sent sent, http::H2Code h2_code) {
  Error error;
  error.cause = cause;
  error.sent = sent;
  error.h2_code = static_cast<uint32_t>(h2_code);
  error.ours = cause == Cause::kLimit || cause == Cause::kOverload || cause == Cause::kTimeout;
  error.detail = cause == Cause::kLimit
                     ? x_leg.exchange().arena().concat({"pool.connections of ", x_name})
                     : x_name;
  // That an idle connection died says nothing of the endpoint; that we have no room neither.
  const bool stale = sent == Sent::kNeverFree || sent == Sent::kReusedDied;
  std::optional<bool> verdict;
  if (!stale && !error.ours) verdict = matches(x_settings.endpoint_failures, error);
  settle(metrics::AttemptOutcome::kFailure, verdict);
  return error;
}

Error Attempt::settle_late() {
  Error error;
  error.cause = Cause::kTimeout;
  error.callers_deadline = true;
  error.detail = "caller's deadline";
  settle_timeout(error);
  return error;
}

// A deadline that the caller made too short tells nothing of the endpoint.
void Attempt::settle_timeout(const Error& error) noexcept {
  std::optional<bool> verdict;
  if (!error.callers_deadline || !is_young()) {
    verdict = matches(x_settings.endpoint_failures, error);
  }
  settle(metrics::AttemptOutcome::kTimeout, verdict);
}

// A timeout above us is a verdict on the endpoint; that nobody waits any more is none.
void Attempt::settle_cancelled() noexcept {
  const Error* why = x_leg.ending_error();
  if (why != nullptr && why->cause == Cause::kTimeout) {
    settle_timeout(*why);
  } else {
    settle(metrics::AttemptOutcome::kCancelled, std::nullopt);
  }
}

bool Attempt::is_young() const { return age_ns() < kGoodHeadSettlesMs * kNsPerMs; }

void Attempt::settle(metrics::AttemptOutcome outcome, std::optional<bool> endpoint_failed) {
  if (std::exchange(x_settled, true)) return;
  if (x_grpc != nullptr) x_grpc->settles.cancel();
  metrics::ServiceSeries& series = *x_settings.series;
  series.attempts[static_cast<size_t>(outcome)].add();
  if (x_settings.count_by_endpoint && x_lease.holds()) x_lease.endpoint()->count_attempt(outcome);
  const int64_t took_ns = age_ns();
  series.attempt_duration.observe_ns(took_ns);
  if (!endpoint_failed) return;
  x_lease.settle(*endpoint_failed, x_upstream.now_ms());
  if (x_settings.notes_latency) {
    x_lease.note_latency(took_ns, *endpoint_failed, x_upstream.now_ms());
  }
}

}  // namespace outrigger::upstream
