#pragma once
// The routes of a service, which stand on the layers of other services too: that of each target is
// under what the route itself says. Control thread only.

#include <array>
#include <span>
#include <string_view>

#include "config/model.hpp"
#include "config/reader.hpp"

namespace outrigger::config {

// What belongs to one service alone, and has no part in the policies that others stand on.
inline constexpr auto kNotInDefaults =
    std::to_array<std::string_view>({"hosts", "addresses", "endpoints", "routes", "profile"});

// The map with only, or without, some of its keys.
Node filtered(const Node& map, std::span<const std::string_view> names, bool keep);

// `service`: all layers of it.
void read_routes(Reader& reader, const Node& service, ServiceConfig& out);
// Once all services are known: where the routes of one lead.
void check_routes(Reader& reader, const Config& config, const ServiceConfig& service);
// What the file and the overrides say of a route. `services` are in their order.
Node route_node(const Document& document, const ServiceConfig& service, size_t index);

}  // namespace outrigger::config
