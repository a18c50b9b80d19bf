// A town with one server of bytes, for tests of tunnels that are asked for in HTTP: what the server
// says to an Upgrade, and what it was asked.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "tests/support/neighbour.hpp"

namespace outrigger::testing {

inline constexpr std::string_view kOrders =
    "services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}";
inline constexpr std::string_view kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: y\r\n\r\n";

struct Asked : ::testing::Test {
  explicit Asked(std::string_view yaml = kOrders) : town(yaml) {}

  std::string head() { return server.last().take_head(); }

  Town town;
  TestOrigin server{town.network, *Address::parse("10.0.0.1:80")};
};

}  // namespace outrigger::testing
