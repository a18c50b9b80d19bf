#include "proxy/discovery/eureka_source.hpp"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpServer;

std::string application(const std::string& ip) {
  return R"({"application": {"name": "ORDERS", "instance": [{"ipAddr": ")" + ip +
         R"(", "status": "UP", "port": {"$": 80, "@enabled": "true"}}]}})";
}

class EurekaSourceTest : public ::testing::Test {
 protected:
  EurekaSourceTest() {
    from.kind = config::EndpointSource::Kind::kEureka;
    from.app = "orders";
  }

  void begin() {
    server.emplace(world.transport, world.files, world.no_tls, registry.urls, std::nullopt);
    auto shared = std::shared_ptr<RegistryServer>(&*server, [](RegistryServer*) {});
    source.emplace(world.loop.context(), shared, registry, from, Memory(), recorder);
    source->start();
    world.loop.advance_ms(50);
  }

  VirtualWorld world;
  HttpServer eureka{world.network, "127.0.0.1:8761"};
  config::EurekaRegistryConfig registry;
  config::EndpointSource from;
  Recorder recorder;
  std::optional<RegistryServer> server;
  std::optional<EurekaSource> source;
};

TEST_F(EurekaSourceTest, AsksForAnApplicationAtEachRefresh) {
  int asked = 0;
  eureka.on_request = [&](const HttpServer::Asked& request) {
    request.peer->answer(200, application("10.0.0." + std::to_string(++asked)));
  };
  begin();
  EXPECT_EQ(eureka.last().line, "GET /eureka/apps/ORDERS");
  EXPECT_THAT(eureka.last().head, HasSubstr("accept: application/json\r\n"));
  EXPECT_EQ(recorder.latest(), Texts{"10.0.0.1:80"});
  world.loop.advance_ms(26'000);
  EXPECT_EQ(asked, 1);
  world.loop.advance_ms(8'000);
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(recorder.latest(), Texts{"10.0.0.2:80"});
}

TEST_F(EurekaSourceTest, AsksByVip) {
  from.app.reset();
  from.vip = "orders.v1";
  begin();
  EXPECT_EQ(eureka.last().line, "GET /eureka/vips/orders.v1");
}

TEST_F(EurekaSourceTest, AnApplicationThatIsNotRegisteredHasNoInstances) {
  begin();
  eureka.last().peer->answer(404, "");
  world.loop.advance_ms(50);
  EXPECT_EQ(recorder.latest(), Texts{});
  EXPECT_EQ(recorder.failures, Texts{});
}

TEST_F(EurekaSourceTest, TheNextServerIsAskedAfterAFailure) {
  registry.urls = {"http://127.0.0.1:8761/eureka", "http://127.0.0.1:8762/eureka"};
  HttpServer second(world.network, "127.0.0.1:8762");
  second.on_request = [](const HttpServer::Asked& request) {
    request.peer->answer(200, application("10.0.0.5"));
  };
  begin();
  eureka.last().peer->answer(403, "");
  world.loop.advance_ms(50);
  EXPECT_THAT(recorder.failures, ElementsAre("http://127.0.0.1:8761: status 403"));
  world.loop.advance_ms(2'100);
  EXPECT_EQ(recorder.latest(), Texts{"10.0.0.5:80"});
  EXPECT_EQ(eureka.asked.size(), 1U);
}

TEST_F(EurekaSourceTest, ServicesThatFindAServerAwayTogetherGoToTheNextOneTogether) {
  registry.urls = {"http://127.0.0.1:8761/eureka", "http://127.0.0.1:8762/eureka"};
  HttpServer second(world.network, "127.0.0.1:8762");
  second.on_request = [](const HttpServer::Asked& request) {
    request.peer->answer(200, application("10.0.0.5"));
  };
  begin();
  from.app = "stock";
  Recorder others;
  const auto shared = std::shared_ptr<RegistryServer>(&*server, [](RegistryServer*) {});
  EurekaSource stock(world.loop.context(), shared, registry, from, Memory(), others);
  stock.start();
  world.loop.advance_ms(50);
  ASSERT_EQ(eureka.asked.size(), 2U);
  for (const HttpServer::Asked& asked : eureka.asked) asked.peer->answer(500, "");
  world.loop.advance_ms(2'200);
  EXPECT_EQ(recorder.latest(), Texts{"10.0.0.5:80"});
  EXPECT_EQ(others.latest(), Texts{"10.0.0.5:80"});
}

}  // namespace
}  // namespace outrigger::discovery
