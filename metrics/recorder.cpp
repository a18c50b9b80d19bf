#include "metrics/recorder.hpp"

#include "proxy/chain/classify.hpp"
#include "proxy/chain/route.hpp"

namespace outrigger::metrics {

void Recorder::on_exchange_end(const chain::Exchange& exchange, const chain::Outcome& outcome) {
  if (!chain::is_call(exchange, outcome)) return;
  const chain::Facts& facts = exchange.facts();
  const chain::Route* route = exchange.route();
  ServiceSeries& series =
      route != nullptr && route->series != nullptr ? *route->series : *x_unrouted;
  const RequestOutcome how = chain::classify(facts, outcome);
  const int64_t now_ns = x_clock.precise_ns();
  const int64_t head_ns = facts.first_byte_ns != 0 ? facts.first_byte_ns : now_ns;

  if (exchange.request().version == http::Version::kNone) {
    series.tcp_connections[static_cast<size_t>(how)].add();
  } else {
    series.requests.add(facts.status, how, facts.grpc_status);
    series.request_duration[static_cast<size_t>(how)].observe_ns(head_ns - facts.start_ns);
  }
  if (facts.stream) series.stream_duration.observe_ns(now_ns - facts.start_ns);
  if (facts.own_reply) series.replies[static_cast<size_t>(facts.cause)].add();
}

}  // namespace outrigger::metrics
