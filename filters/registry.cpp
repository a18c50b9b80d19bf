#include "filters/registry.hpp"

#include <array>

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

// Whether a filter belongs to where a call is carried on in another shape.
enum class In : bool { kNo, kYes };

struct Entry {
  config::FilterKind kind;
  void (*make)(const Context&, FilterList&);  // adds nothing where the policy is off
  In inner;                                   // the fallback to another service
  In tunnels;                                 // connections that are carried unread
};

constexpr std::array<Entry, config::kFilterNames.size()> kEntries = {{
    {config::FilterKind::kAccessLog, AccessLogFilter::make, In::kNo, In::kYes},
    {config::FilterKind::kTrace, Trace::make, In::kNo, In::kNo},
    {config::FilterKind::kHeaders, Headers::make, In::kYes, In::kNo},
    {config::FilterKind::kFallback, Fallback::make, In::kNo, In::kNo},
    {config::FilterKind::kDeadline, Deadline::make, In::kYes, In::kYes},
    {config::FilterKind::kOutstanding, Outstanding::make, In::kYes, In::kYes},
    {config::FilterKind::kRetry, Retry::make, In::kYes, In::kYes},
    {config::FilterKind::kCircuit, Circuit::make, In::kYes, In::kYes},
    {config::FilterKind::kAttemptTimeout, AttemptTimeout::make, In::kYes, In::kYes},
}};

constexpr bool in_order() {
  for (size_t i = 0; i < kEntries.size(); ++i) {
    if (static_cast<size_t>(kEntries[i].kind) != i) return false;
  }
  return true;
}
static_assert(in_order());

const Entry& entry_of(config::FilterKind kind) { return kEntries[static_cast<size_t>(kind)]; }

std::vector<config::FilterKind> those(std::vector<config::FilterKind> kinds, In Entry::*in) {
  std::erase_if(kinds, [&](config::FilterKind kind) { return entry_of(kind).*in == In::kNo; });
  return kinds;
}

}  // namespace

FilterList make_filters(const std::vector<config::FilterKind>& kinds, const Context& context) {
  FilterList filters;
  for (const config::FilterKind kind : kinds) entry_of(kind).make(context, filters);
  return filters;
}

std::vector<config::FilterKind> inner_filters(const std::vector<config::FilterKind>& kinds) {
  return those(kinds, &Entry::inner);
}

std::vector<config::FilterKind> tunnel_filters(const std::vector<config::FilterKind>& kinds) {
  return those(kinds, &Entry::tunnels);
}

}  // namespace outrigger::filters
