#include "filters/registry.hpp"

#include <algorithm>
#include <initializer_list>

#include "filters/access_log.hpp"
#include "filters/attempt_timeout.hpp"
#include "filters/circuit.hpp"
#include "filters/deadline.hpp"
#include "filters/fallback.hpp"
#include "filters/headers.hpp"
#include "filters/outstanding.hpp"
#include "filters/retry.hpp"
#include "filters/trace.hpp"

namespace outrigger::filters {
namespace {

struct Entry {
  config::FilterKind kind;
  void (*make)(const Context&, FilterList&);  // adds nothing where the policy is off
};

constexpr Entry kEntries[] = {
    {config::FilterKind::kAccessLog, AccessLogFilter::make},
    {config::FilterKind::kTrace, Trace::make},
    {config::FilterKind::kHeaders, Headers::make},
    {config::FilterKind::kFallback, Fallback::make},
    {config::FilterKind::kDeadline, Deadline::make},
    {config::FilterKind::kOutstanding, Outstanding::make},
    {config::FilterKind::kRetry, Retry::make},
    {config::FilterKind::kCircuit, Circuit::make},
    {config::FilterKind::kAttemptTimeout, AttemptTimeout::make},
};

std::vector<config::FilterKind> without(std::vector<config::FilterKind> kinds,
                                        std::initializer_list<config::FilterKind> which) {
  std::erase_if(kinds, [&](config::FilterKind kind) {
    return std::find(which.begin(), which.end(), kind) != which.end();
  });
  return kinds;
}

}  // namespace

FilterList make_filters(const std::vector<config::FilterKind>& kinds, const Context& context) {
  FilterList filters;
  for (const config::FilterKind kind : kinds) {
    const auto* entry = std::find_if(std::begin(kEntries), std::end(kEntries),
                                     [&](const Entry& known) { return known.kind == kind; });
    entry->make(context, filters);
  }
  return filters;
}

std::vector<config::FilterKind> inner_filters(const std::vector<config::FilterKind>& kinds) {
  return without(kinds, {config::FilterKind::kAccessLog, config::FilterKind::kTrace,
                         config::FilterKind::kFallback});
}

std::vector<config::FilterKind> tunnel_filters(const std::vector<config::FilterKind>& kinds) {
  return without(kinds, {config::FilterKind::kTrace, config::FilterKind::kHeaders,
                         config::FilterKind::kFallback});
}

}  // namespace outrigger::filters
