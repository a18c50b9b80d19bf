#include "proxy/discovery/kubernetes_source.hpp"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::HttpServer;

std::string slice(const std::string& name, const std::string& service, const Texts& ips,
                  const std::string& ports = R"({"name": "http", "port": 80})") {
  std::string endpoints;
  for (const std::string& ip : ips) {
    const bool terminates = ip.ends_with('-');
    endpoints += std::string(endpoints.empty() ? "" : ",") + R"({"addresses": [")" +
                 (terminates ? ip.substr(0, ip.size() - 1) : ip) + R"("], "conditions": )" +
                 (terminates ? R"({"ready": false, "serving": true, "terminating": true})"
                             : R"({"ready": true})") +
                 "}";
  }
  return R"({"metadata": {"name": ")" + name + R"(", "labels": {"kubernetes.io/service-name": ")" +
         service + R"("}, "resourceVersion": "v-)" + name +
         R"("}, "addressType": "IPv4", "ports": [)" + ports + R"(], "endpoints": [)" + endpoints +
         "]}";
}

std::string page(const Texts& slices, const std::string& version, const std::string& next = "") {
  std::string items;
  for (const std::string& each : slices) items += (items.empty() ? "" : ",") + each;
  return R"({"metadata": {"resourceVersion": ")" + version + R"(", "continue": ")" + next +
         R"("}, "items": [)" + items + "]}";
}

std::string event(const std::string& type, const std::string& object) {
  std::string line = R"({"type": ")" + type + R"(", "object": )" + object + "}";
  std::erase(line, '\n');
  return line + "\n";
}

class KubernetesSourceTest : public ::testing::Test {
 protected:
  KubernetesSourceTest() {
    settings.url = "http://10.0.0.1:6443";
    settings.name_space = "shop";
    from.kind = config::EndpointSource::Kind::kKubernetes;
    from.registry = "kubernetes";
    from.service = "orders";
  }
  ~KubernetesSourceTest() override {
    source.reset();
    other.reset();
    kubernetes.reset();
    world.loop.run_until_idle();
    EXPECT_EQ(world.runtime.exchanges.in_use(), 0U);
  }

  void begin() {
    kubernetes = std::make_shared<KubernetesApi>(surroundings, access, settings);
    source.emplace(world.loop.context(), kubernetes, from, memory, recorder);
    source->start();
    world.loop.advance_ms(300);
  }
  void begin_with(const Texts& slices, const std::string& version = "100") {
    begin();
    answer(page(slices, version));
  }
  void answer(const std::string& body, int status = 200) {
    api.last().peer->answer(status, body);
    world.loop.advance_ms(20);
  }
  // The watch that was asked for last.
  void watch_says(const std::string& bytes) {
    if (watched != api.last().peer) api.last().peer->begin_stream();
    watched = api.last().peer;
    watched->chunk(bytes);
    world.loop.advance_ms(20);
  }
  void watch_ends() {
    watched->end_stream();
    world.loop.advance_ms(20);
  }

  VirtualWorld world;
  HttpServer api{world.network, "10.0.0.1:6443"};
  const Surroundings surroundings = world.surroundings();
  const RegistryAccess access = world.access();
  config::KubernetesRegistryConfig settings;
  config::EndpointSource from;
  Memory memory;
  Recorder recorder;
  Recorder others;
  std::shared_ptr<KubernetesApi> kubernetes;
  std::optional<KubernetesSource> source;
  std::optional<KubernetesSource> other;
  HttpServer::Peer* watched = nullptr;
};

TEST_F(KubernetesSourceTest, ListsAndThenWatchesFromThere) {
  begin();
  EXPECT_EQ(api.last().line,
            "GET /apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector="
            "kubernetes.io%2Fservice-name%20in%20%28orders%29&limit=100");
  answer(page({slice("a", "orders", {"10.1.0.1"})}, "100"));
  EXPECT_EQ(recorder.latest(), Texts{"10.1.0.1:80"});
  EXPECT_THAT(api.last().line,
              HasSubstr("&watch=1&allowWatchBookmarks=true&resourceVersion=100&timeoutSeconds=3"));
  watch_says(event("MODIFIED", slice("a", "orders", {"10.1.0.1", "10.1.0.2"})));
  EXPECT_EQ(recorder.latest(), (Texts{"10.1.0.1:80", "10.1.0.2:80"}));
  watch_says(event("ADDED", slice("b", "orders", {"10.1.0.3"})));
  EXPECT_EQ(recorder.latest(), (Texts{"10.1.0.1:80", "10.1.0.2:80", "10.1.0.3:80"}));
  watch_says(event("DELETED", slice("a", "orders", {"10.1.0.1"})));
  EXPECT_EQ(recorder.latest(), Texts{"10.1.0.3:80"});
  EXPECT_EQ(api.asked.size(), 2U);
  EXPECT_EQ(recorder.failures, Texts{});
}

TEST_F(KubernetesSourceTest, EventsComeInWhateverPieces) {
  begin_with({});
  const std::string all = event("ADDED", slice("a", "orders", {"10.1.0.1"})) +
                          event("ADDED", slice("b", "orders", {"10.1.0.2"}));
  for (const char c : all) watch_says(std::string(1, c));
  EXPECT_EQ(recorder.latest(), (Texts{"10.1.0.1:80", "10.1.0.2:80"}));
}

TEST_F(KubernetesSourceTest, AListComesInPages) {
  begin();
  answer(page({slice("a", "orders", {"10.1.0.1"})}, "100", "more"));
  EXPECT_EQ(recorder.lists.size(), 0U) << "a part is no list";
  EXPECT_THAT(api.last().line, EndsWith("&limit=100&continue=more"));
  answer(page({slice("b", "orders", {"10.1.0.2"})}, "100"));
  EXPECT_EQ(recorder.latest(), (Texts{"10.1.0.1:80", "10.1.0.2:80"}));
}

TEST_F(KubernetesSourceTest, APageThatHasExpiredBeginsTheListAnew) {
  begin();
  answer(page({slice("a", "orders", {"10.1.0.1"})}, "100", "more"));
  answer("{}", 410);
  EXPECT_THAT(api.last().line, EndsWith("&limit=100"));
  answer(page({slice("b", "orders", {"10.1.0.2"})}, "101"));
  EXPECT_EQ(recorder.latest(), Texts{"10.1.0.2:80"});
}

TEST_F(KubernetesSourceTest, AWatchThatEndsGoesOnWhereItWas) {
  begin_with({slice("a", "orders", {"10.1.0.1"})});
  watch_says(event("BOOKMARK", R"({"metadata": {"resourceVersion": "777"}})"));
  world.loop.advance_ms(60'000);
  watch_ends();
  EXPECT_THAT(api.last().line, HasSubstr("resourceVersion=777"));
  EXPECT_EQ(recorder.failures, Texts{}) << "that is ordinary";
}

TEST_F(KubernetesSourceTest, AServerThatForgotThePlaceIsListedAgain) {
  for (const bool by_event : {true, false}) {
    api.asked.clear();
    source.reset();
    watched = nullptr;
    begin_with({slice("a", "orders", {"10.1.0.1"})});
    if (by_event) {
      watch_says(event("ERROR", R"({"kind": "Status", "code": 410, "reason": "Expired"})"));
    } else {
      answer("{}", 410);
    }
    EXPECT_THAT(api.last().line, EndsWith("&limit=100"));
    EXPECT_EQ(recorder.latest(), Texts{"10.1.0.1:80"}) << "the old ones serve meanwhile";
    answer(page({slice("b", "orders", {"10.1.0.2"})}, "200"));
    EXPECT_EQ(recorder.latest(), Texts{"10.1.0.2:80"});
  }
}

TEST_F(KubernetesSourceTest, WhatIsNoEventIsListedAgain) {
  begin_with({slice("a", "orders", {"10.1.0.1"})});
  watch_says("{\"type\": \"MODIF\n");
  EXPECT_THAT(recorder.failures,
              ElementsAre("http://10.0.0.1:6443: a line of the watch is no event"));
  world.loop.advance_ms(2'100);
  EXPECT_THAT(api.last().line, EndsWith("&limit=100"));
  EXPECT_EQ(recorder.latest(), Texts{"10.1.0.1:80"});
}

TEST_F(KubernetesSourceTest, RefusalsAreSaidAndTriedAgainAtLeisure) {
  begin();
  answer(R"({"message": "endpointslices is forbidden"})", 403);
  ASSERT_EQ(recorder.failures.size(), 1U);
  EXPECT_EQ(recorder.failures.front(),
            "http://10.0.0.1:6443: status 403: endpointslices is forbidden");
  const size_t before = api.asked.size();
  world.loop.advance_ms(900);
  EXPECT_EQ(api.asked.size(), before);
  world.loop.advance_ms(1'300);
  EXPECT_EQ(api.asked.size(), before + 1);
}

TEST_F(KubernetesSourceTest, ARefusedWatchSaysWhyAndKeepsTheList) {
  begin_with({slice("a", "orders", {"10.1.0.1"})});
  answer(R"({"kind": "Status", "message": "User \"x\" cannot watch", "code": 403})", 403);
  EXPECT_THAT(recorder.failures,
              ElementsAre("http://10.0.0.1:6443: status 403: User \"x\" cannot watch"));
  world.loop.advance_ms(2'100);
  answer("<html>Bad gateway</html>", 502);
  EXPECT_EQ(recorder.failures.back(), "http://10.0.0.1:6443: status 502: <html>Bad gateway</html>");
  EXPECT_EQ(recorder.latest(), Texts{"10.1.0.1:80"});
}

TEST_F(KubernetesSourceTest, RetryAfterIsObeyed) {
  begin();
  api.last().peer->answer(429, "", "Retry-After: 20\r\n");
  world.loop.advance_ms(19'000);
  EXPECT_EQ(api.asked.size(), 1U);
  world.loop.advance_ms(2'000);
  EXPECT_EQ(api.asked.size(), 2U);
}

TEST_F(KubernetesSourceTest, AWatchThatFallsSilentIsOpenedAgain) {
  begin_with({slice("a", "orders", {"10.1.0.1"})});
  watch_says(event("MODIFIED", slice("a", "orders", {"10.1.0.2"})));
  world.loop.advance_ms(KubernetesWatch::kWatchMs * 6 / 5 + 33'000);
  EXPECT_EQ(recorder.latest(), Texts{"10.1.0.2:80"});
  ASSERT_FALSE(recorder.failures.empty());
  EXPECT_EQ(recorder.failures.front(), "http://10.0.0.1:6443: it fell silent within its answer");
  EXPECT_GT(source->lapsed_ms(), 0);
  EXPECT_THAT(api.last().line, HasSubstr("resourceVersion=v-a"));
}

TEST_F(KubernetesSourceTest, ThoseThatTerminateComeLast) {
  begin_with({slice("a", "orders", {"10.1.0.1-", "10.1.0.2"}), slice("b", "orders", {"10.1.0.1"})});
  EXPECT_EQ(recorder.latest(), (Texts{"10.1.0.2:80", "10.1.0.1:80", "10.1.0.1:80"}));
  EXPECT_TRUE(source->list().back().terminating);
}

TEST_F(KubernetesSourceTest, ThePortIsNamedOrNumberedOrTheOnlyOne) {
  const std::string two = R"({"name": "http", "port": 80}, {"name": "grpc", "port": 9000})";
  from.port = "grpc";
  begin_with({slice("a", "orders", {"10.1.0.1"}, two)});
  EXPECT_EQ(recorder.latest(), Texts{"10.1.0.1:9000"});
  from.port = "80";
  source.reset();
  begin_with({slice("a", "orders", {"10.1.0.1"}, two)});
  EXPECT_EQ(recorder.latest(), Texts{"10.1.0.1:80"});
  from.port = "";
  source.reset();
  begin_with({slice("a", "orders", {"10.1.0.1"}, two)});
  EXPECT_THAT(recorder.failures, ElementsAre("orders: there are several ports; write \"port\""));
  from.port = "https";
  source.reset();
  begin_with({slice("a", "orders", {"10.1.0.1"}, two)});
  EXPECT_EQ(recorder.failures.back(), "orders: no port is called \"https\"");
}

TEST_F(KubernetesSourceTest, AllServicesOfANamespaceShareOneWatch) {
  begin();
  from.service = "stock";
  other.emplace(world.loop.context(), kubernetes, from, memory, others);
  other->start();
  world.loop.advance_ms(20);
  EXPECT_THAT(api.last().line, HasSubstr("in%20%28orders%2Cstock%29&limit"));
  answer(page({slice("a", "orders", {"10.1.0.1"}), slice("b", "stock", {"10.2.0.1"})}, "1"));
  EXPECT_EQ(recorder.latest(), Texts{"10.1.0.1:80"});
  EXPECT_EQ(others.latest(), Texts{"10.2.0.1:80"});
  const size_t lists = recorder.lists.size();
  watch_says(event("MODIFIED", slice("b", "stock", {"10.2.0.2"})));
  EXPECT_EQ(others.latest(), Texts{"10.2.0.2:80"});
  EXPECT_EQ(recorder.lists.size(), lists) << "the other one has nothing to do with it";
}

TEST_F(KubernetesSourceTest, InAPodAddressTokenAndNamespaceAreItsOwn) {
  settings = {};
  settings.ca_file = "/ca.pem";
  world.variables["KUBERNETES_SERVICE_HOST"] = "fd00::1";
  world.variables["KUBERNETES_SERVICE_PORT"] = "443";
  world.files.set("/ca.pem", "no certificate");
  begin();
  world.loop.advance_ms(3'000);
  ASSERT_FALSE(recorder.failures.empty());
  EXPECT_THAT(recorder.failures.front(), HasSubstr("/ca.pem"))
      << "nothing is sent before it is trusted";
  EXPECT_EQ(world.network.connects(), 0U);
}

TEST_F(KubernetesSourceTest, OutsideAPodThatIsSaid) {
  settings = {};
  begin();
  EXPECT_THAT(recorder.failures,
              ElementsAre("this is no pod: KUBERNETES_SERVICE_HOST is not set; write \"url\""));
}

TEST_F(KubernetesSourceTest, TheTokenIsSentAndFollowed) {
  settings.token_file = "/token";
  world.files.set("/token", "one\n");
  begin_with({});
  EXPECT_THAT(api.last().head, HasSubstr("authorization: Bearer one\r\n"));
  world.files.set("/token", "two\n");
  world.loop.advance_ms(5'000);
  answer("{}", 401);
  world.loop.advance_ms(2'100);
  EXPECT_THAT(api.last().head, HasSubstr("authorization: Bearer two\r\n"));
}

TEST_F(KubernetesSourceTest, WhatWasKnownServesUntilTheFirstList) {
  memory["kubernetes kubernetes /orders:"] = {listed({"10.1.0.9:80"}), world.now_ms()};
  begin();
  EXPECT_EQ(recorder.latest(), Texts{"10.1.0.9:80"});
  EXPECT_GT(source->age_ms(), 0);
}

}  // namespace
}  // namespace outrigger::discovery
