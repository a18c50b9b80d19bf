// One line of JSON for each call, written when it has ended. AccessLog makes the line and hands it
// to a LineSink; the filter only decides at the end of its frame whether there is one to write.
#pragma once

#include <memory>
#include <utility>

#include "config/model.hpp"
#include "filters/registry.hpp"
#include "metrics/series.hpp"
#include "proxy/base/json_line.hpp"
#include "proxy/base/line_sink.hpp"
#include "proxy/chain/leg.hpp"

namespace outrigger::filters {

// One for each worker; the writer is shared.
class AccessLog {
 public:
  AccessLog(const config::AccessLogConfig& policy, std::shared_ptr<LineSink> lines,
            chain::Runtime& runtime)
      : x_policy(policy), x_lines(std::move(lines)), x_runtime(runtime) {}

  bool is_of(const config::AccessLogConfig& policy, const LineSink& lines) const {
    return x_policy == policy && x_lines.get() == &lines;
  }

  // Also for exchanges that ended before they had a route.
  void on_end(const chain::Exchange& exchange, const chain::Outcome& outcome);

 private:
  bool wanted(metrics::RequestOutcome outcome, int64_t total_ms) const;

  const config::AccessLogConfig x_policy;
  const std::shared_ptr<LineSink> x_lines;
  chain::Runtime& x_runtime;
  JsonLine x_line;
};

class AccessLogFilter final : public chain::Filter {
 public:
  static void make(const Context& context, FilterList& filters);
  explicit AccessLogFilter(AccessLog& log) : x_log(log) {}

  std::string_view name() const override { return "access_log"; }
  void on_end(chain::Leg& leg, void* slot, const chain::Outcome& outcome) noexcept override;

 private:
  AccessLog& x_log;
};

}  // namespace outrigger::filters
