// The one list of filters. docs/architecture.md says how to add one. Used when
// a worker's chains are compiled; whoever compiles them owns the filters.
#pragma once

#include <memory>
#include <vector>

#include "filters/context.hpp"
#include "filters/split.hpp"
#include "proxy/chain/filter.hpp"
#include "proxy/chain/router.hpp"

namespace outrigger::filters {

using FilterKinds = std::vector<config::FilterKind>;
using FilterList = std::vector<std::unique_ptr<chain::Filter>>;

// Fills in the chains of a route that ends in `terminal`: one for calls and one for tunnels for
// each of `lists` (the distinct filter lists of the listeners), and the inner one that another
// service's fallback enters, by the first list. Returns the filters, which have to outlive the
// route.
std::vector<FilterList> compile_chains(const std::vector<FilterKinds>& lists,
                                       const Context& context, chain::Terminal& terminal,
                                       chain::Route& route);

// The same for a route whose calls go to one of several others: those of the lists' filters that
// belong to the call as such, and the split. Requires: the chains of the others were compiled of
// below_split(lists).
std::vector<FilterList> compile_split(const std::vector<FilterKinds>& lists, const Context& context,
                                      const SplitSettings& split, chain::Route& route);
std::vector<FilterKinds> below_split(std::vector<FilterKinds> lists);

}  // namespace outrigger::filters
