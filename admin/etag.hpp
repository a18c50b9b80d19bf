// What an operator sees of a service or route as one tag, so that two of them do not overwrite each
// other's changes: a hash of its policy, its overrides and the forced state of its circuit, never
// of counts. Pure functions; control thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/resources.hpp"

namespace outrigger::admin {

// Of all of them together.
std::string etag_of(const Parts& parts, const std::vector<config::Target>& targets);

// 412 where If-Match does not name the tag of the target.
std::optional<Answer> refuse_stale(const Parts& parts, const Request& request,
                                   const config::Target& target);

}  // namespace outrigger::admin
