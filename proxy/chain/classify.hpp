// Which calls count, and the one word for how each ended: for requests_total and the access log,
// which must agree. Pure functions over an exchange; any thread.
#pragma once

#include "metrics/series.hpp"
#include "proxy/chain/exchange.hpp"

namespace outrigger::chain {

// An answer of ours and a response that broke off count by their cause, a status of the upstream's
// own by its class, and what the caller did not wait for as cancelled.
metrics::RequestOutcome classify(const Facts& facts, const Outcome& outcome);

// False for a connection that was taken to be opaque because nobody spoke, and ended before anybody
// did: where it turned out to be HTTP, its requests are the calls.
bool is_call(const Exchange& exchange, const Outcome& outcome);

}  // namespace outrigger::chain
