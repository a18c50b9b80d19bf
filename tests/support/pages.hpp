// What the admin and metrics addresses of a Town answer, as its configuration has them by default.
// Free functions of tests.
#pragma once

#include <string>
#include <string_view>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {

inline const Address kAdmin = *Address::parse("127.0.0.1:9901");
inline const Address kMetrics = *Address::parse("127.0.0.1:9902");

inline std::string page(Town& town, const Address& at, std::string_view path) {
  Caller caller(town, at);
  caller.host = "localhost";
  return caller.get(path).body;
}
// A sample without labels; -1: there is none.
inline double metric(Town& town, const std::string& name) {
  const std::string text = page(town, kMetrics, "/metrics");
  const size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

}  // namespace outrigger::testing
