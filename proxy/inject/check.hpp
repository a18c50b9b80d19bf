// Whether a workload can have a sidecar at all. Looks at a document that has none of ours in it.
// Pure functions.
#pragma once

#include <string>
#include <vector>

#include "proxy/inject/settings.hpp"

namespace outrigger::inject {

// Why it is left alone, as it has no use for a sidecar. Empty: it has.
std::string why_skipped(const config::Node& root, const Workload& workload);

// Why no pod could have one that is set so.
std::vector<std::string> why_impossible(const Settings& settings);

// Why it must not have one: sentences, each of which is enough. None: it may.
std::vector<std::string> why_refused(const config::Node& root, const Workload& workload,
                                     const Settings& settings,
                                     const std::vector<Namespace>& namespaces);

}  // namespace outrigger::inject
