// A town of two versions of one service, `orders` and `orders-v2`, with a route between them. Owned
// by a test; one thread.
#pragma once

#include <map>
#include <string>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {

inline constexpr const char* kOld = "10.0.0.1:80";
inline constexpr const char* kNew = "10.0.0.2:80";

// Orders with one route, and its second service. Neither is retried.
inline std::string orders_with(const std::string& route, const std::string& of_new = "",
                               const std::string& of_old = "") {
  return "services:\n"
         "  orders: {endpoints: {static: ['10.0.0.1:80']}, retry: off, endpoint_circuit: off, "
         "routes: [" +
         route + "]" + of_old +
         "}\n"
         "  orders-v2: {endpoints: {static: ['10.0.0.2:80']}, endpoint_circuit: off, hosts: []" +
         (of_new.empty() ? ", retry: off" : of_new) + "}\n";
}

struct SplitTown : Town {
  explicit SplitTown(const std::string& yaml, unsigned count = 1, uint64_t seed = 1)
      : Town(yaml, count, seed), before(origin(kOld)), after(origin(kNew)) {
    before.otherwise = answers(200, "old");
    after.otherwise = answers(200, "new");
  }
  void force(const std::string& name, upstream::CircuitForce force) {
    service(name).circuit().force(force, now_ms());
  }
  // The answers of so many calls, by what they are: a body, or the status of an error.
  std::map<std::string, int> ask(int calls, const std::string& path = "/") {
    std::map<std::string, int> got;
    Caller caller(*this);
    for (int i = 0; i < calls; ++i) {
      const Message answer = caller.get(path);
      ++got[answer.status() == 200 ? answer.body : std::to_string(answer.status())];
    }
    return got;
  }

  Origin& before;
  Origin& after;
};

}  // namespace outrigger::testing
