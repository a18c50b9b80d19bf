#include "proxy/discovery/consul_source.hpp"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpServer;

std::string instances(const Texts& addresses) {
  std::string json;
  for (const std::string& text : addresses) {
    const size_t colon = text.rfind(':');
    json += std::string(json.empty() ? "" : ",") + R"({"Node": {"Address": "10.9.9.9"},
      "Service": {"Address": ")" +
            text.substr(0, colon) + R"(", "Port": )" + text.substr(colon + 1) + "}}";
  }
  return "[" + json + "]";
}

class ConsulSourceTest : public ::testing::Test {
 protected:
  ConsulSourceTest() {
    from.kind = config::EndpointSource::Kind::kConsul;
    from.service = "orders";
  }

  void begin() {
    server.emplace(world.transport, world.files, world.no_tls,
                   std::vector<std::string>{registry.url}, registry.token_file);
    auto shared = std::shared_ptr<RegistryServer>(&*server, [](RegistryServer*) {});
    source.emplace(world.loop.context(), shared, registry, from, memory, recorder);
    source->start();
    world.loop.advance_ms(50);
  }
  // To the question that waits.
  void answer(const Texts& addresses, uint64_t index, const std::string& more = "") {
    consul.last().peer->answer(200, instances(addresses),
                               "X-Consul-Index: " + std::to_string(index) + "\r\n" + more);
    world.loop.advance_ms(50);
  }

  VirtualWorld world;
  HttpServer consul{world.network, "127.0.0.1:8500"};
  config::ConsulRegistryConfig registry;
  config::EndpointSource from;
  Memory memory;
  Recorder recorder;
  std::optional<RegistryServer> server;
  std::optional<ConsulSource> source;
};

TEST_F(ConsulSourceTest, AsksOnceAndThenWaitsForAChange) {
  begin();
  EXPECT_EQ(consul.last().line, "GET /v1/health/service/orders?passing=true&stale");
  answer({"10.0.0.1:80", "10.0.0.2:80"}, 17);
  EXPECT_EQ(recorder.latest(), (Texts{"10.0.0.1:80", "10.0.0.2:80"}));
  EXPECT_EQ(consul.last().line,
            "GET /v1/health/service/orders?passing=true&stale&index=17&wait=60s");
  world.loop.advance_ms(30'000);
  EXPECT_EQ(consul.asked.size(), 2U) << "it waits for the registry";
  answer({"10.0.0.2:80"}, 19);
  EXPECT_EQ(recorder.latest(), (Texts{"10.0.0.2:80"}));
  EXPECT_THAT(consul.last().line, HasSubstr("index=19"));
  EXPECT_EQ(recorder.failures, Texts{});
}

TEST_F(ConsulSourceTest, TagAndDatacenterAreAskedFor) {
  from.tag = "v1";
  registry.datacenter = "eu";
  begin();
  EXPECT_EQ(consul.last().line, "GET /v1/health/service/orders?passing=true&stale&tag=v1&dc=eu");
}

TEST_F(ConsulSourceTest, AnIndexThatGoesBackIsForgotten) {
  begin();
  answer({"10.0.0.1:80"}, 900);
  answer({"10.0.0.1:80"}, 3);
  EXPECT_EQ(consul.last().line, "GET /v1/health/service/orders?passing=true&stale");
  answer({"10.0.0.1:80"}, 0);
  EXPECT_THAT(consul.last().line, HasSubstr("index=1&")) << "with 0 it would not wait";
}

TEST_F(ConsulSourceTest, ErrorsKeepTheListAndAreSaid) {
  begin();
  answer({"10.0.0.1:80"}, 5);
  consul.last().peer->answer(500, "No cluster leader");
  world.loop.advance_ms(50);
  EXPECT_THAT(recorder.failures,
              ElementsAre("http://127.0.0.1:8500: status 500: No cluster leader"));
  EXPECT_EQ(recorder.latest(), Texts{"10.0.0.1:80"});
  EXPECT_GT(source->lapsed_ms(), 0);
  const size_t before = consul.asked.size();
  world.loop.advance_ms(900);
  EXPECT_EQ(consul.asked.size(), before) << "not at once";
  world.loop.advance_ms(1'200);
  ASSERT_EQ(consul.asked.size(), before + 1);
  EXPECT_EQ(consul.last().line, "GET /v1/health/service/orders?passing=true&stale")
      << "after an error it asks for the whole at once";
  answer({"10.0.0.3:80"}, 6);
  EXPECT_EQ(recorder.latest(), Texts{"10.0.0.3:80"});
  EXPECT_EQ(source->lapsed_ms(), 0);
}

TEST_F(ConsulSourceTest, NothingUnusableReplacesTheList) {
  const std::string bodies[] = {"",
                                "[{",
                                "<html/>",
                                "{}",
                                "[{}]",
                                std::string(17 << 20, ' '),
                                "[{\"Service\": {\"Address\": \"x\", \"Port\": 1}}]"};
  begin();
  answer({"10.0.0.1:80"}, 5);
  consul.last().peer->abort();
  for (const std::string& body : bodies) {
    const size_t before = recorder.failures.size();
    consul.on_request = [&](const HttpServer::Asked& asked) {
      asked.peer->answer(200, body, "X-Consul-Index: 9\r\n");
    };
    world.loop.advance_ms(31'000);
    EXPECT_GT(recorder.failures.size(), before) << body.substr(0, 50);
    EXPECT_EQ(recorder.lists.size(), 1U) << body.substr(0, 50);
  }
  consul.on_request = [&](const HttpServer::Asked& asked) {
    asked.peer->answer(302, "", "Location: http://10.0.0.8/\r\n");
  };
  world.loop.advance_ms(31'000);
  EXPECT_EQ(recorder.failures.back(), "http://127.0.0.1:8500: status 302");
}

TEST_F(ConsulSourceTest, WhoHasNoLeaderTakesNothingAway) {
  begin();
  answer({"10.0.0.2:80"}, 4);
  answer({"10.0.0.2:80", "10.0.0.1:80"}, 5, "X-Consul-KnownLeader: false\r\n");
  EXPECT_EQ(recorder.latest(), (Texts{"10.0.0.2:80", "10.0.0.1:80"}));
  answer({}, 6, "X-Consul-KnownLeader: false\r\n");
  EXPECT_EQ(recorder.latest(), (Texts{"10.0.0.2:80", "10.0.0.1:80"}));
  EXPECT_THAT(recorder.failures, ElementsAre("http://127.0.0.1:8500: it has no leader"));
}

// As Consul 1.14 answers.
TEST_F(ConsulSourceTest, AnAgentThatStreamsIsBelievedWhateverItSaysOfLeaders) {
  begin();
  answer({"10.0.0.1:80", "10.0.0.2:80"}, 5);
  answer({"10.0.0.1:80"}, 6,
         "X-Consul-KnownLeader: false\r\nX-Consul-Query-Backend: streaming\r\n");
  EXPECT_EQ(recorder.latest(), Texts{"10.0.0.1:80"});
  EXPECT_EQ(recorder.failures, Texts{});
}

TEST_F(ConsulSourceTest, ARegistryThatFallsSilentIsAskedAgain) {
  begin();
  answer({"10.0.0.1:80"}, 5);
  world.loop.advance_ms(ConsulSource::kWaitMs + ConsulSource::kWaitMs / 16 + 9'000);
  EXPECT_EQ(consul.asked.size(), 2U);
  world.loop.advance_ms(4'000);
  EXPECT_EQ(consul.asked.size(), 3U);
  EXPECT_THAT(recorder.failures, ElementsAre("http://127.0.0.1:8500: it did not answer in time"));
  EXPECT_EQ(recorder.latest(), Texts{"10.0.0.1:80"});
}

TEST_F(ConsulSourceTest, AnswersThatComeAtOnceSetThePace) {
  begin();
  consul.on_request = [](const HttpServer::Asked& asked) {
    asked.peer->answer(200, "[]", "X-Consul-Index: 5\r\n");
  };
  answer({"10.0.0.1:80"}, 5);
  world.loop.advance_ms(60'000);
  EXPECT_LE(consul.asked.size(), 75U);
  EXPECT_GE(consul.asked.size(), 60U) << "a change is seen within a second";
}

TEST_F(ConsulSourceTest, TheTokenIsReadFirstAndFollowed) {
  registry.token_file = "/token";
  world.files.set("/token", "secret\n");
  begin();
  world.loop.advance_ms(500);
  EXPECT_THAT(consul.last().head, HasSubstr("x-consul-token: secret\r\n"));
  world.files.set("/token", "other\n");
  world.loop.advance_ms(5'000);
  answer({"10.0.0.1:80"}, 5);
  EXPECT_THAT(consul.last().head, HasSubstr("x-consul-token: other\r\n"));
}

TEST_F(ConsulSourceTest, WhatWasKnownServesUntilTheFirstAnswer) {
  memory["consul consul /v1/health/service/orders?passing=true&stale"] = {listed({"10.0.0.7:80"}),
                                                                          world.now_ms() - 500};
  begin();
  EXPECT_EQ(recorder.latest(), Texts{"10.0.0.7:80"});
  EXPECT_EQ(source->age_ms(), 550);
  Memory kept;
  source->remember(kept);
  EXPECT_EQ(texts(kept.begin()->second.list), Texts{"10.0.0.7:80"});
}

TEST_F(ConsulSourceTest, IsGoneInTheMiddleOfAQuestion) {
  begin();
  answer({"10.0.0.1:80"}, 5);
  source.reset();
  world.loop.run_until_idle();
  EXPECT_EQ(world.runtime.exchanges.in_use(), 0U);
  EXPECT_TRUE(consul.last().peer->ended || consul.last().peer->broken);
}

}  // namespace
}  // namespace outrigger::discovery
