#include <atomic>
#include <csignal>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

// Each caller has its own text in path and body, so that a mixed-up answer shows.
TEST(Throughput, EveryCallOfManyCallersIsAnsweredCountedAndGone) {
  constexpr int kCallers = 4;
  constexpr int kCalls = 2'000;
  const Origin origin([](const Request& request, Wire& wire) {
    return wire.send(Origin::response(request.line + request.body));
  });
  Sidecar sidecar("workers: 2\ndrain: {quiet: 50ms}\nservices: {orders: {endpoints: {static: [\"" +
                  origin.address() + "\"]}}}\n");
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      Client client(sidecar.address());
      for (int n = 0; n < kCalls; ++n) {
        const std::string mine = std::to_string(caller) + "-" + std::to_string(n);
        const std::string line = "POST /" + mine + " HTTP/1.1";
        const Response response = client.call(line + "\r\nHost: orders\r\nContent-Length: " +
                                              std::to_string(mine.size()) + "\r\n\r\n" + mine);
        if (response.status != 200 || response.body != line + mine) ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(origin.hits(), size_t{kCallers * kCalls});
  EXPECT_EQ(sidecar.metric("outrigger_requests_total"), kCallers * kCalls);
  EXPECT_EQ(sidecar.metric("outrigger_requests_total", {"outcome=\"success\""}), kCallers * kCalls);
  EXPECT_EQ(sidecar.metric("outrigger_request_duration_seconds_count", {"service=\"orders\""}),
            kCallers * kCalls);
  EXPECT_EQ(sidecar.metric("outrigger_outstanding"), 0);
  EXPECT_TRUE(eventually(
      [&] { return sidecar.metric("outrigger_connections", {"side=\"downstream\""}) == 0; }));
  sidecar.process().signal(SIGTERM);
  EXPECT_EQ(sidecar.process().wait(), 0);
}

}  // namespace
}  // namespace outrigger::testing
