#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/downstream/refused_connection.hpp"
#include "tests/unit/proxy/downstream/server_support.hpp"

namespace outrigger::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Acceptor, RefusesConnectionsAboveTheLimitOfTheProcess) {
  Server server;
  server.context.config.limits.connections = 3;
  server.counts.open_connections = 1;  // another worker's
  Caller first(server);
  Caller second(server);
  Caller third(server);
  EXPECT_THAT(third.wait(), StartsWith("HTTP/1.1 503 "));
  EXPECT_TRUE(third.ended);
  EXPECT_EQ(server.series.overload_connections.value(), 1u);
  EXPECT_EQ(server.series.downstream_connections.value(), 2);
  EXPECT_EQ(first.ask(get("/")), ok("GET / "));
  first.close();
  server.loop.run_until_idle();
  Caller fourth(server);
  EXPECT_EQ(fourth.ask(get("/")), ok("GET / ")) << "a connection that is over makes room";
  server.counts.open_connections -= 1;
}

TEST(Acceptor, ARefusedCallerThatSendsItsRequestAllTheSameIsNotReset) {
  Server server;
  server.context.config.limits.connections = 0;
  Caller caller(server);
  caller.send(post("/", std::string(100'000, 'x')));
  EXPECT_THAT(caller.wait(), StartsWith("HTTP/1.1 503 "));
  server.loop.run_until_idle();
  EXPECT_TRUE(caller.ended);
  EXPECT_FALSE(caller.broken);
  EXPECT_EQ(server.counts.open_connections.load(), 0);
  EXPECT_TRUE(server.acceptor->has_connections());
  caller.close();
  server.loop.run_until_idle();
  EXPECT_FALSE(server.acceptor->has_connections());
}

TEST(Acceptor, ARefusedCallerThatStaysIsLeftAfterAWhile) {
  Server server;
  server.context.config.limits.connections = 0;
  Caller caller(server);
  server.loop.advance_ms(http::Linger::kSilenceMs - 1);
  EXPECT_TRUE(server.acceptor->has_connections());
  server.loop.advance_ms(2);
  EXPECT_FALSE(server.acceptor->has_connections());
}

TEST(Acceptor, OfRefusedCallersOnlyTheLatestAreKept) {
  Server server;
  server.context.config.limits.connections = 0;
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < downstream::RefusedConnection::kMost + 10; ++i) {
    callers.push_back(std::make_unique<Caller>(server));
  }
  server.loop.run_until_idle();
  EXPECT_EQ(server.context.refused_count, downstream::RefusedConnection::kMost);
  EXPECT_TRUE(callers.front()->ended);
  EXPECT_FALSE(callers.front()->broken);
  EXPECT_EQ(server.acceptor->close_all(), 0);
  EXPECT_EQ(server.context.refused_count, 0);
}

// One that said nothing, one between two calls; never one that has begun.
TEST(Acceptor, AnIdleConnectionMakesRoomForAProbeAbuse116) {
  Server server;
  server.context.evicts_idle = true;
  server.context.config.limits.connections = 3;
  Caller silent(server);
  Caller kept(server);
  EXPECT_EQ(kept.ask(get("/")), ok("GET / "));
  Caller begun(server);
  begun.send("GET / HTT");
  server.loop.run_until_idle();
  Caller first(server);
  EXPECT_EQ(first.ask(get("/")), ok("GET / "));
  EXPECT_TRUE(silent.is_over());
  Caller second(server);
  EXPECT_EQ(second.ask(get("/")), ok("GET / "));
  EXPECT_TRUE(kept.is_over());
  EXPECT_EQ(begun.ask("P/1.1\r\nHost: a\r\n\r\n"), ok("GET / "));
  EXPECT_EQ(server.series.downstream_connections.value(), 3);
}

TEST(Acceptor, WithoutADescriptorAnIdleConnectionGoesForAProbeAbuse117) {
  Server server;
  server.context.evicts_idle = true;
  Caller silent(server);
  server.loop.run_until_idle();
  server.network.at(server.address).out_of_descriptors = true;
  Caller refused(server);
  EXPECT_TRUE(silent.is_over());
}

TEST(Acceptor, ConnectionsThatSayNothingOrResetAtOnceLeaveNothingAbuse116) {
  Server server;
  std::vector<std::unique_ptr<Caller>> silent;
  for (int i = 0; i < 200; ++i) silent.push_back(std::make_unique<Caller>(server));
  for (int i = 0; i < 1'000; ++i) {
    Caller storm(server);
    if (i % 2 == 0) storm.send("GET");
    storm.abort();
  }
  server.loop.run_until_idle();
  EXPECT_EQ(server.series.downstream_connections.value(), 200);
  Caller caller(server);
  EXPECT_EQ(caller.ask(get("/")), ok("GET / "));
  server.loop.advance_ms(3'602'000);
  EXPECT_EQ(server.series.downstream_connections.value(), 0) << "silence ends with keepalive";
}

TEST(Acceptor, CountsConnectionsForWhichNoDescriptorWasLeftAbuse117) {
  Server server;
  server.network.at(server.address).out_of_descriptors = true;
  Caller refused(server);
  EXPECT_EQ(server.series.overload_descriptors.value(), 1u);
  server.network.at(server.address).out_of_descriptors = false;
  Caller caller(server);
  EXPECT_EQ(caller.ask(get("/")), ok("GET / ")) << "it recovers by itself";
}

TEST(Acceptor, RemembersWhenTheLastConnectionCame) {
  Server server;
  EXPECT_EQ(server.counts.last_accepted_ms.load(), 0);
  server.loop.advance_ms(500);
  Caller caller(server);
  EXPECT_EQ(server.counts.last_accepted_ms.load(), server.loop.now_ms());
}

TEST(Drain, ListenersCloseAndConnectionsLiveOnAbuse152) {
  Server server;
  Caller caller(server);
  server.acceptor->stop_listening();
  server.loop.run_until_idle();
  Caller late(server);
  EXPECT_EQ(late.failed, Cause::kConnectRefused);
  EXPECT_EQ(caller.ask(get("/")), ok("GET / "));
}

TEST(Drain, AnswersOfTheLastPhaseEndTheirConnectionAbuse152) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(get("/"));
  server.acceptor->drain();
  server.loop.post([&] { server.terminal.last().respond(200, "x"); });
  const std::string answer = caller.wait();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(caller.ended);
}

TEST(Drain, NewCallsOfTheLastPhaseAreRefusedAbuse152) {
  Server server;
  Caller caller(server);
  server.acceptor->drain();
  const std::string answer = caller.ask(get("/"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, HasSubstr("details=\"draining\""));
  EXPECT_TRUE(caller.ended);
  EXPECT_TRUE(server.terminal.calls.empty());
}

TEST(Drain, IdleConnectionsEndBusyOnesDoNotAbuse152) {
  Server server;
  server.terminal.echoes = false;
  Caller idle(server);
  Caller busy(server);
  Caller beginning(server);
  busy.ask(get("/"));
  beginning.ask("GET / HT");
  server.loop.post([&] { server.acceptor->drain_idle(); });
  server.loop.run_until_idle();
  EXPECT_TRUE(idle.ended);
  EXPECT_FALSE(idle.broken);
  EXPECT_FALSE(busy.is_over());
  EXPECT_FALSE(beginning.is_over());
  idle.close();
  server.loop.run_until_idle();
  EXPECT_EQ(server.series.downstream_connections.value(), 2);
}

TEST(Drain, WhatStillRunsAtTheEndIsResetAndCountedAbuse152) {
  Server server;
  server.terminal.echoes = false;
  Caller idle(server);
  Caller busy(server);
  busy.ask(get("/"));
  EXPECT_EQ(server.acceptor->close_all(), 1);
  server.loop.run_until_idle();
  EXPECT_TRUE(busy.broken);
  EXPECT_TRUE(idle.broken);
  EXPECT_TRUE(server.terminal.last().cancelled);
  EXPECT_EQ(server.ends.dropped, 1);
  EXPECT_FALSE(server.acceptor->has_connections());
}

}  // namespace
}  // namespace outrigger::testing
