// The one word for how a call ended: for requests_total and the access log, which must agree. Pure
// functions over the facts of an exchange; any thread.
#pragma once

#include "metrics/series.hpp"
#include "proxy/chain/exchange.hpp"

namespace outrigger::chain {

// An answer of ours and a response that broke off count by their cause, a status of the upstream's
// own by its class, and what the caller did not wait for as cancelled.
metrics::RequestOutcome classify(const Facts& facts, const Outcome& outcome);

}  // namespace outrigger::chain
