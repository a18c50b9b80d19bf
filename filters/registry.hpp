// The one list of filters. docs/architecture.md says how to add one. Used when
// a worker's chains are compiled; whoever compiles them owns the filters.
#pragma once

#include <memory>
#include <vector>

#include "filters/context.hpp"
#include "proxy/chain/filter.hpp"

namespace outrigger::filters {

using FilterList = std::vector<std::unique_ptr<chain::Filter>>;

// The filters of `kinds` whose policy does something on this route, in that order.
FilterList make_filters(const std::vector<config::FilterKind>& kinds, const Context& context);

// What the fallback of another service enters: all but the outer ones, which belong to the call.
std::vector<config::FilterKind> inner_filters(const std::vector<config::FilterKind>& kinds);
// What takes part in connections that are carried unread: all but those that read HTTP.
std::vector<config::FilterKind> tunnel_filters(const std::vector<config::FilterKind>& kinds);

}  // namespace outrigger::filters
