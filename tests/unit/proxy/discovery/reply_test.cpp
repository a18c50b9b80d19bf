#include "proxy/discovery/reply.hpp"

#include <gtest/gtest.h>

#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

std::string said(const Result<AddressList>& list) {
  if (!list) return list.error();
  std::string text;
  for (const auto& each : *list) {
    text += each.address.to_string() + (each.weight == 1 ? "" : "*" + std::to_string(each.weight)) +
            " ";
  }
  return text;
}

// As Consul 1.14 writes it, shortened by fields that nobody reads.
constexpr const char* kConsul = R"([
 {"Node": {"Node": "n1", "Address": "10.0.0.9", "Meta": {"consul-network-segment": ""}},
  "Service": {"ID": "orders-1", "Service": "orders", "Tags": ["v1"], "Address": "10.0.0.1",
   "TaggedAddresses": {"lan_ipv4": {"Address": "10.0.0.1", "Port": 8080}},
   "Weights": {"Passing": 3, "Warning": 1}, "Port": 8080, "Proxy": {"Mode": ""}},
  "Checks": [{"CheckID": "serfHealth", "Status": "passing", "Definition": {}}]},
 {"Node": {"Address": "10.0.0.9"}, "Service": {"Address": "", "Port": 81}}])";

TEST(ConsulReply, InstancesHaveTheAddressOfTheServiceOrElseOfTheNode) {
  EXPECT_EQ(said(read_consul(kConsul)), "10.0.0.1:8080*3 10.0.0.9:81 ");
  EXPECT_EQ(said(read_consul("[]")), "");
}

TEST(ConsulReply, WhatIsWrongRefusesTheWholeAnswer) {
  const std::string good = kConsul;
  for (size_t cut = 1; cut < good.size(); ++cut) {
    EXPECT_EQ(said(read_consul(good.substr(0, cut))), "the answer is no JSON") << cut;
  }
  EXPECT_EQ(said(read_consul("")), "the answer is no JSON");
  EXPECT_EQ(said(read_consul("<html>Bad gateway</html>")), "the answer is no JSON");
  EXPECT_EQ(said(read_consul("{}")), "the answer is no list");
  EXPECT_EQ(said(read_consul("null")), "the answer is no list");
  EXPECT_EQ(said(read_consul(R"([{"Node": {}}])")), "an item has no \"Service\"");
  EXPECT_EQ(said(read_consul(R"([{"Service": 7}])")), "an item has no \"Service\"");
  for (const char* port : {"0", "-1", "65536", "99999999999999999999", "\"x\"", "null", "1.5"}) {
    const std::string item =
        R"([{"Service": {"Address": "10.0.0.1", "Port": )" + std::string(port) + "}}]";
    EXPECT_EQ(said(read_consul(item)), "an instance has no usable port") << port;
  }
  EXPECT_EQ(said(read_consul(R"([{"Service": {"Address": "db.test", "Port": 1}}])")),
            "an instance has no IP address, but \"db.test\"");
  EXPECT_EQ(said(read_consul(R"([{"Service": {"Address": {"a": 1}, "Port": 1}}])")),
            "an instance has no IP address, but \"\"");
}

TEST(ConsulReply, WeightsAreBounded) {
  const auto weight = [](const std::string& text) {
    return said(read_consul(R"([{"Service": {"Address": "10.0.0.1", "Port": 1, "Weights": )" +
                            text + "}}]"));
  };
  EXPECT_EQ(weight(R"({"Passing": 0})"), "10.0.0.1:1 ");
  EXPECT_EQ(weight(R"({"Passing": 70000})"), "10.0.0.1:1*1000 ");
  EXPECT_EQ(weight(R"("heavy")"), "10.0.0.1:1 ");
}

TEST(ConsulReply, WhatIsNoInstanceIsNotPassedOver) {
  for (const char* item : {"1", "\"none\"", "null", "true", "[]", "[[]]"}) {
    EXPECT_EQ(said(read_consul("[" + std::string(item) + "]")), "an item is no object") << item;
  }
}

TEST(ConsulReply, DeepNestingIsNoCrash) {
  EXPECT_EQ(said(read_consul(std::string(200'000, '['))), "the answer is no JSON");
  const std::string deep = std::string(50'000, '[') + std::string(50'000, ']');
  EXPECT_EQ(said(read_consul(deep)), "an item is no object");
}

// As Spring Cloud Netflix 4.1 writes it, shortened.
std::string instance(const std::string& ip, const std::string& status, const std::string& port) {
  return R"({"instanceId": ")" + ip + R"(:orders", "hostName": "h", "app": "ORDERS", "ipAddr": ")" +
         ip + R"(", "status": ")" + status + R"(", "overriddenStatus": "UNKNOWN", "port": {"$": )" +
         port +
         R"(, "@enabled": "true"}, "securePort": {"$": 443, "@enabled": "false"},
    "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
    "name": "MyOwn"}, "leaseInfo": {"renewalIntervalInSecs": 30}, "metadata": {"zone": "a"},
    "vipAddress": "orders", "isCoordinatingDiscoveryServer": "false"})";
}

TEST(EurekaReply, OnlyThoseThatAreUpTakeCalls) {
  const std::string app =
      R"({"application": {"name": "ORDERS", "instance": [)" + instance("10.0.0.1", "UP", "8080") +
      "," + instance("10.0.0.2", "DOWN", "8080") + "," +
      instance("10.0.0.3", "OUT_OF_SERVICE", "8080") + "," + instance("10.0.0.4", "STARTING", "1") +
      "," + instance("10.0.0.5", "UP", "\"81\"") + "]}}";
  EXPECT_EQ(said(read_eureka(app)), "10.0.0.1:8080 10.0.0.5:81 ");
}

TEST(EurekaReply, OfAVipAndOfOneInstanceThatIsNoList) {
  const std::string vip =
      R"({"applications": {"versions__delta": "1", "apps__hashcode": "UP_2_", "application": [)"
      R"({"name": "A", "instance": [)" +
      instance("10.0.0.1", "UP", "1") + R"(]}, {"name": "B", "instance": )" +
      instance("10.0.0.2", "UP", "2") + "}]}}";
  EXPECT_EQ(said(read_eureka(vip)), "10.0.0.1:1 10.0.0.2:2 ");
  EXPECT_EQ(said(read_eureka(R"({"applications": {"application": []}})")), "");
}

TEST(EurekaReply, WhatIsWrongRefusesTheWholeAnswer) {
  EXPECT_EQ(said(read_eureka("<application/>")), "the answer is no JSON");
  EXPECT_EQ(said(read_eureka("[]")), "the answer is no application");
  EXPECT_EQ(said(read_eureka(R"({"application": {"instance": [)" + instance("10.0.0.1", "UP", "0") +
                             "]}}")),
            "an instance has no usable port");
  EXPECT_EQ(
      said(read_eureka(R"({"application": {"instance": [)" + instance("h", "UP", "1") + "]}}")),
      "an instance has no IP address, but \"h\"");
  EXPECT_EQ(said(read_eureka(R"({"application": {"instance": [{"ipAddr": "1.2.3.4", "status":
                             "UP"}]}})")),
            "an instance has no open port");
}

TEST(EurekaReply, WhatIsNoInstanceIsNotPassedOver) {
  const std::string good = instance("10.0.0.1", "UP", "1");
  for (const char* item : {"1", "\"none\"", "null", "[]", "{}", R"({"status": "UP"})"}) {
    const std::string instances = "[" + good + ", " + item + "]";
    const std::string why = "an instance has no address and status";
    EXPECT_EQ(said(read_eureka(R"({"application": {"instance": )" + instances + "}}")), why);
    EXPECT_EQ(said(read_eureka(R"({"applications": {"application": [{"instance": )" + instances +
                               "}]}}")),
              why)
        << item;
  }
  EXPECT_EQ(said(read_eureka(R"({"application": {"instance": "none"}})")),
            "an instance has no address and status");
  EXPECT_EQ(said(read_eureka(R"({"applications": {"application": [7]}})")),
            "an application is no object");
}

constexpr const char* kSlice = R"({"metadata": {"name": "orders-x7", "namespace": "shop",
 "labels": {"kubernetes.io/service-name": "orders"}, "resourceVersion": "812"},
 "addressType": "IPv4", "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
 "endpoints": [{"addresses": ["10.1.0.1"], "conditions": {"ready": true}},
  {"addresses": ["10.1.0.2"], "conditions": {"ready": false, "serving": true, "terminating": true}},
  {"addresses": ["10.1.0.3"], "conditions": {"ready": false, "serving": false}},
  {"addresses": ["10.1.0.4"], "conditions": {}},
  {"addresses": []}]})";

std::string said(const Slice& slice) {
  std::string text = slice.name + " of " + slice.service + ":";
  for (const auto& [name, port] : slice.ports) text += " " + name + "=" + std::to_string(port);
  for (const auto& endpoint : slice.endpoints) {
    text += " " + endpoint.ip + (endpoint.terminating ? "(terminating)" : "");
  }
  return text;
}

TEST(SliceReply, ReadyServingAndTerminating) {
  const auto page = read_slices(R"({"kind": "EndpointSliceList", "metadata": {"resourceVersion":
    "900", "continue": "next"}, "items": [)" +
                                std::string(kSlice) + "]}");
  ASSERT_TRUE(page) << page.error();
  EXPECT_EQ(page->version, "900");
  EXPECT_EQ(page->next_page, "next");
  ASSERT_EQ(page->slices.size(), 1U);
  EXPECT_EQ(said(page->slices.front()),
            "orders-x7 of orders: http=8080 10.1.0.1 10.1.0.2(terminating) 10.1.0.4");
}

TEST(SliceReply, WhatIsWrongRefusesThePage) {
  EXPECT_EQ(read_slices("{").error(), "the answer is no JSON");
  EXPECT_EQ(read_slices("{}").error(), "the answer is no list");
  EXPECT_EQ(read_slices(R"({"items": [{"metadata": {}}]})").error(),
            "an EndpointSlice has no name");
  EXPECT_EQ(
      read_slices(R"({"items": [{"metadata": {"name": "a"}, "ports": [{"port": 0}]}]})").error(),
      "an EndpointSlice has an absurd port");
}

TEST(SliceReply, WhatIsNoSliceOrEndpointIsNotPassedOver) {
  EXPECT_EQ(read_slices(R"({"items": ["none"]})").error(), "an EndpointSlice is no object");
  const auto wrong = [](const std::string& part) {
    const auto page = read_slices(
        R"({"items": [{"metadata": {"name": "a"}, "addressType": "IPv4", )" + part + "}]}");
    return page ? "" : page.error();
  };
  for (const char* endpoints :
       {"7", "{}", R"("a")", "[7]", "[null]", R"([{"addresses": "a"}])", R"([{"addresses": [7]}])",
        R"([{"addresses": [""]}])", R"([{"addresses": ["orders.internal"]}])"}) {
    EXPECT_EQ(wrong(R"("endpoints": )" + std::string(endpoints)),
              "an EndpointSlice has an endpoint without an IP address")
        << endpoints;
  }
  for (const char* ports : {"7", R"({"http": 1})", "[7]", "[null]", R"([{"port": "http"}])"}) {
    EXPECT_EQ(wrong(R"("ports": )" + std::string(ports)), "an EndpointSlice has an absurd port")
        << ports;
  }
  EXPECT_EQ(wrong(R"("endpoints": null, "ports": null)"), "");
  EXPECT_EQ(wrong(R"("endpoints": [], "ports": [{"name": "every"}, {"port": null}])"), "");
}

TEST(SliceReply, EventsOfAWatch) {
  using Kind = SliceEvent::Kind;
  const auto event =
      read_slice_event(R"({"type": "MODIFIED", "object": )" + std::string(kSlice) + "}");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, Kind::kSet);
  EXPECT_EQ(event->version, "812");
  EXPECT_EQ(event->slice.name, "orders-x7");
  EXPECT_EQ(read_slice_event(R"({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion":
    "9"}}})")
                ->kind,
            Kind::kBookmark);
  EXPECT_EQ(read_slice_event(R"({"type": "ERROR", "object": {"kind": "Status", "code": 410,
    "reason": "Expired"}})")
                ->kind,
            Kind::kGone);
  EXPECT_EQ(read_slice_event(R"({"type": "ERROR", "object": {"code": 500, "message": "m"}})")->why,
            "m");
  EXPECT_FALSE(read_slice_event("{\"type\": \"ADD"));
  EXPECT_FALSE(read_slice_event(R"({"type": "ADDED"})"));
  EXPECT_FALSE(read_slice_event(R"({"type": "NEWS", "object": {}})"));
}

}  // namespace
}  // namespace outrigger::discovery
