// How HTTP/1 proves that both ends mean a WebSocket (RFC 6455 sections 4.1 and 4.2.2). HTTP/2 needs
// no proof (RFC 8441 section 5.1), so that whoever translates gives or takes it. Any thread.
#pragma once

#include <string_view>

#include "proxy/base/arena.hpp"
#include "proxy/base/random.hpp"

namespace outrigger::http {

inline constexpr std::string_view kWebSocketKey = "Sec-WebSocket-Key";
inline constexpr std::string_view kWebSocketAccept = "Sec-WebSocket-Accept";

// The protocol of Upgrade.
bool is_websocket(std::string_view upgrade);
// The name of a field that is such a proof.
bool is_websocket_proof(std::string_view name);

std::string_view make_websocket_key(Random& random, Arena& arena);
std::string_view websocket_accept_of(std::string_view key, Arena& arena);

}  // namespace outrigger::http
