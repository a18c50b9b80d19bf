// What an origin expects of every request, whatever version carried it: it is somebody's, whole, to
// be served here, and has the fields that the policies give it and none that end at the proxy. A
// pure function.
#pragma once

#include <string>

#include "tests/sim/head.hpp"
#include "tests/sim/origin.hpp"

namespace outrigger::sim {

// What is wrong with the head of a request to an origin of `service`; empty: nothing.
std::string wrong_with(const Head& head, size_t service, const OriginContext& context);

}  // namespace outrigger::sim
