// Many handshakes with the same contexts, or with newer ones: resumption, reloads, threads.
#include <ctime>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/proxy/io/tls_ends.hpp"

namespace outrigger::testing {
namespace {

using TlsContextUse = TlsMeeting;

TEST_F(TlsContextUse, ResumesWithTheSameServerOnly) {
  authority.issue("server", {.names = "DNS:orders.svc,DNS:other.svc"});
  const auto at = load(authority.server());
  const auto from = load(authority.client());
  meet(at, from);
  EXPECT_FALSE(client->info->resumed);
  loop.run_until_idle();  // the tickets arrive behind the handshake
  meet(at, from, "other.svc");
  EXPECT_FALSE(client->info->resumed);
  meet(at, from);
  EXPECT_TRUE(client->info->resumed);
  EXPECT_TRUE(server->info->resumed);
  EXPECT_EQ(client->info->peer, "orders.svc");
  EXPECT_EQ(server->info->sni, "orders.svc");
}

TEST_F(TlsContextUse, ATicketIsUsedOnce) {
  const auto at = load(authority.server());
  const auto from = load(authority.client());
  meet(at, from);
  loop.run_until_idle();
  // Both begin before either has tickets of its own.
  TlsEnd clients[2] = {TlsEnd(loop), TlsEnd(loop)};
  TlsEnd servers[2] = {TlsEnd(loop), TlsEnd(loop)};
  for (int i = 0; i < 2; ++i) {
    auto [near, far] = make_pipe(loop, pipe, *Address::parse("10.0.0.1:443"));
    servers[i].serve(std::move(far), at);
    clients[i].connect(std::move(near), from);
  }
  ASSERT_TRUE(loop.run_until([&] { return clients[0].is_over() && clients[1].is_over(); }));
  EXPECT_TRUE(clients[0].info->resumed);
  EXPECT_FALSE(clients[1].info->resumed);
}

TEST_F(TlsContextUse, ResumesAClientThatShowedItsCertificate) {
  authority.issue("client", {.names = "DNS:billing.svc"});
  const auto at = load(authority.server("server", true));
  const auto from = load(authority.client("client"));
  meet(at, from);
  loop.run_until_idle();
  meet(at, from);
  ASSERT_TRUE(server->info.has_value()) << server->reason;
  EXPECT_TRUE(server->info->resumed);
  EXPECT_EQ(server->info->peer, "billing.svc");
}

TEST_F(TlsContextUse, ATicketEndsWithTheCertificateOfItsClient) {
  authority.issue("client", {.valid_until_s = 1});
  const auto at = load(authority.server("server", true));
  const auto from = load(authority.client("client"));
  int resumed = 0;
  for (const auto end_s = std::time(nullptr) + 5; std::time(nullptr) < end_s;) {
    meet(at, from);
    if (server->failed) break;
    resumed += server->info->resumed;
    loop.run_until_idle();
  }
  EXPECT_GT(resumed, 0);
  ASSERT_TRUE(server->failed.has_value()) << "it was resumed for too long";
  EXPECT_EQ(server->reason, "certificate has expired; it asked for \"orders.svc\"");
}

TEST_F(TlsContextUse, AReloadedServerDoesNotResumeButServes) {
  const auto from = load(authority.client());
  meet(load(authority.server()), from);
  loop.run_until_idle();
  meet(load(authority.server()), from);
  ASSERT_TRUE(client->info.has_value()) << client->reason;
  EXPECT_FALSE(client->info->resumed);
}

TEST_F(TlsContextUse, ConnectionsOutliveTheContextThatMadeThem) {
  auto at = load(authority.server());
  auto from = load(authority.client());
  meet(at, from);
  at.reset();
  from.reset();
  authority.issue("server");
  client->peer.send("question");
  server->peer.send("answer");
  ASSERT_TRUE(loop.run_until(
      [&] { return server->peer.received == "question" && client->peer.received == "answer"; }));
}

TEST_F(TlsContextUse, ContextsAreSharedByThreads) {
  auto at = load(authority.server());
  auto from = load(authority.client());
  const auto work = [](io::TlsServerContextPtr ours, io::TlsClientContextPtr theirs, int* met) {
    VirtualLoop own;
    for (int i = 0; i < 20; ++i) {
      TlsEnd near(own);
      TlsEnd far(own);
      auto [near_pipe, far_pipe] = make_pipe(own);
      far.serve(std::move(far_pipe), ours);
      near.connect(std::move(near_pipe), theirs);
      own.run_until([&] { return near.is_over() && far.is_over(); });
      own.run_until_idle();
      *met += near.info && far.info;
    }
  };
  int met[2] = {};
  std::thread first(work, at, from, &met[0]);
  std::thread second(work, std::move(at), std::move(from), &met[1]);
  first.join();
  second.join();
  EXPECT_EQ(met[0], 20);
  EXPECT_EQ(met[1], 20);
}

}  // namespace
}  // namespace outrigger::testing
