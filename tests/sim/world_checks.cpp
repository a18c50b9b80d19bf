#include <algorithm>

#include "proxy/upstream/endpoint.hpp"
#include "tests/sim/certificates.hpp"
#include "tests/sim/world.hpp"

namespace outrigger::sim {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
// What a body may have unread, what a connection's buffer holds, one read, and a head: 64 KiB each.
constexpr size_t kUnsentMost = 4 * 64 * 1024;

std::string text(int64_t number) { return std::to_string(number); }

}  // namespace

void World::on_exchange_end(const chain::Exchange& exchange, const chain::Outcome& outcome) {
  const chain::Facts& facts = exchange.facts();
  x_last_call_ms = now_ms();
  const http::Field* field = exchange.request().fields.find("x-id");
  uint32_t id = 0;
  for (const char c : field != nullptr ? field->value : std::string_view()) {
    id = id * 10 + static_cast<uint32_t>(c - '0');
  }
  x_ledger.note(now_ms(), "exchange: end, status " + text(facts.status), id,
                static_cast<uint64_t>(outcome.kind));
  Call* call = x_ledger.find(id);
  if (call == nullptr) return count_tunnel(exchange, outcome);
  const std::string who = "the exchange of call " + text(id) + ": ";
  if (++call->ended > 1) x_ledger.violation(who + "ended twice");

  // Attempts, of the service and of the one that may stand in for it.
  const ServicePlan& service = x_plan.services[call->service];
  const auto most_of = [](const Bounds& bounds) {
    return bounds.attempts_most + bounds.unsent_most + 1;
  };
  int most = most_of(service.bounds);
  if (service.alternate) most += most_of(x_plan.services[*service.alternate].bounds);
  if (facts.attempts > most) {
    x_ledger.violation(who + text(facts.attempts) + " attempts, at most " + text(most));
  }
  check_times(exchange, *call);
  check_honest(exchange, *call);
  if (facts.own_reply && facts.cause == Cause::kCircuitOpen) check_probes(facts, call->service);
}

// Among good peers nothing is malformed, too large, too slow or too much.
void World::check_honest(const chain::Exchange& exchange, const Call& call) {
  const chain::Facts& facts = exchange.facts();
  if (!x_plan.gentle || !facts.own_reply) return;
  const bool is_blamed =
      facts.cause < Cause::kNoEndpoint || facts.cause == Cause::kMalformedResponse ||
      facts.cause == Cause::kResponseHeadTooLarge || facts.cause == Cause::kOverload;
  if (!is_blamed) return;
  x_ledger.violation("the exchange of call " + text(call.id) +
                     ": an honest peer is blamed: " + std::string(row_of(facts.cause).name) + " (" +
                     std::string(facts.detail) + ")");
}

// A call for it that came since then and runs may be on its way as a probe: nobody came before.
bool World::may_have_probe(size_t service, int64_t since_ms) const {
  const std::vector<Call>& calls = x_ledger.calls();
  return std::any_of(calls.begin(), calls.end(), [&](const Call& call) {
    const bool is_for_it =
        call.service == service || x_plan.services[call.service].alternate == service;
    return is_for_it && call.begun && call.ended == 0 && call.came_ms > since_ms;
  });
}

// A half-open circuit that refuses has let somebody in of late, who is not silent for ever.
void World::check_probes(const chain::Facts& facts, size_t service) {
  constexpr int64_t kOnTheWayMs = 4'000;
  const Bounds& bounds = x_plan.services[service].bounds;
  const auto circuit = this->service(service)->circuit().snapshot(now_ms());
  if (circuit.state != upstream::CircuitState::kHalfOpen || bounds.has_few_connections) return;
  int64_t last_ms = circuit.changed_at_ms;
  for (const auto& origin : x_origins) {
    if (origin->service() == service) last_ms = std::max(last_ms, origin->last_seen_ms());
  }
  const int64_t waited_ms = now_ms() - last_ms - x_ledger.paused_ms(last_ms, now_ms());
  const int64_t hold_ms = bounds.connect_most_ms + upstream::kProbeAnswerMs;
  if (waited_ms <= hold_ms + kOnTheWayMs) return;
  if (may_have_probe(service, now_ms() - hold_ms - kOnTheWayMs)) return;
  x_ledger.violation(x_plan.services[service].name + ": nobody probes for " + text(waited_ms) +
                     " ms, and calls are refused (" + std::string(facts.detail) + ")");
}

// In virtual time a turn takes none.
void World::check_times(const chain::Exchange& exchange, const Call& call) {
  const chain::Facts& facts = exchange.facts();
  const std::string who = "the exchange of call " + text(call.id) + ": ";
  const Bounds& bounds = x_plan.services[call.service].bounds;
  const int64_t start_ms = facts.start_ns / kNsPerMs;
  const int64_t head_ms = facts.first_byte_ns > 0 ? facts.first_byte_ns / kNsPerMs : now_ms();
  if (exchange.request_complete() && exchange.has_chain()) {
    const int64_t from_ms = std::max(start_ms, exchange.request_complete_ms());
    const int64_t took_ms = head_ms - from_ms - x_ledger.paused_ms(from_ms, head_ms);
    const bool is_unbounded = call.is_grpc && x_plan.services[call.service].watches;
    if (!is_unbounded && took_ms > bounds.request_most_ms + 1) {
      x_ledger.violation(who + "a head after " + text(took_ms) + " ms, the bound is " +
                         text(bounds.request_most_ms));
    }
  }
  const int64_t whole_ms = head_ms - start_ms;
  const bool callers = call.deadline_ms > 0 && exchange.has_chain();
  if (callers && whole_ms - x_ledger.paused_ms(start_ms, head_ms) > call.deadline_ms + 1) {
    x_ledger.violation(who + "a head after " + text(whole_ms) + " ms, the caller gave " +
                       text(call.deadline_ms));
  }
  if (!facts.own_reply) return;
  int64_t least_ms = 0;
  if (facts.cause == Cause::kTimeout && facts.detail != "idle") least_ms = bounds.least_ms();
  if (facts.cause == Cause::kConnectTimeout) least_ms = bounds.connect_least_ms;
  // `attempt: auto` may be a share of it, and a fallback keeps half of it for itself.
  if (call.deadline_ms > 0) {
    least_ms = std::min(least_ms, call.deadline_ms / std::max(2, bounds.attempts_most));
  }
  if (whole_ms < least_ms) {
    x_ledger.violation(who + "timed out after " + text(whole_ms) + " ms, " + text(least_ms) +
                       " were due (" + std::string(facts.detail) + "; the caller gave " +
                       text(call.deadline_ms) + ", attempts " + text(facts.attempts) + ")");
  }
}

void World::check_step() {
  for (size_t i = 0; i < x_plan.services.size(); ++i) {
    const ServicePlan& plan = x_plan.services[i];
    const auto of = service(i);
    const upstream::OutstandingLimit& limit = of->limit();
    if (limit.outstanding() < 0 || limit.outstanding() > plan.bounds.outstanding_most) {
      x_ledger.violation(plan.name + ": " + text(limit.outstanding()) + " calls outstanding of " +
                         text(plan.bounds.outstanding_most));
    }
    if (limit.queued() < 0 || limit.queued() > plan.bounds.queue_most) {
      x_ledger.violation(plan.name + ": " + text(limit.queued()) + " calls queued of " +
                         text(plan.bounds.queue_most));
    }
  }
  for (const auto& side : x_sides) {
    if (side->watched.most_unsent() > kUnsentMost) {
      x_ledger.violation("a peer that does not read is owed " +
                         std::to_string(side->watched.most_unsent()) + " bytes");
    }
  }
  if (!x_good_files.contains(x_plane->config_state().running_hash)) {
    return x_ledger.violation("what runs is no good file");
  }
  if (x_plan.operates) check_overrides();
  const chain::MemoryBudget& bodies = process().retry_bodies;
  x_bodies_most = std::max(x_bodies_most, bodies.limit());
  if (bodies.used() < 0 || bodies.used() > x_bodies_most) {
    x_ledger.violation("retained bodies have " + text(bodies.used()) + " bytes of " +
                       text(x_bodies_most));
  }
}

void World::check_end() {
  for (const auto& client : x_clients) {
    if (!client->is_over()) x_ledger.violation("a caller waits for ever: " + client->state());
  }
  for (const Call& call : x_ledger.calls()) {
    if (call.answered > 1) x_ledger.violation("call " + text(call.id) + " was answered twice");
    if (call.served == 1 && call.ended != 1) {
      x_ledger.violation("call " + text(call.id) + " was served and has not ended");
    }
  }
  if (x_operator.is_busy()) x_ledger.violation("an operator waits for ever");
  check_configuration();
  check_nothing_left();
  check_budgets();
  check_floods();
  check_tunnels();
}

// Whatever was read, in whichever order it arrived: all are under the latest good one.
void World::check_configuration() {
  for (unsigned i = 0; i < x_plan.workers && !x_draining; ++i) {
    if (x_sides[i]->worker->snapshot().config == x_plane->loaded().config) continue;
    x_ledger.violation("worker " + text(i) + " is not under the latest configuration");
  }
  if (x_plane->config_state().is_good() == x_is_file_bad) {
    const auto& problems = x_plane->config_state().problems;
    x_ledger.violation(problems.empty()
                           ? "a bad file is said to be good"
                           : "a good file is refused: " + config::to_string(problems.front()));
  }
  const config::FileBytes& secret =
      x_plane->loaded().config.passthrough.headers.response.set.front().content;
  const io::TlsServerContextPtr in_use = process().admin_tls.get();
  if (x_certificate && !x_plan.operates &&
      in_use->expires_unix_s() != certificates()[*x_certificate].expires_unix_s) {
    x_ledger.violation("the certificate in use is not the one that stands there");
  }
  if (x_plan.operates) x_overrides.look(seen());
  if (*secret != x_secret) x_ledger.violation("the secret is " + *secret + ", not " + x_secret);
}

void World::check_nothing_left() {
  const auto must_be_0 = [&](const std::string& what, int64_t value) {
    if (value != 0) x_ledger.violation(what + " is " + text(value) + " at the end");
  };
  for (unsigned i = 0; i < x_plan.workers; ++i) {
    const Side& side = *x_sides[i];
    const std::string at = " of worker " + text(i);
    must_be_0("exchanges" + at, static_cast<int64_t>(side.worker->running()));
    must_be_0("loop not empty" + at, side.loop.is_empty() ? 0 : 1);
    const auto series = process().shards.worker(i);
    must_be_0("downstream connections" + at, series->downstream_connections.value());
    must_be_0("upstream connections" + at, series->upstream_connections.value());
    must_be_0("opaque connections" + at, series->downstream_tcp.value());
    must_be_0("upstream tunnels" + at, series->upstream_tcp.value());
  }
  check_counts();
}

// No caller floods, and no good upstream.
void World::check_floods() {
  for (unsigned i = 0; i < x_plan.workers; ++i) {
    const auto series = process().shards.worker(i);
    for (size_t reason = 0; reason < metrics::kHttp2Faults; ++reason) {
      const bool is_flood = reason != static_cast<size_t>(metrics::Http2Fault::kProtocol);
      const uint64_t count = (is_flood ? series->downstream_http2_faults[reason].value() : 0) +
                             (x_plan.gentle ? series->upstream_http2_faults[reason].value() : 0);
      if (count == 0) continue;
      x_ledger.violation("an honest peer was ended for " +
                         std::string(metrics::kHttp2FaultNames[reason]));
    }
  }
}

void World::check_counts() {
  const auto must_be_0 = [&](const std::string& what, int64_t value) {
    if (value != 0) x_ledger.violation(what + " is " + text(value) + " at the end");
  };
  for (const auto& [name, listener] : process().listeners) {
    must_be_0("open connections of " + name, listener.open_connections.load());
  }
  must_be_0("retained bodies", process().retry_bodies.used());
  must_be_0("answers that wait", process().answers.bytes());
  for (const auto& [name, service] : process().services.services()) {
    must_be_0("outstanding of " + name, service->limit().outstanding());
    must_be_0("queued of " + name, service->limit().queued());
    must_be_0("streams of " + name, service->limit().streams().open());
    must_be_0("probes of " + name, service->circuit().snapshot(now_ms()).probes_in_flight);
    for (const auto& origin : x_origins) {
      const auto endpoint = service->find_endpoint(origin->address());
      if (endpoint != nullptr)
        must_be_0("in flight at " + endpoint->name(), endpoint->outstanding());
    }
  }
}

// sent <= (1 + share) x requests + 3/s + those that are free of the budget: one for each call that
// ran when a connection died after it had served. attempts <= (1 + unsent + share) x requests + 3/s
// besides, and one for each stream that a peer refused before it had said how many it takes. Of
// refused ones the wire does not tell which those are.
void World::check_budgets() {
  for (size_t i = 0; i < x_plan.services.size(); ++i) {
    const ServicePlan& plan = x_plan.services[i];
    uint64_t deaths = 0;
    uint64_t attempts = 0;
    uint64_t refused = 0;
    uint64_t requests = 0;
    uint64_t sent = 0;
    for (const auto& origin : x_origins) deaths += origin->service() == i ? origin->deaths() : 0;
    for (const Call& call : x_ledger.calls()) {
      const ServicePlan& asked = x_plan.services[call.service];
      requests += call.service == i || asked.alternate == i ? 1 : 0;
      const auto arrived = call.arrivals.find(i);
      if (arrived != call.arrivals.end()) sent += static_cast<uint64_t>(arrived->second);
    }
    const std::string name = i == x_plan.passthrough() ? "passthrough" : plan.name;
    for (unsigned worker = 0; worker < x_plan.workers; ++worker) {
      const auto series = process().shards.service(worker, {name, {}});
      for (const auto& counter : series->attempts) attempts += counter.value();
      refused += series->retries[metrics::index_of(Token::kRefusedStream)].value();
    }
    const auto seconds = static_cast<double>(x_last_call_ms - x_start_ms) / 1000;
    const double floor = (seconds + 2 * (1 + x_ledger.restarts())) * 3;
    const auto must_be_within = [&](const char* what, uint64_t count, double share, uint64_t free) {
      const double most =
          static_cast<double>(requests) * (1 + share) + floor + static_cast<double>(free);
      if (static_cast<double>(count) <= most) return;
      x_ledger.violation(plan.name + ": " + std::to_string(count) + what +
                         std::to_string(requests) + " requests");
    };
    const double budget = plan.bounds.budget_most;
    must_be_within(" sent for ", sent, budget, deaths);
    must_be_within(" attempts for ", attempts, budget + plan.bounds.unsent_most, deaths + refused);
  }
}

}  // namespace outrigger::sim
