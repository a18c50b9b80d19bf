#pragma once
// What must hold between parts of a configuration that are far from each other: names that are used
// and defined, hosts and addresses claimed once, ports bound once, policies whose filter is there.

#include "config/model.hpp"
#include "config/reader.hpp"

namespace outrigger::config {

void validate(Reader& reader, const Config& config);

// A part of it: each registration is in a registry that can do it.
void check_registrations(Reader& reader, const Config& config);

}  // namespace outrigger::config
