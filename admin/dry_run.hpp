// What a change would do at this moment, by the window and the calls that are open now. Nothing is
// changed. Control thread.
#pragma once

#include "admin/resources.hpp"

namespace outrigger::admin {

// JSON, as all that is returned here.
std::string counts_json(const upstream::Counts& counts);

// Whether the circuit of the target would open under these settings.
std::string would_open(const Parts& parts, const config::Target& target,
                       const config::Policy& next);
// Whether its limits would refuse the next call.
std::string would_limit(const Parts& parts, const config::Target& target,
                        const config::Policy& next);

// Nothing: it is not asked for. The failure is a 400.
Result<bool, Answer> is_dry_run(const Request& request);

}  // namespace outrigger::admin
