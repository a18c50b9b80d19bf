// A thousand sidecars and one registry: what it is asked in peace, at a change, and when it comes
// back from the dead.
#include <deque>

#include <gtest/gtest.h>

#include "proxy/discovery/consul_source.hpp"
#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

using testing::HttpServer;

constexpr size_t kSidecars = 1'000;
constexpr int64_t kStepMs = 100;
constexpr int64_t kWaitMs = ConsulSource::kWaitMs;

constexpr const char* kOne = R"([{"Node": {"Address": "10.0.0.1"},
  "Service": {"Address": "10.0.0.1", "Port": 80}}])";
constexpr const char* kOther = R"([{"Node": {"Address": "10.0.0.2"},
  "Service": {"Address": "10.0.0.2", "Port": 80}}])";

class HerdTest : public ::testing::Test {
 protected:
  HerdTest() {
    from.kind = config::EndpointSource::Kind::kConsul;
    from.service = "orders";
    open();
    for (size_t i = 0; i < kSidecars; ++i) {
      auto server = std::make_shared<RegistryServer>(world.transport, world.files, world.no_tls,
                                                     std::vector<std::string>{registry.url},
                                                     registry.token_file);
      sources.push_back(std::make_unique<ConsulSource>(world.loop.context(), server, registry, from,
                                                       memory, recorder));
      sources.back()->start();
      // Sidecars do not start together.
      if (i % 10 == 0) pass(kStepMs);
    }
    pass(5'000);
  }

  void open() {
    consul = std::make_unique<HttpServer>(world.network, "127.0.0.1:8500");
    consul->on_request = [this](const HttpServer::Asked& asked) {
      ++asked_in_step;
      if (asked.line.find("index=") == std::string::npos) return answer(*asked.peer);
      waiting.push_back({world.now_ms() + kWaitMs, asked.peer});
    };
  }
  void answer(HttpServer::Peer& peer) {
    peer.answer(200, body, "X-Consul-Index: " + std::to_string(index) + "\r\n");
  }
  // Time goes on; blocking queries end when they have waited. Returns how many questions came.
  size_t pass(int64_t ms) {
    size_t sum = 0;
    for (int64_t passed = 0; passed < ms; passed += kStepMs) {
      asked_in_step = 0;
      while (!waiting.empty() && waiting.front().due_ms <= world.now_ms()) {
        answer(*waiting.front().peer);
        waiting.pop_front();
      }
      world.loop.advance_ms(kStepMs);
      most_in_step = std::max(most_in_step, asked_in_step);
      sum += asked_in_step;
    }
    return sum;
  }
  size_t at(const std::string& address) const {
    return static_cast<size_t>(std::ranges::count_if(
        sources, [&](const auto& source) { return texts(source->list()) == Texts{address}; }));
  }

  struct Waiting {
    int64_t due_ms;
    HttpServer::Peer* peer;
  };
  VirtualWorld world;
  config::ConsulRegistryConfig registry;
  config::EndpointSource from;
  Memory memory;
  Recorder recorder;
  std::string body = kOne;
  int index = 7;
  std::deque<Waiting> waiting;
  std::unique_ptr<HttpServer> consul;
  std::vector<std::unique_ptr<ConsulSource>> sources;
  size_t asked_in_step = 0;
  size_t most_in_step = 0;
};

TEST_F(HerdTest, InPeaceTheRegistryIsAskedOnceForEachWait) {
  EXPECT_EQ(at("10.0.0.1:80"), kSidecars);
  EXPECT_LE(pass(10 * kWaitMs), 11 * kSidecars);
}

TEST_F(HerdTest, AChangeReachesAllAtOnceAndCostsOneQuestionOfEach) {
  body = kOther;
  ++index;
  for (const Waiting& one : std::exchange(waiting, {})) answer(*one.peer);
  const size_t asked = pass(1'000);
  EXPECT_EQ(at("10.0.0.2:80"), kSidecars);
  EXPECT_LE(asked, kSidecars);
}

TEST_F(HerdTest, OneThatComesBackIsAskedByFewAtATime) {
  waiting.clear();
  consul.reset();  // all connections break at once
  pass(60'000);
  EXPECT_EQ(at("10.0.0.1:80"), kSidecars) << "an error removes nothing";
  body = kOther;
  index = 1;
  open();
  most_in_step = 0;
  pass(60'000);
  EXPECT_EQ(at("10.0.0.2:80"), kSidecars);
  EXPECT_LE(most_in_step, kSidecars / 20) << "in a tenth of a second";
}

}  // namespace
}  // namespace outrigger::discovery
