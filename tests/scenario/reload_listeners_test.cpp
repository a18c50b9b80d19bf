// Listeners that another file brings, changes and takes away, while callers are connected.
#include <gtest/gtest.h>

#include "tests/support/orders.hpp"
#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

const Address kOutbound = *Address::parse("127.0.0.1:15001");
const Address kOther = *Address::parse("127.0.0.1:15002");

std::string with_another(std::string_view more = "") {
  return listening("}, {name: other, address: '127.0.0.1:15002'" + std::string(more));
}

// Connected, and not accepted yet.
struct Waiting : TestClient {
  Waiting(Town& of, const Address& to) : TestClient(of.network, to), town(of) {
    while (!connected) town.loop.step();
  }
  // What a request for that host gets.
  std::string ask(const std::string& host = "orders") {
    send("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    town.run();
    return received;
  }
  Town& town;
};

TEST(ReloadListeners, AListenerThatComesIsServed) {
  Town town(listening(""));
  town.origin(kAt);
  EXPECT_TRUE(Caller(town, kOther).failed.has_value());
  town.take(with_another());
  EXPECT_EQ(Caller(town, kOther).get().status(), 200);
  EXPECT_EQ(Caller(town).get().status(), 200);
}

TEST(ReloadListeners, AListenerThatGoesAnswersWhatRunsAndEndsItsConnections) {
  Town town(with_another());
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
  Town town(with_another());
  town.origin(kAt);
  Waiting waiting(town, kOther);
  town.take(listening(""));
  town.pass_ms(5'000);
  EXPECT_TRUE(waiting.ask().starts_with("HTTP/1.1 200 ")) << waiting.received;
  EXPECT_TRUE(waiting.ended);
}

TEST(ReloadListeners, AConnectionThatSaysNothingToAListenerThatHasGoneIsClosed) {
  Town town(with_another());
  Waiting waiting(town, kOther);
  town.take(listening(""));
  town.pass_ms(9'000);
  EXPECT_FALSE(waiting.ended);
  town.pass_ms(2'000);
  EXPECT_TRUE(waiting.ended);
}

TEST(ReloadListeners, AnAddressThatStaysKeepsItsSocketWhateverItsListenerIsCalled) {
  Town town(listening(""));
  town.origin(kAt);
  Waiting waiting(town, kOutbound);
  town.take("listeners: [{name: renamed, address: '127.0.0.1:15001', via: renamed}]\n" + orders());
  EXPECT_NE(waiting.ask().find("renamed"), std::string::npos) << waiting.received;
  EXPECT_FALSE(waiting.ended);
}

TEST(ReloadListeners, AListenerComesAndGoesAHundredTimes) {
  Town town(listening(""), 2);
  town.origin(kAt);
  Caller stays(town);
  for (int round = 0; round < 100; ++round) {
    town.take(with_another(", filters: {without: [trace]}"));
    Caller caller(town, kOther);
    EXPECT_EQ(caller.get().status(), 200);
    town.take(listening(""));
    town.run();
    EXPECT_TRUE(caller.ended);
  }
  EXPECT_EQ(stays.get().status(), 200);
}

TEST(ReloadListeners, AServicePortThatHasGoneWithItsServiceSendsNobodyElsewhere) {
  Town town(with_another(", service: orders"));
  town.origin(kAt);
  Waiting waiting(town, kOther);
  town.take("listeners: [{name: outbound, address: '127.0.0.1:15001'}]\nservices: {}");
  EXPECT_TRUE(waiting.ask("other.example").starts_with("HTTP/1.1 502 ")) << waiting.received;
}

}  // namespace
}  // namespace outrigger::testing
