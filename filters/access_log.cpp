#include "filters/access_log.hpp"

#include <string>

#include "proxy/chain/classify.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/chain/route.hpp"
#include "proxy/io/tls_handshake.hpp"

namespace outrigger::filters {

using metrics::RequestOutcome;

namespace {

constexpr int64_t kNsPerMs = 1'000'000;

std::string_view version_name(http::Version version) {
  switch (version) {
    case http::Version::kHttp10:
      return "HTTP/1.0";
    case http::Version::kHttp11:
      return "HTTP/1.1";
    case http::Version::kHttp2:
      return "HTTP/2";
    case http::Version::kNone:
      return "tcp";
  }
  return "";
}

// "connect,timeout,status"
std::string retry_reasons(const chain::Facts& facts) {
  std::string names;
  const auto add = [&](std::string_view name) {
    if (!names.empty()) names += ',';
    names += name;
  };
  for (unsigned bit = 1; bit <= 0x80; bit <<= 1) {
    if ((facts.retry_reasons & bit) != 0) add(to_string(static_cast<Token>(bit)));
  }
  if (facts.retried_on_status) add("status");
  return names;
}

}  // namespace

bool AccessLog::wanted(RequestOutcome outcome, int64_t total_ms) const {
  if (x_policy.slow_ms && total_ms > *x_policy.slow_ms) return true;
  const bool error = outcome != RequestOutcome::kSuccess && outcome != RequestOutcome::kClientError;
  if (x_policy.when == config::LogWhen::kErrors && !error) return false;
  return x_policy.sample_share >= 1 || x_runtime.loop.random.chance(x_policy.sample_share);
}

void AccessLog::on_end(const chain::Exchange& exchange, const chain::Outcome& outcome) {
  if (!chain::is_call(exchange, outcome)) return;
  const chain::Facts& facts = exchange.facts();
  const Clock& clock = x_runtime.loop.clock;
  const int64_t total_ns = clock.precise_ns() - facts.start_ns;
  const RequestOutcome how = chain::classify(facts, outcome);
  if (!wanted(how, total_ns / kNsPerMs)) return;
  const http::RequestHead& request = exchange.request();
  const chain::Route* route = exchange.route();
  const auto ms = [](int64_t ns) { return static_cast<double>(ns) / kNsPerMs; };
  JsonLine& line = x_line;
  line.begin();
  line.add("ts", iso_time(clock.wall_ms()));
  line.add_if("trace_id", facts.trace_id);
  line.add_if("request_id", facts.request_id);
  line.add_if("service", route != nullptr ? std::string_view(route->service) : "");
  line.add_if("route", route != nullptr ? std::string_view(route->name) : "");
  line.add_if("endpoint", facts.endpoint);
  const bool opaque = request.version == http::Version::kNone;
  if (!opaque) line.add_if("method", request.method_text);
  line.add_if("authority", request.authority);
  line.add_if("path", request.path());
  line.add("protocol", version_name(request.version));
  if (facts.tls != nullptr) {
    line.add("tls", facts.tls->version);
    line.add_if("peer", facts.tls->peer);
  }
  if (facts.upstream_version) line.add("upstream_protocol", version_name(*facts.upstream_version));
  if (!opaque) line.add("status", int64_t{facts.status});
  if (facts.grpc_status >= 0) line.add("grpc_status", int64_t{facts.grpc_status});
  line.add("outcome", metrics::kRequestOutcomeNames[static_cast<size_t>(how)]);
  if (facts.cause != Cause::kNone) line.add("cause", row_of(facts.cause).name);
  line.add("attempts", int64_t{facts.attempts});
  line.add_if("retry_reasons", retry_reasons(facts));
  line.add_if("fallback", facts.fallback);
  line.add_if("circuit", facts.circuit);
  line.add("queue_ms", facts.queue_ms);
  line.add("connect_ms", facts.connect_ms);
  if (facts.first_byte_ns > 0) {
    line.add_number("first_byte_ms", ms(facts.first_byte_ns - facts.start_ns));
  }
  line.add_number("total_ms", ms(total_ns));
  line.add("bytes_in", facts.bytes_in);
  line.add("bytes_out", facts.bytes_out);
  if (facts.deadline_left_ms) line.add("deadline_left_ms", *facts.deadline_left_ms);
  line.add_if("upstream_reason",
              facts.upstream_reason.empty() ? facts.detail : facts.upstream_reason);
  x_lines->append(line.end());
}

void AccessLogFilter::make(const Context& context, FilterList& filters) {
  if (context.access_log == nullptr) return;
  filters.push_back(std::make_unique<AccessLogFilter>(*context.access_log));
}

void AccessLogFilter::on_end(chain::Leg& leg, void*, const chain::Outcome& outcome) noexcept {
  x_log.on_end(leg.exchange(), outcome);
}

}  // namespace outrigger::filters
