// Listeners that another file brings, changes and takes away, while callers are connected.
#include <gtest/gtest.h>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";
const Address kOutbound = *Address::parse("127.0.0.1:15001");
const Address kOther = *Address::parse("127.0.0.1:15002");

std::string orders() {
  return "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, retry: off}}\n";
}
std::string listening(std::string_view more) {
  return "listeners: [{name: outbound, address: '127.0.0.1:15001'}" + std::string(more) + "]\n" +
         orders();
}

TEST(ReloadListeners, AListenerThatComesIsServed) {
  Town town(listening(""));
  town.origin(kAt);
  EXPECT_TRUE(Caller(town, kOther).failed.has_value());
  town.take(listening(", {name: other, address: '127.0.0.1:15002'}"));
  EXPECT_EQ(Caller(town, kOther).get().status(), 200);
  EXPECT_EQ(Caller(town).get().status(), 200);
}

TEST(ReloadListeners, AListenerThatGoesAnswersWhatRunsAndEndsItsConnections) {
  Town town(listening(", {name: other, address: '127.0.0.1:15002'}"));
  town.origin(kAt).otherwise = after(1'000, answers(200));
  Caller running(town, kOther), idle(town, kOther), stays(town);
  running.begin("GET", "/");
  town.run();
  town.take(listening(""));
  town.run();
  EXPECT_TRUE(idle.ended);
  EXPECT_TRUE(Caller(town, kOther).failed.has_value());
  const Message answer = running.next();
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.field("connection"), "close");
  EXPECT_FALSE(stays.ended);
  EXPECT_EQ(stays.get().status(), 200);
}

TEST(ReloadListeners, WhatWaitsToBeAcceptedAtAListenerThatGoesIsServed) {
  Town town(listening(", {name: other, address: '127.0.0.1:15002'}"));
  town.origin(kAt);
  TestClient waiting(town.network, kOther);
  while (!waiting.connected) town.loop.step();
  town.take(listening(""));
  town.pass_ms(5'000);
  waiting.send("GET / HTTP/1.1\r\nHost: orders\r\n\r\n");
  town.run();
  EXPECT_TRUE(waiting.received.starts_with("HTTP/1.1 200 ")) << waiting.received;
  EXPECT_TRUE(waiting.ended);
}

TEST(ReloadListeners, AConnectionThatSaysNothingToAListenerThatHasGoneIsClosed) {
  Town town(listening(", {name: other, address: '127.0.0.1:15002'}"));
  TestClient waiting(town.network, kOther);
  while (!waiting.connected) town.loop.step();
  town.take(listening(""));
  town.pass_ms(9'000);
  EXPECT_FALSE(waiting.ended);
  town.pass_ms(2'000);
  EXPECT_TRUE(waiting.ended);
}

TEST(ReloadListeners, AnAddressThatStaysKeepsItsSocketWhateverItsListenerIsCalled) {
  Town town(listening(""));
  town.origin(kAt);
  TestClient waiting(town.network, kOutbound);
  while (!waiting.connected) town.loop.step();
  town.take("listeners: [{name: renamed, address: '127.0.0.1:15001', via: renamed}]\n" + orders());
  waiting.send("GET / HTTP/1.1\r\nHost: orders\r\n\r\n");
  town.run();
  EXPECT_NE(waiting.received.find("renamed"), std::string::npos) << waiting.received;
  EXPECT_FALSE(waiting.ended);
}

TEST(ReloadListeners, AListenerComesAndGoesAHundredTimes) {
  Town town(listening(""), 2);
  town.origin(kAt);
  Caller stays(town);
  for (int round = 0; round < 100; ++round) {
    town.take(
        listening(", {name: other, address: '127.0.0.1:15002', filters: {without: [trace]}}"));
    Caller caller(town, kOther);
    EXPECT_EQ(caller.get().status(), 200);
    town.take(listening(""));
    town.run();
    EXPECT_TRUE(caller.ended);
  }
  EXPECT_EQ(stays.get().status(), 200);
}

TEST(ReloadListeners, AServicePortThatHasGoneWithItsServiceSendsNobodyElsewhere) {
  Town town(listening(", {name: port, address: '127.0.0.1:15002', service: orders}"));
  town.origin(kAt);
  TestClient waiting(town.network, kOther);
  while (!waiting.connected) town.loop.step();
  town.take("listeners: [{name: outbound, address: '127.0.0.1:15001'}]\nservices: {}");
  waiting.send("GET / HTTP/1.1\r\nHost: other.example\r\n\r\n");
  town.run();
  EXPECT_TRUE(waiting.received.starts_with("HTTP/1.1 502 ")) << waiting.received;
}

}  // namespace
}  // namespace outrigger::testing
