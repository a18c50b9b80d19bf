#include "filters/registry.hpp"

#include <array>
#include <utility>

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
  In above_split;                             // once for the call, whoever gets it
};

constexpr std::array<Entry, config::kFilterNames.size()> kEntries = {{
    {config::FilterKind::kAccessLog, AccessLogFilter::make, In::kNo, In::kYes, In::kYes},
    {config::FilterKind::kTrace, Trace::make, In::kNo, In::kNo, In::kYes},
    {config::FilterKind::kHeaders, Headers::make, In::kYes, In::kNo, In::kNo},
    {config::FilterKind::kFallback, Fallback::make, In::kNo, In::kNo, In::kNo},
    {config::FilterKind::kDeadline, Deadline::make, In::kYes, In::kYes, In::kNo},
    {config::FilterKind::kOutstanding, Outstanding::make, In::kYes, In::kYes, In::kNo},
    {config::FilterKind::kRetry, Retry::make, In::kYes, In::kYes, In::kNo},
    {config::FilterKind::kCircuit, Circuit::make, In::kYes, In::kYes, In::kNo},
    {config::FilterKind::kAttemptTimeout, AttemptTimeout::make, In::kYes, In::kYes, In::kNo},
}};

constexpr bool in_order() {
  for (size_t i = 0; i < kEntries.size(); ++i) {
    if (static_cast<size_t>(kEntries[i].kind) != i) return false;
  }
  return true;
}
static_assert(in_order());

const Entry& entry_of(config::FilterKind kind) { return kEntries[static_cast<size_t>(kind)]; }

// Without what does not belong there: all but those that read HTTP take part in tunnels, all but
// the outer ones, which belong to the call, in the fallback of another service.
FilterKinds those(FilterKinds kinds, In Entry::*in) {
  std::erase_if(kinds, [&](config::FilterKind kind) { return entry_of(kind).*in == In::kNo; });
  return kinds;
}

FilterList filters_of(const FilterKinds& kinds, const Context& context) {
  FilterList filters;
  for (const config::FilterKind kind : kinds) entry_of(kind).make(context, filters);
  return filters;
}

std::unique_ptr<chain::Chain> chain_of(FilterList filters, chain::Terminal& terminal,
                                       std::vector<FilterList>& owned) {
  std::vector<chain::Filter*> list;
  for (const auto& filter : filters) list.push_back(filter.get());
  owned.push_back(std::move(filters));
  return std::make_unique<chain::Chain>(std::move(list), terminal);
}

// The chain of a split by the filter list `index`; `chains` are calls' or tunnels'.
std::unique_ptr<chain::Chain> split_of(
    FilterList filters, const Context& context, const SplitSettings& split,
    std::vector<std::unique_ptr<chain::Chain>> chain::Route::*chains, size_t index,
    std::vector<FilterList>& owned) {
  std::vector<const chain::Chain*> below;
  for (const SplitTarget& target : split.targets) {
    below.push_back((target.route->*chains)[index].get());
  }
  filters.push_back(std::make_unique<Split>(context.runtime, split, std::move(below)));
  return chain_of(std::move(filters), no_terminal(), owned);
}

}  // namespace

std::vector<FilterList> compile_chains(const std::vector<FilterKinds>& lists,
                                       const Context& context, chain::Terminal& terminal,
                                       chain::Route& route) {
  std::vector<FilterList> owned;
  for (const FilterKinds& kinds : lists) {
    route.chains.push_back(chain_of(filters_of(kinds, context), terminal, owned));
    const FilterKinds of_tunnels = those(kinds, &Entry::tunnels);
    route.tunnels.push_back(chain_of(filters_of(of_tunnels, context), terminal, owned));
  }
  const FilterKinds& first = lists.empty() ? config::default_filters() : lists.front();
  route.inner = chain_of(filters_of(those(first, &Entry::inner), context), terminal, owned);
  return owned;
}

std::vector<FilterList> compile_split(const std::vector<FilterKinds>& lists, const Context& context,
                                      const SplitSettings& split, chain::Route& route) {
  using chain::Route;
  std::vector<FilterList> owned;
  for (size_t i = 0; i < lists.size(); ++i) {
    const FilterKinds above = those(lists[i], &Entry::above_split);
    const FilterKinds of_tunnels = those(above, &Entry::tunnels);
    route.chains.push_back(
        split_of(filters_of(above, context), context, split, &Route::chains, i, owned));
    route.tunnels.push_back(
        split_of(filters_of(of_tunnels, context), context, split, &Route::tunnels, i, owned));
  }
  return owned;
}

std::vector<FilterKinds> below_split(std::vector<FilterKinds> lists) {
  for (FilterKinds& kinds : lists) {
    std::erase_if(kinds,
                  [](config::FilterKind kind) { return entry_of(kind).above_split == In::kYes; });
  }
  return lists;
}

}  // namespace outrigger::filters
