// Configurations of scenarios in which another one takes their place: one service at one address,
// and the listener before it. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace outrigger::testing {

inline constexpr const char* kAt = "10.0.0.1:80";

// `policy`: more keys of the service, each behind a comma.
inline std::string orders(std::string_view policy = "") {
  return "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, retry: off" +
         std::string(policy) + "}}\n";
}
// A policy by which each answer says that number in `x-version`.
inline std::string says(int number) {
  return ", headers: {response: {set: {x-version: '" + std::to_string(number) + "'}}}";
}
inline std::string version(int number) { return orders(says(number)); }

// `more`: keys of the listener or, behind "}, {", other listeners.
inline std::string listening(std::string_view more, std::string_view policy = "") {
  return "listeners: [{name: outbound, address: '127.0.0.1:15001'" + std::string(more) + "}]\n" +
         orders(policy);
}

}  // namespace outrigger::testing
